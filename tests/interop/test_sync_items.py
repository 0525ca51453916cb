"""The same profile on Volary and on chatmail core at once: every kind of change that the first device makes and tells, the
second one shows. Each scenario runs with either of them as the first. Relays, own pictures, subscribers of channels and
saved messages are in `test_sync.py`."""

import secrets

from deltachat_rpc_client.rpc import JsonRpcError
from story import Chat, Message, Profile, eventually, is_put


def same(devices, what, look):
    """Waits until both devices show the same as the first does now."""
    first, second = devices
    wanted = look(first)
    eventually(f"{what}: {wanted}", lambda: look(second) == wanted)


def place(chat: Chat | None):
    """What the chat list shows of a chat."""
    if chat is None:
        return None
    info = chat.info()
    return info["pinned"], info["archived"], info["isMuted"]


def single(device: Profile, contact: int) -> Chat | None:
    chat = device.call("get_chat_id_by_contact_id", contact)
    return Chat(device, chat) if chat else None


def all_chats(device: Profile) -> list[Chat]:
    """The chats of the list and of the archive."""
    return [Chat(device, chat) for flags in (None, 1)
            for chat in device.call("get_chatlist_entries", flags, None, None) if chat > 9]


def found(device: Profile, fits) -> Chat | None:
    for chat in all_chats(device):
        try:
            if fits(chat.full()):
                return chat
        except JsonRpcError:
            continue  # it was deleted meanwhile
    return None


def by_address(device: Profile, addr: str) -> int | None:
    return device.call("lookup_contact_id_by_addr", addr)


def has_every_place(devices, chat_of) -> None:
    """A chat is pinned, archived, silent for ever, for a while and not any more: the other device shows each."""
    first, second = devices
    chat = chat_of(first)
    eventually("the second device has the chat", lambda: chat_of(second) is not None)
    for state in ("Pinned", "Archived", "Normal"):
        chat.call("set_chat_visibility", state)
        same(devices, state, lambda device: place(chat_of(device)))
    for duration in ({"kind": "Forever"}, {"kind": "NotMuted"}, {"kind": "Until", "duration": 7200}):
        chat.call("set_chat_mute_duration", duration)
        same(devices, duration["kind"], lambda device: place(chat_of(device)))


def test_every_setting(devices):
    first, second = devices
    for key, value in (("displayname", "Ada Lovelace"), ("selfstatus", "Counting"), ("mdns_enabled", "0"),
                       ("force_encryption", "0"), ("mdns_enabled", "1"), ("selfstatus", "")):
        first.call("set_config", key, value)
        eventually(f"{key} is {value!r}", lambda: (second.call("get_config", key) or "") == value)
    # Others are a matter of one device.
    first.call("set_config", "media_quality", "1")
    first.call("set_config", "displayname", "Ada")
    eventually("the name arrives", lambda: second.call("get_config", "displayname") == "Ada")
    assert second.call("get_config", "media_quality") != "1"


def test_places_of_every_kind_of_chat(devices, other):
    first, second = devices
    bob = other.account("Bob")
    contacts = {device: device.knows(bob) for device in devices}
    for device in devices:
        device.chat_with(bob)
    has_every_place(devices, lambda device: single(device, contacts[device]))
    group = first.creates_group("Round")
    group_id = "Round"
    has_every_place(devices, lambda device: found(device, lambda full: full["name"] == group_id))
    group.call("delete_chat")
    eventually("the group is gone", lambda: found(second, lambda full: full["name"] == group_id) is None)
    has_every_place(devices, lambda device: found(device, lambda full: full["isDeviceChat"]))
    # The own chat is there when something was written into it.
    Chat(first, first.call("create_chat_by_contact_id", 1)).send("A note")
    has_every_place(devices, lambda device: found(device, lambda full: full["isSelfTalk"]))


def test_places_of_chats_in_clear_text(devices):
    first, second = devices
    for device in devices:
        device.takes_classic_mail()
    addr = f"carl-{secrets.token_hex(5)}@_lab2.test"
    first.classic_chat_with(addr, "Carl")
    second.classic_chat_with(addr, "Carl")
    has_every_place(devices, lambda device: single(device, by_address(device, addr)))
    # A group without an id is named by its messages.
    [own] = first.addresses()
    is_put(own, f"""From: Carl <{addr}>
To: Ada <{own}>, Dora <dora@_lab2.test>
Subject: Picnic
Message-ID: <{secrets.token_hex(8)}@_lab2.test>
Date: Mon, 23 Nov 2026 21:23:42 +0000

Who brings the cake?
""")
    def picnic(device):
        return found(device, lambda full: full["name"] == "Picnic")
    eventually("both have the group", lambda: picnic(first) and picnic(second))
    for device in devices:
        picnic(device).accept()
    has_every_place(devices, picnic)


