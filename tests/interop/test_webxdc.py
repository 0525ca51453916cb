"""In-chat apps, each way: what they tell about themselves, their updates, what may not change them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import zipfile

import pytest
from story import Lab, Message, eventually, stays
from test_messages import talking

PAGE = b"<!DOCTYPE html><title>Poll</title>"


def app(tmp_path, name="poll.xdc", manifest='name = "Poll"\n', padding=0):
    """An app as a file; `padding` bytes do not compress."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", PAGE)
        archive.writestr("manifest.toml", manifest)
        if padding:
            noise = b"".join(hashlib.sha256(b"%d" % block).digest() for block in range(padding // 32))
            archive.writestr("noise.bin", noise, compress_type=zipfile.ZIP_STORED)
    path = tmp_path / name
    path.write_bytes(packed.getvalue())
    return path


def sends(message: Message, **update) -> None:
    message.profile.call("send_webxdc_status_update", message.id, json.dumps(update), None)


def updates(message: Message, after: int = 0) -> list[dict]:
    return json.loads(message.profile.call("get_webxdc_status_updates", message.id, after))


def payloads(message: Message) -> list:
    return [update["payload"] for update in updates(message)]


def has(message: Message, *expected) -> None:
    """Waits until these are the payloads, in any order."""
    wanted = sorted(map(str, expected))
    eventually(f"{message.profile.name} has {wanted}", lambda: sorted(map(str, payloads(message))) == wanted)


def info(message: Message) -> dict:
    return message.profile.call("get_webxdc_info", message.id)


def receives_app(profile, text: str) -> Message:
    """Waits until an app came whole, with its file."""
    message = profile.receives(text)
    eventually("the app is here", lambda: message.snapshot()["viewType"] == "Webxdc")
    profile.call("accept_chat", message.snapshot()["chatId"])
    return message


def playing(one, other, tmp_path, **archive):
    """Two profiles; the first has sent an app. The app as both see it."""
    alice, bob, chat, theirs = talking(one, other)
    mine = chat.send_file(app(tmp_path, **archive), "Webxdc", "play")
    return alice, bob, mine, receives_app(bob, "play")


def test_app(one, other, tmp_path):
    """Both see the same app; each has an address of its own in it."""
    alice, bob, mine, yours = playing(one, other, tmp_path, manifest='name = "Poll"\nsource_code_url = "https://x"\n')
    ours, theirs = info(mine), info(yours)
    assert (ours["isAppSender"], theirs["isAppSender"]) == (True, False)
    addresses = ours.pop("selfAddr"), theirs.pop("selfAddr")
    assert addresses[0] != addresses[1] and all(len(address) == 64 for address in addresses)
    ours["isAppSender"] = False
    assert ours == theirs
    assert (ours["name"], ours["sourceCodeUrl"], ours["sendUpdateMaxSize"]) == ("Poll", "https://x", 22806528)
    for message in (mine, yours):
        chat = str(message.snapshot()["chatId"])
        item = message.profile.call("get_chatlist_items_by_entries", [int(chat)])[chat]
        assert item["summaryText2"] == "📱 Poll – play"
        page = message.profile.call("get_webxdc_blob", message.id, "/index.html")
        assert "=" not in page and base64.b64decode(page + "==") == PAGE
        icon = message.profile.call("get_webxdc_blob", message.id, ours["icon"])
        assert base64.b64decode(icon + "==").startswith(b"\x89PNG")


def test_updates_both_ways(one, other, tmp_path):
    alice, bob, mine, yours = playing(one, other, tmp_path)
    sends(mine, payload={"z": 1, "a": [1.50, None, "ä\u2028"]}, summary="1 vote", document="doc", unknown=1)
    has(yours, {"a": [1.5, None, "ä\u2028"], "z": 1})
    bob.event("WebxdcStatusUpdate", msgId=yours.id)
    sends(yours, payload=2, info="Bob voted", href="#bob")
    has(mine, {"a": [1.5, None, "ä\u2028"], "z": 1}, 2)
    assert (info(yours)["summary"], info(yours)["document"]) == ("1 vote", "doc")
    newest = updates(mine)[-1]
    assert newest["info"] == "Bob voted" and "uid" not in newest and newest["serial"] == newest["max_serial"]
    assert updates(mine, newest["serial"]) == []
    line = eventually("a line in the chat", lambda: next(
        (found for id in alice.call("get_message_ids", mine.snapshot()["chatId"], False, False)
         if (found := alice.call("get_message", id))["text"] == "Bob voted"), None))
    assert (line["systemMessageType"], line["webxdcHref"], line["parentId"]) == ("WebxdcInfoMessage", "#bob", mine.id)
    assert alice.call("get_webxdc_href", line["id"]) == "#bob"


def test_many_updates(one, other, tmp_path):
    """All of them arrive, each once; relays may deliver their mails in any order."""
    alice, bob, mine, yours = playing(one, other, tmp_path)
    for number in range(200):
        sends(mine, payload=number)
    eventually("all are there", lambda: len(updates(yours)) == 200)
    assert sorted(payloads(yours)) == list(range(200))


def test_large_updates(one, other, tmp_path):
    alice, bob, mine, yours = playing(one, other, tmp_path)
    large = ["x" * 40_000, "y" * 40_000, "z" * 40_000, "w" * 400_000]
    for payload in large:
        sends(mine, payload=payload)
    has(yours, *large)


def test_update_right_after_the_app(one, other, tmp_path):
    """What is sent at once does not overtake the app, small or large."""
    alice, bob, chat, _ = talking(one, other)
    for text, padding in (("small", 0), ("large", 200_000)):
        mine = chat.send_file(app(tmp_path, f"{text}.xdc", padding=padding), "Webxdc", text)
        sends(mine, payload=text)
        has(receives_app(bob, text), text)


def test_updates_before_download(volary, peer, tmp_path):
    """Updates of an app that is only announced are kept, without a line in the chat, and are there when it is downloaded.
    Told one way only: with this limit chatmail core does not show the app as one to be downloaded."""
    alice, bob, chat, _ = talking(peer, volary)
    bob.call("set_config", "download_limit", "1")
    mine = chat.send_file(app(tmp_path, padding=200_000), "Webxdc", "large")
    # Clients of chatmail core see the size behind the text as long as the app is only announced.
    yours = eventually("the app is announced", lambda: next(
        (Message(bob, message["id"]) for chat in bob.chats() for message in chat.messages()
         if message["text"].startswith("large")), None))
    assert yours.snapshot()["text"].startswith("large [Poll – "), "announced by the name of the app"
    sends(mine, payload="early", info="not shown", summary="sum")
    has(yours, "early")
    assert yours.snapshot()["downloadState"] == "Available"
    bob.call("download_full_message", yours.id)
    eventually("the app is here", lambda: yours.snapshot()["viewType"] == "Webxdc")
    assert (payloads(yours), info(yours)["summary"]) == (["early"], "sum")
    ids = bob.call("get_message_ids", yours.snapshot()["chatId"], False, False)
    assert not any(bob.call("get_message", id)["text"] == "not shown" for id in ids)
    sends(yours, payload="late")
    has(mine, "early", "late")


@pytest.mark.skipif(os.geteuid() != 0, reason="touching mailboxes needs root")
def test_updates_before_their_app(volary, peer, tmp_path):
    """Volary keeps what comes too early; chatmail core, which drops it, relies on the app being sent again."""
    alice, bob, chat, _ = talking(peer, volary)
    lab, [address] = Lab(), bob.addresses()
    eventually("all mail is taken", lambda: lab.mails(address) == 0)
    bob.account.stop_io()
    mine = chat.send_file(app(tmp_path), "Webxdc", "play")
    eventually("the app is in the mailbox", lambda: lab.mails(address) == 1)
    [mail] = (file for part in ("new", "cur") for file in (lab.mailbox(address) / part).iterdir())
    held = mail.rename(lab.mailbox(address) / f"held-{mail.name.split(',')[0]}")
    for number in range(3):
        sends(mine, payload=number)
    eventually("the updates are in the mailbox", lambda: lab.mails(address) > 0)
    bob.goes_online()
    eventually("they are taken", lambda: lab.mails(address) == 0)
    bob.account.stop_io()
    held.rename(lab.mailbox(address) / "new" / held.name)
    bob.goes_online()
    yours = receives_app(bob, "play")
    has(yours, 0, 1, 2)
    sends(yours, payload="back")
    has(mine, 0, 1, 2, "back")


def test_draft(one, other, tmp_path):
    """Updates of a draft travel with the app, and the address inside stays the same."""
    alice, bob, chat, _ = talking(one, other)
    chat.call("misc_set_draft", "from a draft", str(app(tmp_path)), "poll.xdc", None, "File")
    draft = Message(alice, chat.call("get_draft")["id"])
    address = info(draft)["selfAddr"]
    sends(draft, payload="early", info="not shown", summary="sum")
    assert payloads(draft) == ["early"]
    mine = Message(alice, chat.call("misc_send_draft"))
    assert (mine.id, info(mine)["selfAddr"], payloads(mine)) == (draft.id, address, ["early"])
    yours = receives_app(bob, "from a draft")
    has(yours, "early")
    assert info(yours)["summary"] == "sum"
    for profile, message in ((alice, mine), (bob, yours)):
        ids = profile.call("get_message_ids", message.snapshot()["chatId"], False, False)
        assert not any(profile.call("get_message", id)["text"] == "not shown" for id in ids)


def test_resend_and_forward(one, other, tmp_path):
    """Resending brings the state to new members; a forwarded app starts anew."""
    alice, bob = one.account("Alice"), other.account("Bob")
    carol = other.account("Carol")
    group = alice.creates_group("Players", alice.knows(bob) and bob)
    mine = group.send_file(app(tmp_path), "Webxdc", "play")
    sends(receives_app(bob, "play"), payload="bob")
    has(mine, "bob")
    sends(mine, payload="alice")
    group.add(carol)
    alice.call("resend_messages", [mine.id])
    yours = receives_app(carol, "play")
    has(yours, "bob", "alice")
    sends(yours, payload="carol")
    has(mine, "bob", "alice", "carol")
    forwarded = alice.chat_with(bob)
    alice.call("forward_messages", [mine.id], forwarded.id)
    copy = eventually("the copy", lambda: next((m for m in forwarded.messages() if m["viewType"] == "Webxdc"), None))
    assert updates(Message(alice, copy["id"])) == []
    there = eventually("Bob has the copy", lambda: next(
        (message for chat in bob.chats() for message in chat.messages()
         if message["viewType"] == "Webxdc" and message["isForwarded"]), None))
    assert updates(Message(bob, there["id"])) == []
    sends(Message(alice, copy["id"]), payload="anew")
    has(Message(bob, there["id"]), "anew")
    assert "anew" not in payloads(mine)


def test_removed_member(one, other, tmp_path):
    """Who was removed changes nothing any more."""
    alice, bob, carol = one.account("Alice"), other.account("Bob"), other.account("Carol")
    group = alice.creates_group("Players", bob, carol)
    mine = group.send_file(app(tmp_path), "Webxdc", "play")
    bobs, carols = receives_app(bob, "play"), receives_app(carol, "play")
    carol.account.stop_io()
    sends(carols, payload="carol")
    group.call("remove_contact_from_chat", alice.knows(carol))
    eventually("Bob knows", lambda: len(bob.call("get_chat_contacts", bobs.snapshot()["chatId"])) == 2)
    carol.goes_online()
    sends(bobs, payload="bob")
    has(mine, "bob")
    stays("nothing of Carol comes", lambda: payloads(mine) == ["bob"], 3)


def test_notify(one, other, tmp_path):
    alice, bob, mine, yours = playing(one, other, tmp_path)
    sends(mine, payload=1, notify={info(yours)["selfAddr"]: "your turn", "*": "somebody's turn"}, href="#turn")
    event = bob.event("IncomingWebxdcNotify")
    assert (event["text"], event["href"], event["msgId"]) == ("your turn", "#turn", yours.id)


def test_deleted_app(one, other, tmp_path):
    alice, bob, mine, yours = playing(one, other, tmp_path)
    sends(mine, payload=1)
    has(yours, 1)
    alice.call("delete_messages_for_all", [mine.id])
    bob.event("WebxdcInstanceDeleted", msgId=yours.id)
    assert updates(yours) == []


@pytest.mark.parametrize("update", ["", "[]", "{}", '{"payload":1,"info":5}', '{"payload":1e400}'])
def test_bad_update(volary, peer, tmp_path, update):
    """Both refuse the same, with the same words, and keep nothing."""
    refusals = []
    for server in (volary, peer):
        profile = server.account("Alice")
        mine = profile.chat_with(server.account("Bob")).send_file(app(tmp_path), "Webxdc", "play")
        with pytest.raises(Exception) as refusal:
            profile.call("send_webxdc_status_update", mine.id, update, None)
        refusals.append(str(refusal.value).split("item from")[0])
        assert updates(mine) == []
    assert refusals[0] == refusals[1]


def test_map(volary, peer, tmp_path):
    """A client finds the same about the app that shows maps, be it its own or one that the user chose."""
    path = str(app(tmp_path, "map.xdc", manifest='name = "Map"\nrequest_integration = "map"\n'))
    found = []
    for server in (volary, peer):
        alice = server.account("Alice")
        before = alice.call("init_webxdc_integration", None)
        alice.call("set_webxdc_integration", path)
        brought = Message(alice, alice.call("init_webxdc_integration", None))
        saved = alice.call("create_chat_by_contact_id", 1)
        shown = len(alice.call("get_message_ids", saved, False, False))
        own = Message(alice, alice.call("send_msg", saved, {"file": path, "viewtype": "Webxdc"}))
        chosen = alice.call("init_webxdc_integration", saved)
        told = [{key: value for key, value in info(message).items() if key != "selfAddr"} for message in (brought, own)]
        sends(own, payload={"action": "look"})
        alice.call("delete_messages", [own.id])
        gone = alice.call("init_webxdc_integration", None)
        found.append((before, shown, chosen == own.id, told, updates(own), gone))
    assert found[0] == found[1]
