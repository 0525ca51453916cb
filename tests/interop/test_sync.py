"""Two devices of one user, Volary and chatmail core, with the same key and address: what one changes the other shows."""

import secrets

import pytest
from story import SELF, Chat, Message, Profile, eventually


def setting(device, key):
    return device.call("get_config", key)


def shown(device, contact):
    """What the chat list shows of the chat with a contact."""
    chat = device.call("get_chat_id_by_contact_id", contact)
    if not chat:
        return None
    basic = Chat(device, chat).info()
    return basic["pinned"], basic["archived"], basic["isMuted"]


def test_settings(devices):
    first, second = devices
    first.call("set_config", "selfstatus", "On the first device")
    eventually("the status arrives", lambda: setting(second, "selfstatus") == "On the first device")
    second.call("set_config", "displayname", "Ada of the second")
    second.call("set_config", "mdns_enabled", "0")
    eventually("name and receipts arrive", lambda: (setting(first, "displayname"), setting(first, "mdns_enabled"))
               == ("Ada of the second", "0"))
    assert setting(second, "selfstatus") == "On the first device"


def test_own_picture(devices, tmp_path):
    first, second = devices
    from PIL import Image
    picture = tmp_path / "me.png"
    Image.effect_noise((64, 64), 80).save(picture)
    first.call("set_config", "selfavatar", str(picture))
    eventually("the picture arrives", lambda: setting(second, "selfavatar"))
    with open(setting(first, "selfavatar"), "rb") as here, open(setting(second, "selfavatar"), "rb") as there:
        assert here.read() == there.read()
    second.call("set_config", "selfavatar", None)
    eventually("it is removed", lambda: not setting(first, "selfavatar"))


def test_own_messages(devices, other):
    first, second = devices
    bob = other.account("Bob")
    chat = first.chat_with(bob)
    sent = chat.send("From the first device")
    bob.receives("From the first device")

    def copy():
        for found in second.chats():
            for message in found.messages():
                if message["text"] == "From the first device":
                    return message
        return None

    message = eventually("the copy arrives", copy)
    assert message["fromId"] == SELF and message["state"] == 26
    answer = bob.chat_with(first).send("To both")
    here, there = first.receives("To both"), second.receives("To both")
    second.call("markseen_msgs", [there.id])
    eventually("it is seen on the other device, too", lambda: here.state() == 16)
    assert sent.state() >= 26 and answer.state() >= 20


def test_chats(devices, other):
    first, second = devices
    bob = other.account("Bob")
    here, there = first.knows(bob), second.knows(bob)
    chat, second_chat = first.chat_with(bob), second.chat_with(bob)
    chat.call("set_chat_visibility", "Pinned")
    chat.call("set_chat_mute_duration", {"kind": "Forever"})
    eventually("it is pinned and silent on the other", lambda: shown(second, there) == (True, False, True))
    second_chat.call("set_chat_visibility", "Archived")
    second_chat.call("set_chat_mute_duration", {"kind": "NotMuted"})
    eventually("it is archived here", lambda: shown(first, here) == (False, True, False))
    first.call("change_contact_name", here, "Robert")
    eventually("the name arrives", lambda: second.contact(there)["name"] == "Robert")
    second.call("block_contact", there)
    eventually("he is blocked here", lambda: first.contact(here)["isBlocked"])
    first.call("unblock_contact", here)
    eventually("and not any more", lambda: not second.contact(there)["isBlocked"])


def test_groups(devices, other):
    first, second = devices
    bob = other.account("Bob")
    first.knows(bob), second.knows(bob)
    group = first.creates_group("Round", bob)
    copy = second.group("Round")
    eventually("its members arrive", lambda: len(copy.call("get_chat_contacts")) == 2)
    group.send("Welcome")
    bob.group("Round")
    bob.receives("Welcome")
    eventually("the message is in the same group", lambda: copy.texts() == ["Welcome"])
    back = second.creates_group("Square")
    square = first.group("Square")
    back.call("delete_chat")
    eventually("it is deleted here, too", lambda: square not in first.chats())


def test_channels_and_invites(devices, other):
    first, second = devices
    bob = other.account("Bob")
    channel = Chat(first, first.call("create_broadcast", "News"))
    copy = second.group("News")
    invite = channel.invite()
    # Either device can answer who joins.
    eventually("the other device knows the invite", lambda: second.call("check_qr", invite)["kind"] == "withdrawJoinBroadcast")
    bob.joins(invite)
    bob.has_joined()
    eventually("both list the subscriber", lambda: len(channel.call("get_chat_contacts")) ==
               len(copy.call("get_chat_contacts")) == 1)
    copy.send("From the second device")
    bob.receives("From the second device")
    eventually("it is in the channel here", lambda: "From the second device" in channel.texts())
    # A withdrawn invite is so on both.
    contact = second.invite()
    eventually("the invite holds here", lambda: first.call("check_qr", contact)["kind"] == "withdrawVerifyContact")
    second.call("set_config_from_qr", contact)
    eventually("it is withdrawn here", lambda: first.call("check_qr", contact)["kind"] == "reviveVerifyContact")


def test_saved_and_deleted_messages(devices, other):
    first, second = devices
    bob = other.account("Bob")
    chat = bob.chat_with(first)
    first.knows(bob), second.knows(bob)
    first.chat_with(bob), second.chat_with(bob)
    chat.send("Keep this")
    here, there = first.receives("Keep this"), second.receives("Keep this")
    first.call("save_msgs", [here.id])
    saved = eventually("it is saved on the other, too", lambda: there.snapshot()["savedMessageId"])
    assert Message(second, saved).snapshot()["text"] == "Keep this"
    second.call("delete_messages", [there.id])
    eventually("it is deleted here, too", here.gone)
    assert not Message(second, saved).gone()


@pytest.mark.usefixtures("relays_stay")
def test_relays(devices, other):
    """Relays that one device adds the other uses, with the login, until one of them removes it."""
    for adds, hears in [devices, devices[::-1]]:
        before = set(hears.addresses())
        login = {"addr": f"ada-{secrets.token_hex(5)}@_lab2.test", "password": secrets.token_hex(8)}
        adds.call("add_or_update_transport", login)
        eventually("the other device uses it", lambda: set(hears.addresses()) == before | {login["addr"]})
        listed = [known for known in hears.call("list_transports") if known["addr"] == login["addr"]]
        assert listed[0]["password"] == login["password"]
        eventually("it is connected", lambda: hears.call("get_connectivity") == 4000)
        hears.call("delete_transport", login["addr"])
        eventually("it is gone here, too", lambda: set(adds.addresses()) == before)
    # The first relay of both is removed by one: mail goes over the new one.
    first, second = devices
    [old] = first.addresses()
    login = {"addr": f"ada-{secrets.token_hex(5)}@_lab3.test", "password": secrets.token_hex(8)}
    first.call("add_or_update_transport", login)
    eventually("the second device uses the new relay", lambda: login["addr"] in second.addresses())
    second.call("delete_transport", old)
    eventually("the first relay is gone on both", lambda: first.addresses() == second.addresses() == [login["addr"]])
    bob = other.account("Bob")
    bob.chat_with(first).send("Over the new relay")
    first.receives("Over the new relay"), second.receives("Over the new relay")
