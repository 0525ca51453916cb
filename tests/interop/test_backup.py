"""Backups: what one engine exports the other imports, with all that users see, and the profile goes on there."""

import json
import struct
import tarfile
import zlib
from pathlib import Path

import pytest
from story import DELIVERED, READ, SELF, Chat, Message, Profile, eventually
from test_webxdc import app, has, receives_app, sends


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of 8 by 8 pixels in one colour."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = (b"\0" + bytes((red, green, blue)) * 8) * 8
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


PICTURE = png(200, 30, 30)
PENDING = (18, 20)


class Story:
    """A profile with one of everything, and the people around it."""

    def __init__(self, home, away, tmp_path: Path) -> None:
        self.alice, self.bob, self.carol = home.account("Alice"), away.account("Bob"), away.account("Carol")
        self.folder = tmp_path / "files"
        self.folder.mkdir()
        self.settings()
        self.talk()
        self.round()
        self.apart()

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def settings(self) -> None:
        for key, value in {"selfstatus": "On a journey 🚂", "ui.theme": "dark", "ui.android.x": "1", "bcc_self": "1",
                           "selfavatar": str(self.file("me.png", PICTURE)), "mdns_enabled": "1",
                           "delete_device_after": "0", "media_quality": "1", "private_tag": "work"}.items():
            self.alice.call("set_config", key, value)

    def talk(self) -> None:
        alice, bob = self.alice, self.bob
        self.chat = alice.chat_with(bob)
        self.theirs = bob.chat_with(alice)
        first = self.chat.send("Hello Bob")
        bob.receives("Hello Bob").mark_seen()
        first.reaches(READ)
        answer = self.theirs.send("Hello Alice")
        received = alice.receives("Hello Alice")
        alice.call("send_reaction", received.id, ["👍"])
        eventually("the reaction arrives", lambda: answer.snapshot()["reactions"])
        bob.call("send_reaction", bob.receives("Hello Bob").id, ["🎉"])
        eventually("Bob's reaction arrives", lambda: first.snapshot()["reactions"])
        quoting = {"text": "A quote", "quotedMessageId": received.id}
        Message(alice, alice.call("send_msg", self.chat.id, quoting))
        edited = self.chat.send("Before the edit")
        bob.receives("A quote")
        bob.receives("Before the edit")
        alice.call("send_edit_request", edited.id, "After the edit")
        bob.receives("After the edit")
        alice.call("set_pinned_message_state", edited.id, True)
        deleted = self.theirs.send("To be deleted")
        alice.call("delete_messages", [alice.receives("To be deleted").id])
        self.tombstone = deleted
        alice.call("save_msgs", [received.id])
        self.theirs.send_file(self.file("plan ä.txt", b"the plan"), "File", "a file")
        alice.receives("a file").file()
        self.chat.send_file(self.file("dot.png", PICTURE), "Image", "a picture")
        bob.receives("a picture")
        bob.call("send_msg", self.theirs.id, {"text": "With HTML", "html": "<b>With HTML</b>"})
        alice.receives("With HTML")
        alice.call("misc_set_draft", self.chat.id, "A draft", None, None, None, None)
        contact = alice.knows(bob)
        alice.call("change_contact_name", contact, "Bobby")

    def round(self) -> None:
        alice, bob, carol = self.alice, self.bob, self.carol
        self.group = alice.creates_group("Round", bob, carol)
        self.group.call("set_chat_profile_image", str(self.file("group.png", PICTURE)))
        self.group.send("Welcome")
        for member in (bob, carol):
            member.receives("Welcome").chat().accept()
        alice.call("set_chat_description", self.group.id, "What we talk about")
        self.group.set_timer(86400)
        self.group.send("With a timer")
        carol.receives("With a timer").chat().send("Carol is here")
        alice.receives("Carol is here")
        alice.call("set_chat_mute_duration", self.group.id, {"kind": "Forever"})
        alice.call("set_chat_visibility", self.group.id, "Pinned")
        self.app = self.group.send_file(app(self.folder), "Webxdc", "an app")
        theirs = receives_app(bob, "an app")
        sends(self.app, payload={"n": 1}, summary="one", document="doc", info="An info")
        has(theirs, {"n": 1})
        sends(theirs, payload={"n": 2})
        has(self.app, {"n": 1}, {"n": 2})
        alice.call("send_locations_to_chat", self.group.id, 600)
        alice.server.rpc.set_location(52.5, 13.25, 10.0)

    def apart(self) -> None:
        """What needs nobody else."""
        alice = self.alice
        self.channel = Chat(alice, alice.call("create_broadcast", "News"))
        self.new = Chat(alice, alice.call("create_group_chat", "Not yet announced", False))
        alice.call("set_chat_visibility", self.new.id, "Archived")
        alice.call("add_device_message", "hint", {"text": "A hint"})
        stranger = alice.call("create_contact", "dave@example.org", "Dave")
        alice.call("block_contact", stranger)
        self.invite = alice.invite()