def test_requests(devices, other):
    first, second = devices
    writers = [other.account(name) for name in ("Bob", "Cat")]
    asked = {}
    for writer in writers:
        writer.chat_with(first).send(f"{writer.name} here")
        asked[writer] = [device.receives(f"{writer.name} here").chat() for device in devices]
        assert all(chat.info()["isContactRequest"] for chat in asked[writer])
    bob, cat = writers
    asked[bob][0].accept()
    eventually("the request is accepted", lambda: not asked[bob][1].info()["isContactRequest"])
    asked[cat][0].call("block_chat")
    there = asked[cat][1].call("get_chat_contacts")[0]
    eventually("the writer is blocked", lambda: second.contact(there)["isBlocked"])
    first.call("unblock_contact", asked[cat][0].call("get_chat_contacts")[0])
    eventually("and not any more", lambda: not second.contact(there)["isBlocked"])


def test_contacts_by_key_and_by_address(devices, other):
    first, second = devices
    bob = other.account("Bob")
    here, there = first.knows(bob), second.knows(bob)
    for name, shown in (("Robert", "Robert"), ("", "Bob")):
        first.call("change_contact_name", here, name)
        eventually(f"he is called {shown}", lambda: second.contact(there)["displayName"] == shown)
    addr = f"dora-{secrets.token_hex(5)}@_lab2.test"
    dora = first.call("create_contact", addr, "Dora")
    copy = eventually("the second device knows her", lambda: by_address(second, addr))
    eventually("by name", lambda: second.contact(copy)["displayName"] == "Dora")
    first.call("change_contact_name", dora, "Dorothea")
    eventually("by the new name", lambda: second.contact(copy)["displayName"] == "Dorothea")
    first.call("block_contact", dora)
    eventually("she is blocked", lambda: second.contact(copy)["isBlocked"])
    first.call("unblock_contact", dora)
    eventually("and not any more", lambda: not second.contact(copy)["isBlocked"])


def test_a_group_before_its_first_message(devices, other):
    first, second = devices
    bob, cat = other.account("Bob"), other.account("Cat")
    for device in devices:
        device.knows(bob), device.knows(cat)
    group = first.creates_group("Round")
    copy = second.group("Round")
    group.call("set_chat_name", "Circle")
    eventually("it is renamed", lambda: copy.info()["name"] == "Circle")
    group.call("set_chat_description", "of friends")
    eventually("it is described", lambda: copy.call("get_chat_description") == "of friends")
    group.add(bob)
    group.add(cat)
    copy.lists(first, bob, cat)
    group.remove(cat)
    copy.lists(first, bob)
    # What follows the first message is a matter of messages.
    copy.send("Hello")
    joined = bob.group("Circle")
    eventually("the message is here", lambda: group.texts() == ["Hello"])
    # Of two names of the same second the one counts that sorts first.
    group.call("set_chat_name", "Band")
    eventually("the other device knows the name", lambda: copy.info()["name"] == "Band")
    eventually("and the member", lambda: joined.info()["name"] == "Band")


def test_invites_of_both_kinds(devices):
    first, second = devices
    group = first.creates_group("Round")
    second.group("Round")
    for code, kind in ((first.invite(), "VerifyContact"), (group.invite(), "VerifyGroup")):
        def state():
            return second.call("check_qr", code)["kind"]
        eventually("it holds", lambda: state() == f"withdraw{kind}")
        first.call("set_config_from_qr", code)
        eventually("it is withdrawn", lambda: state() == f"revive{kind}")
        first.call("set_config_from_qr", code)
        eventually("it holds again", lambda: state() == f"withdraw{kind}")


def test_deletions(devices, other):
    first, second = devices
    bob = other.account("Bob")
    theirs = bob.chat_with(first)
    for device in devices:
        device.chat_with(bob)
    for text in ("One", "Two", "Three"):
        theirs.send(text)
    received = {text: [device.receives(text) for device in devices] for text in ("One", "Two", "Three")}
    first.call("save_msgs", [received["One"][0].id])
    saved = eventually("it is saved there, too", lambda: received["One"][1].snapshot()["savedMessageId"])
    first.call("delete_messages", [received["One"][0].id, received["Two"][0].id])
    eventually("both are deleted there", lambda: received["One"][1].gone() and received["Two"][1].gone())
    assert not received["Three"][1].gone() and not Message(second, saved).gone()
    chat = received["Three"][0].chat()
    copy = received["Three"][1].chat()
    chat.call("delete_chat")
    eventually("the chat is deleted there", lambda: received["Three"][1].gone() and copy not in second.chats())
