"""What can be done with a message later: edit, delete, forward, pin, save, resend; each way."""

from story import DELIVERED, SELF, Chat, Message, eventually
from test_messages import talking


def test_edit(one, other):
    alice, bob, chat, _ = talking(one, other)
    sent = chat.send("The party is on Thursday")
    received = bob.receives("The party is on Thursday")
    for side in (alice, bob):
        assert not Message(side, (sent if side is alice else received).id).snapshot()["isEdited"]
    for text in ("The party is on Friday", "The party is on Saturday 🎉"):
        alice.call("send_edit_request", sent.id, text)
        eventually("the edit arrives", lambda: received.snapshot()["text"] == text)
    assert sent.snapshot()["text"] == text
    assert sent.snapshot()["isEdited"] and received.snapshot()["isEdited"]
    assert bob.count(text) == 1


def test_delete_for_everyone(one, other, tmp_path):
    alice, bob, chat, theirs = talking(one, other)
    file = tmp_path / "secret.txt"
    file.write_text("secret")
    sent = [chat.send("A slip"), chat.send_file(file, "File")]
    stays = chat.send("This stays")
    bob.receives("This stays")
    eventually("all three arrive", lambda: len(theirs.texts()) == 3)
    alice.call("delete_messages_for_all", [message.id for message in sent])
    eventually("they go at Bob", lambda: theirs.texts() == ["This stays"])
    assert [message.gone() for message in sent] == [True, True]
    assert not stays.gone()


def test_only_the_author_deletes_for_everyone(one, other):
    alice, bob, chat, theirs = talking(one, other)
    sent = chat.send("Mine")
    received = bob.receives("Mine")
    try:
        bob.call("delete_messages_for_all", [received.id])
    except Exception as error:
        assert "delete" in str(error).lower()
    theirs.send("After it")
    alice.receives("After it")
    assert not sent.gone()


def test_forward(one, other, tmp_path):
    alice, bob, chat, theirs = talking(one, other)
    file = tmp_path / "plan.txt"
    file.write_text("the plan")
    chat.send("Pass it on")
    chat.send_file(file, "File", "with a file")
    text, attached = bob.receives("Pass it on"), bob.receives("with a file")
    assert attached.file() == b"the plan"
    group = bob.creates_group("Round", alice)
    bob.call("forward_messages", [text.id, attached.id], group.id)
    round = alice.group("Round")
    eventually("both arrive", lambda: len(round.texts()) == 2)
    round.shows_in_order(["Pass it on", "with a file"])
    for copy in round.messages():
        assert copy["isForwarded"] and copy["fromId"] != SELF and copy["quote"] is None
    [_, copy] = sorted(round.messages(), key=lambda message: message["text"])
    assert Message(alice, copy["id"]).file() == b"the plan"
    assert not text.snapshot()["isForwarded"]


def test_forward_to_another_profile(one, other):
    alice, bob, chat, _ = talking(one, other)
    carol = one.account("Carol")
    sent = chat.send("From one profile to the next")
    target = carol.chat_with(bob)
    alice.call("forward_messages_to_account", [sent.id], carol.account.id, target.id)

    def copies():
        return [message for chat in bob.chats() for message in chat.messages()
                if message["text"] == "From one profile to the next" and message["isForwarded"]]

    eventually("the copy arrives", copies)
    [copy] = copies()
    assert copy["sender"]["address"] == carol.addresses()[0]


def test_pin(one, other):
    alice, bob, chat, theirs = talking(one, other)
    sent = [chat.send("Rule one"), chat.send("Rule two")]
    received = [bob.receives("Rule one"), bob.receives("Rule two")]
    alice.call("set_pinned_message_state", sent[0].id, True)
    eventually("the pin arrives", lambda: theirs.call("get_pinned_messages") == [received[0].id])
    # Either side pins and unpins.
    bob.call("set_pinned_message_state", received[1].id, True)
    eventually("the other pin arrives", lambda: chat.call("get_pinned_messages") == [sent[0].id, sent[1].id])
    bob.call("set_pinned_message_state", received[0].id, False)
    eventually("it is unpinned", lambda: chat.call("get_pinned_messages") == [sent[1].id])
    assert theirs.call("get_pinned_messages") == [received[1].id]
    assert sent[1].snapshot()["isPinned"] and not sent[0].snapshot()["isPinned"]


def test_save(one, other):
    _, bob, chat, _ = talking(one, other)
    chat.send("Worth keeping")
    received = bob.receives("Worth keeping")
    bob.call("save_msgs", [received.id])
    saved = Message(bob, received.snapshot()["savedMessageId"])
    assert saved.snapshot()["originalMsgId"] == received.id
    assert saved.snapshot()["text"] == "Worth keeping"
    assert saved.snapshot()["fromId"] == received.snapshot()["fromId"]
    assert saved.chat().id == bob.call("create_chat_by_contact_id", SELF)


def test_resend_reaches_who_came_later_and_nobody_twice(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    carol = other.account("Carol")
    group = alice.creates_group("Round", bob)
    sent = group.send("Said before Carol came")
    received = bob.receives("Said before Carol came")
    sent.reaches(DELIVERED)
    group.add(carol)
    alice.call("resend_messages", [sent.id])
    late = carol.receives("Said before Carol came")
    assert late.snapshot()["timestamp"] == received.snapshot()["timestamp"] == sent.snapshot()["timestamp"]
    group.send("After it")
    bob.receives("After it")
    assert Chat(bob, received.chat().id).texts().count("Said before Carol came") == 1