TIED_TO_PLACE = {"id", "chatId", "parentId", "file", "profileImage", "image", "path", "originalMsgId", "savedMessageId",
                 "messageId", "chatProfileImage", "fileBytes", "duration", "freshMessageCounter", "isFreshMessage",
                 "lastSeen", "freshness", "wasSeenRecently", "timestamp", "lastUpdated", "authorDisplayName", "isVerified", "verifierId",
                 "nameAndAddr", "sortTimestamp", "hasDeviatingTimestamp"}


def plain(value):
    """Without what names rows and places of files of one engine."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in sorted(value.items()) if key not in TIED_TO_PLACE}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def picture(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None


def shown(profile: Profile) -> dict:
    """What the user of a profile sees, in a form that can be compared."""
    seen: dict = {"settings": {}, "chats": {}, "contacts": {}}
    keys = ["displayname", "selfstatus", "ui.theme", "ui.android.x", "bcc_self", "media_quality", "private_tag",
            "mdns_enabled", "configured_addr"]
    seen["settings"] = {key: profile.call("get_config", key) for key in keys}
    seen["avatar"] = picture(profile.call("get_config", "selfavatar"))
    seen["addresses"] = profile.addresses()
    seen["order"] = []
    for archived in (0, 1):
        for entry in profile.call("get_chatlist_entries", archived, None, None):
            if entry > 9 and not profile.call("get_basic_chat_info", entry)["isDeviceChat"]:
                name, chat = chat_shown(profile, Chat(profile, entry))
                seen["order"].append(name)
                seen["chats"][name] = chat
    for contact in profile.call("get_contacts", 0, None) + profile.call("get_blocked_contacts"):
        contact = contact if isinstance(contact, dict) else profile.contact(contact)
        seen["contacts"][contact["address"]] = plain(contact)
        if contact["isKeyContact"]:
            # Address-contacts have a drawn letter in some engines.
            seen["contacts"][contact["address"]]["picture"] = picture(contact["profileImage"])
    seen["locations"] = len(profile.call("get_locations", None, None, 0, 0))
    return seen


def chat_shown(profile: Profile, chat: Chat) -> tuple[str, dict]:
    full = chat.full()
    members = chat.call("get_chat_contacts")
    names = {id: SELF if id == SELF else profile.contact(id)["address"] for id in members}
    ids = chat.call("get_message_ids", False, False)
    messages = []
    for id in ids:
        message = Message(profile, id).snapshot()
        shown = plain(message) | {"has_file": picture(message["file"]), "from": names.get(message["fromId"], message["fromId"])}
        if message["viewType"] == "Webxdc":
            shown["updates"] = [(update["payload"], update.get("info")) for update in
                                json.loads(profile.call("get_webxdc_status_updates", id, 0))]
            info = profile.call("get_webxdc_info", id)
            shown["app"] = {key: info[key] for key in ("name", "document", "summary", "sourceCodeUrl")}
        if message["hasHtml"]:
            shown["html"] = profile.call("get_message_html", id)
        for name in ("fromId", "infoContactId", "sender"):
            shown.pop(name, None)
        messages.append(shown)
    draft = chat.call("get_draft")
    facts = {key: value for key, value in plain(full).items() if key not in ("contacts", "contactIds", "pastContactIds")}
    return full["name"], facts | {
        "members": sorted(map(str, names.values())), "messages": messages, "draft": draft and draft["text"],
        "picture": picture(full["profileImage"]) if full["chatType"] == "Group" else None,
        "description": chat.call("get_chat_description") if full["chatType"] == "Group" else None,
    }


def differences(ours, theirs, place: str = "") -> list[str]:
    """Where two of these differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [line for key in sorted(ours.keys() | theirs.keys(), key=str)
                for line in differences(ours.get(key), theirs.get(key), f"{place}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [line for at, pair in enumerate(zip(ours, theirs)) for line in differences(*pair, f"{place}[{at}]")]
    return [] if ours == theirs else [f"{place}: {ours!r:.300} became {theirs!r:.300}"]


def export(profile: Profile, folder: Path, passphrase: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    profile.call("export_backup", str(folder), passphrase)
    [file] = folder.glob("delta-chat-backup-*.tar")
    return file


def imported(server, file: Path, passphrase: str | None = None) -> Profile:
    profile = Profile(server, "")
    profile.call("import_backup", str(file), passphrase)
    return profile


def all_is_sent(profile: Profile) -> bool:
    chats = [entry for entry in profile.call("get_chatlist_entries", None, None, None) if entry > 9]
    ids = [id for chat in chats for id in profile.call("get_message_ids", chat, False, False)]
    return all(Message(profile, id).snapshot()["state"] not in PENDING for id in ids)


def moves(one, other, tmp_path: Path, passphrase: str | None) -> tuple[Story, Profile, dict]:
    """A profile with one of everything goes by file from one engine to the other."""
    story = Story(one, other, tmp_path)
    eventually("Alice has sent everything", lambda: all_is_sent(story.alice))
    story.alice.account.stop_io()
    before = shown(story.alice)
    file = export(story.alice, tmp_path / "out", passphrase)
    copy = imported(other, file, passphrase)
    return story, copy, before


@pytest.mark.parametrize("passphrase", [None, "correct horse"], ids=["plain", "locked"])
def test_a_profile_goes_by_file_and_goes_on(one, other, tmp_path, passphrase):
    story, copy, before = moves(one, other, tmp_path, passphrase)
    found = differences(before, shown(copy))
    assert not found, "\n".join(found)
    assert copy.call("get_config", "bcc_self") == "1"
    copy.goes_online()
    story.theirs.send("Are you there?")
    received = copy.receives("Are you there?")
    chat = received.chat()
    assert "Hello Bob" in chat.texts() and "To be deleted" not in chat.texts()
    sent = chat.send("On another device")
    story.bob.receives("On another device")
    sent.reaches(DELIVERED)
    group = copy.group("Round")
    group.send("The group, too")
    story.carol.receives("The group, too").chat().send("Seen by Carol")
    copy.receives("Seen by Carol")


def test_a_profile_comes_back_as_it_left(one, other, tmp_path):
    """By way of the other engine, which may know less of it than we do."""
    story, copy, before = moves(one, other, tmp_path, "secret")
    back = imported(one, export(copy, tmp_path / "back", None))
    found = differences(before, shown(back))
    assert not found, "\n".join(found)
    back.goes_online()
    story.theirs.send("Welcome back")
    back.receives("Welcome back").chat().send("Thank you")
    story.bob.receives("Thank you")


def test_a_wrong_passphrase_is_refused_and_the_right_one_works(one, other, tmp_path):
    alice = one.account("Alice")
    file = export(alice, tmp_path / "out", "right")
    copy = Profile(other, "")
    for wrong in ("wrong", None):
        with pytest.raises(Exception, match="file is not a database"):
            copy.call("import_backup", str(file), wrong)
        assert not copy.call("is_configured")
    copy.call("import_backup", str(file), "right")
    assert copy.addresses() == alice.addresses()
    with pytest.raises(Exception, match="Cannot import backups to accounts in use"):
        copy.call("import_backup", str(file), "right")


def test_two_devices_from_one_file(one, other, tmp_path):
    """The device that was left goes on, too: both get what is sent to either."""
    alice, bob = one.account("Alice"), other.account("Bob")
    chat = alice.chat_with(bob)
    chat.send("Before")
    theirs = bob.receives("Before").chat()
    theirs.accept()
    copy = imported(other, export(alice, tmp_path / "out"))
    copy.goes_online()
    theirs.send("To both")
    alice.receives("To both")
    copy.receives("To both").chat().send("From the second")
    bob.receives("From the second")
    eventually("the first device has the copy", lambda: "From the second" in chat.texts())
    assert chat.texts().count("Before") == 1
