"""Calls: offered, answered, declined, taken back, missed, in both directions and on several devices of one user."""

from story import PATIENCE, Chat, Profile, eventually
import pytest

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n" + "a=candidate:ü\r\n" * 400
ANSWER = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\n" + "a=candidate:ö\r\n" * 400


class Call:
    """A call as one of the two sees it."""

    def __init__(self, profile, id):
        self.profile, self.id = profile, id

    def info(self):
        return self.profile.call("call_info", self.id)

    def becomes(self, state):
        eventually(f"the call of {self.profile.name} is {state}", lambda: self.info()["state"]["kind"] == state)

    def text(self):
        return self.profile.call("get_message", self.id)["text"]

    def says(self, text):
        eventually(f"{self.profile.name} sees {text!r}", lambda: self.text() == text)

    def accept(self):
        self.profile.call("accept_incoming_call", self.id, ANSWER)

    def end(self):
        self.profile.call("end_call", self.id)


def acquainted(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    return alice, bob, alice.chat_with(bob), bob.chat_with(alice)


def calls(chat, video=False):
    return Call(chat.profile, chat.call("place_outgoing_call", OFFER, video))


def rings(profile):
    event = profile.event("IncomingCall")
    assert event["place_call_info"] == OFFER
    return Call(profile, event["msg_id"])


def incoming(profile):
    """Waits for a call that does not ring."""

    def look():
        messages = [message for chat in profile.chats() for message in chat.messages()]
        return next((message for message in messages if message["viewType"] == "Call"), None)

    return Call(profile, eventually(f"{profile.name} has a call", look)["id"])


def summary(chat):
    return chat.profile.call("get_chatlist_items_by_entries", [chat.id])[str(chat.id)]["summaryText2"]


def test_call_is_answered_and_hung_up(one, other):
    alice, bob, chat, theirs = acquainted(one, other)
    call = calls(chat, video=True)
    assert (call.info()["state"]["kind"], call.text()) == ("Alerting", "Outgoing video call")
    ringing = rings(bob)
    info = ringing.info()
    assert (info["sdpOffer"], info["hasVideo"], info["state"]["kind"]) == (OFFER, True, "Alerting")
    assert ringing.text() == "Incoming video call"
    assert summary(theirs) == "🎥 Incoming video call"
    ringing.accept()
    assert bob.event("IncomingCallAccepted", msg_id=ringing.id)["from_this_device"]
    assert alice.event("OutgoingCallAccepted", msg_id=call.id)["accept_call_info"] == ANSWER
    call.becomes("Active")
    ringing.becomes("Active")
    call.end()
    alice.event("CallEnded", msg_id=call.id)
    bob.event("CallEnded", msg_id=ringing.id)
    for side in (call, ringing):
        side.becomes("Completed")
        assert side.info()["state"]["duration"] >= 1
    call.says("Outgoing video call\n<1 minute")
    ringing.says("Incoming video call\n<1 minute")
    assert summary(chat) == "🎥 Outgoing video call"


def test_callee_hangs_up(one, other):
    alice, bob, chat, _ = acquainted(one, other)
    call = calls(chat)
    ringing = rings(bob)
    ringing.accept()
    call.becomes("Active")
    ringing.end()
    alice.event("CallEnded", msg_id=call.id)
    call.becomes("Completed")
    call.says("Outgoing audio call\n<1 minute")


def test_call_is_declined(one, other):
    alice, bob, chat, _ = acquainted(one, other)
    call = calls(chat)
    ringing = rings(bob)
    assert not ringing.info()["hasVideo"]
    ringing.end()
    alice.event("CallEnded", msg_id=call.id)
    for side in (call, ringing):
        side.becomes("Declined")
        side.says("Declined call")
    assert summary(chat) == "📞 Declined call"


def test_call_is_taken_back(one, other):
    alice, bob, chat, _ = acquainted(one, other)
    call = calls(chat)
    ringing = rings(bob)
    call.end()
    bob.event("CallEnded", msg_id=ringing.id)
    ringing.becomes("Missed")
    ringing.says("Missed call")
    call.becomes("Canceled")
    call.says("Canceled call")
    ringing.accept()  # too late
    chat.send("after the call")
    bob.receives("after the call")
    ringing.becomes("Missed")


def test_call_is_missed_while_away(one, other):
    """Whoever comes back finds a missed call, not one that rings."""
    alice, bob, chat, theirs = acquainted(one, other)
    bob.account.stop_io()
    call = calls(chat)
    eventually("the call is with the relay", lambda: alice.call("get_message", call.id)["state"] >= 26)
    call.end()
    chat.send("are you there?")
    bob.account.start_io()
    bob.receives("are you there?")
    missed = incoming(bob)
    missed.becomes("Missed")
    missed.says("Missed call")
    assert theirs.info()["id"] == theirs.id


@pytest.mark.timeout(400)
def test_call_rings_out(one, other):
    """After two minutes both give up by themselves."""
    alice, bob, chat, _ = acquainted(one, other)
    call = calls(chat)
    ringing = rings(bob)
    end = 120 + PATIENCE
    for side, state, text in ((call, "Declined", "Canceled call"), (ringing, "Missed", "Missed call")):
        name = side.profile.name
        eventually(f"the call of {name} is {state}", lambda: side.info()["state"]["kind"] == state, end)
        side.says(text)


def test_strangers_do_not_ring(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    chat = alice.chat_with(bob)
    call = calls(chat)
    chat.send("hello")
    bob.receives("hello")
    kinds = [event["kind"] for event in waiting(bob)]
    assert "IncomingCall" not in kinds, kinds
    unknown = incoming(bob)
    unknown.becomes("Alerting")
    unknown.accept()  # which accepts the request as well
    call.becomes("Active")
    assert not Chat(bob, bob.call("get_message", unknown.id)["chatId"]).info()["isContactRequest"]


def waiting(profile):
    queue = profile.server.rpc.get_queue(profile.account.id)
    return [queue.get() for _ in range(queue.qsize())]


@pytest.mark.parametrize("choice, accepted, rings_then", [("0", False, True), ("2", True, False)])
def test_who_can_call_me(one, other, choice, accepted, rings_then):
    alice, bob = one.account("Alice"), other.account("Bob")
    bob.call("set_config", "who_can_call_me", choice)
    if accepted:
        bob.chat_with(alice)
    chat = alice.chat_with(bob)
    calls(chat)
    chat.send("hello")
    bob.receives("hello")
    assert ("IncomingCall" in [event["kind"] for event in waiting(bob)]) == rings_then


def test_blocked_do_not_ring(one, other):
    alice, bob, chat, _ = acquainted(one, other)
    carol = other.account("Carol")
    to_carol, from_carol = alice.chat_with(carol), carol.chat_with(alice)
    bob.call("set_config", "who_can_call_me", "0")
    bob.call("block_contact", bob.knows(alice))
    calls(chat)
    calls(to_carol)
    rings(carol)
    chat.send("still there?")
    to_carol.send("done")
    carol.receives("done")
    mailbox_is_empty = lambda: bob.call("get_connectivity") >= 4000
    eventually("Bob has fetched everything", mailbox_is_empty)
    assert "IncomingCall" not in [event["kind"] for event in waiting(bob)]
    assert from_carol.info()["id"] == from_carol.id


@pytest.fixture
def devices(one, other, tmp_path):
    """Two devices of Ada, the second from a backup of the first, and Bob, whom she knows; with the chats of all three."""
    first, bob = one.account("Ada"), other.account("Bob")
    chat, from_bob = first.chat_with(bob), bob.chat_with(first)
    chat.send("hello")
    bob.receives("hello")
    first.call("set_config", "bcc_self", "1")
    first.account.stop_io()
    first.call("export_backup", str(tmp_path), None)
    second = object.__new__(Profile)
    second.server, second.name, second.account = other, "Ada's second device", other.manager.add_account()
    [backup] = tmp_path.glob("*.tar")
    second.call("import_backup", str(backup), None)
    for device in first, second:
        device.goes_online()
    [on_second] = [chat for chat in second.chats() if "hello" in chat.texts()]
    return first, second, bob, chat, on_second, from_bob


@pytest.mark.parametrize("answering", ["first", "second"])
def test_call_is_answered_on_one_of_two_devices(devices, answering):
    first, second, bob, _, _, from_bob = devices
    call = calls(from_bob, video=True)
    ringing = [rings(device) for device in (first, second)]
    here, there = ringing if answering == "first" else reversed(ringing)
    here.accept()
    assert here.profile.event("IncomingCallAccepted", msg_id=here.id)["from_this_device"]
    assert not there.profile.event("IncomingCallAccepted", msg_id=there.id)["from_this_device"]
    assert bob.event("OutgoingCallAccepted", msg_id=call.id)["accept_call_info"] == ANSWER
    for side in (call, *ringing):
        side.becomes("Active")
    call.end()
    for side in (call, *ringing):
        side.profile.event("CallEnded", msg_id=side.id)
        side.becomes("Completed")
    for side in ringing:
        side.says("Incoming video call\n<1 minute")


@pytest.mark.parametrize("declining", ["first", "second"])
def test_call_is_declined_on_one_of_two_devices(devices, declining):
    first, second, bob, _, _, from_bob = devices
    call = calls(from_bob)
    ringing = [rings(device) for device in (first, second)]
    here, there = ringing if declining == "first" else reversed(ringing)
    here.end()
    for side in (call, here, there):
        side.profile.event("CallEnded", msg_id=side.id)
        side.becomes("Declined")
        side.says("Declined call")


@pytest.mark.parametrize("calling", ["first", "second"])
def test_call_of_one_of_two_devices(devices, calling):
    """The other device shows the call, does not ring, and may hang up."""
    first, second, bob, on_first, on_second, _ = devices
    chat, other_chat = (on_first, on_second) if calling == "first" else (on_second, on_first)
    call, ringing = calls(chat), rings(bob)
    there = incoming(other_chat.profile)
    there.becomes("Alerting")
    there.says("Outgoing audio call")
    ringing.accept()
    for side in (call, there):
        side.becomes("Active")
    assert call.profile.event("OutgoingCallAccepted", msg_id=call.id)["accept_call_info"] == ANSWER
    seen = waiting(there.profile)
    assert "IncomingCall" not in [event["kind"] for event in seen]
    assert [event["accept_call_info"] for event in seen if event["kind"] == "OutgoingCallAccepted"] == [ANSWER]
    there.end()
    for side in (call, ringing):
        side.profile.event("CallEnded", msg_id=side.id)
    for side in (call, there, ringing):
        side.becomes("Completed")


def test_call_is_taken_back_on_the_other_device(devices):
    first, second, bob, chat, _, _ = devices
    call, ringing = calls(chat), rings(bob)
    there = incoming(second)
    there.becomes("Alerting")
    there.end()
    bob.event("CallEnded", msg_id=ringing.id)
    first.event("CallEnded", msg_id=call.id)
    ringing.becomes("Missed")
    for side in (call, there):
        side.becomes("Canceled")
        side.says("Canceled call")
