"""Classic mail: chats and groups in clear text, mailing lists, reports of mail servers, each way."""

import time

import pytest
from PIL import Image
from story import Chat, Message, eventually, is_put, stays

FAILED, DELIVERED = 24, 26


def people(one, other, *names):
    """The first on one side, the others on the other; all take classic mail."""
    first, *more = names
    return [one.account(first).takes_classic_mail(), *(other.account(name).takes_classic_mail() for name in more)]


def finds(profile, text: str) -> Message:
    """Waits for a message that contains a text: clients of mail see a subject in front of it."""
    def look():
        for chat in profile.chats():
            for message in chat.messages():
                if text in message["text"]:
                    return Message(profile, message["id"])
        return None
    return eventually(f"{profile.name} sees {text!r}", look)


def lines(chat: Chat) -> list[str]:
    """All texts with the lines that describe changes."""
    ids = chat.call("get_message_ids", False, False)
    found = chat.profile.call("get_messages", ids)
    return [found[str(id)]["text"] for id in ids]


def test_single_chat(one, other, tmp_path):
    """A request, an answer with a quote, a reaction, a picture: readable on the way, and marked so."""
    alice, bob = people(one, other, "Alice", "Bob")
    chat = alice.classic_chat_with(bob.addresses()[0])
    assert not chat.full()["isEncrypted"]
    chat.send("Grüße in clear text")
    received = bob.receives("Grüße in clear text")
    assert not received.snapshot()["showPadlock"]
    theirs = received.chat()
    assert theirs.info()["isContactRequest"] and theirs.info()["name"] == "Alice"
    theirs.accept()
    answer = Message(bob, theirs.call("send_msg", {"text": "the answer", "quotedMessageId": received.id}))
    seen = alice.receives("the answer")
    assert seen.chat() == chat
    assert seen.snapshot()["quote"]["text"] == "Grüße in clear text"
    alice.call("send_reaction", seen.id, ["👍"])
    eventually("the reaction is there", lambda: (answer.snapshot()["reactions"] or {}).get("reactions"))
    path = tmp_path / "picture.png"
    Image.new("RGB", (20, 10), "red").save(path)
    theirs.send_file(path, "Image", "a picture")
    assert alice.receives("a picture").snapshot()["viewType"] == "Image"
    # Nobody learns who has read what.
    seen.mark_seen()
    chat.send("later")
    bob.receives("later")
    assert answer.state() == DELIVERED


def test_text_is_edited_in_clear_text(volary, peer):
    """Volary puts the aim of an edit where chatmail core looks for it."""
    alice, bob = people(volary, peer, "Alice", "Bob")
    chat = alice.classic_chat_with(bob.addresses()[0])
    sent = chat.send("frist")
    received = finds(bob, "frist")
    received.chat().accept()
    alice.call("send_edit_request", sent.id, "first")
    eventually("the text is edited", lambda: received.snapshot()["text"] == "first")
    assert len(received.chat().messages()) == 1


def test_group(one, other):
    """A group without id: thread, name and headers hold it together."""
    alice, bob, carol, dave = people(one, other, "Alice", "Bob", "Carol", "Dave")
    group = Chat(alice, alice.call("create_group_chat_unencrypted", "Hiking"))
    assert group.full()["isUnpromoted"] and not group.full()["isEncrypted"]
    assert lines(group) == ["Messages in this chat use classic email and are not encrypted."]
    ids = {}
    for friend in (bob, carol, dave):
        ids[friend.name] = alice.call("create_contact", friend.addresses()[0], friend.name)
        group.call("add_contact_to_chat", ids[friend.name])
    group.send("who comes along?")
    at = {}
    for friend in (bob, carol, dave):
        first = friend.receives("who comes along?")
        at[friend.name] = first.chat()
        assert first.chat().info()["name"] == "Hiking" and not first.snapshot()["showPadlock"]
        first.chat().lists(alice, bob, carol, dave)
        first.chat().accept()
    at["Bob"].send("I do")
    assert alice.receives("I do").chat() == group
    assert carol.receives("I do").chat() == at["Carol"]
    time.sleep(1.1)  # changes carry whole seconds
    group.call("set_chat_name", "Climbing")
    for friend in (bob, carol, dave):
        eventually("the new name is there", lambda: at[friend.name].info()["name"] == "Climbing")
    group.call("remove_contact_from_chat", ids["Carol"])
    for friend in (bob, dave):
        at[friend.name].lists(alice, bob, dave)
    eventually("Carol is out", lambda: not at["Carol"].full()["selfInGroup"])
    group.send("without Carol")
    bob.receives("without Carol")
    time.sleep(1.1)
    group.call("add_contact_to_chat", ids["Carol"])
    for friend in (bob, carol, dave):
        at[friend.name].lists(alice, bob, carol, dave)
    at["Bob"].call("leave_group")
    group.lists(alice, carol, dave)
    at["Carol"].lists(alice, carol, dave)
    assert all(chat.info()["name"] != "Hiking" for friend in (bob, carol, dave) for chat in friend.chats())


def test_answer_in_private(one, other):
    """An answer to one member alone goes to the single chat."""
    alice, bob, carol = people(one, other, "Alice", "Bob", "Carol")
    group = Chat(alice, alice.call("create_group_chat_unencrypted", "Hiking"))
    for friend in (bob, carol):
        group.call("add_contact_to_chat", alice.call("create_contact", friend.addresses()[0], friend.name))
    group.send("who comes along?")
    question = bob.receives("who comes along?")
    question.chat().accept()
    private = bob.classic_chat_with(alice.addresses()[0])
    private.call("send_msg", {"text": "only between us", "quotedMessageId": question.id})
    assert alice.receives("only between us").chat().full()["chatType"] == "Single"


def test_mailing_list(one, other):
    """A list is read, and written to at its post address."""
    alice, post = people(one, other, "Alice", "Post")
    address = post.addresses()[0]

    def arrives(number: int, subject: str, more: str = "") -> Message:
        is_put(alice.addresses()[0], f"From: Zed <zed@x.test>\nTo: {address}\nList-Id: Foo talk <foo.lists.test>\n"
               f"{more}Subject: {subject}\nMessage-ID: <{number}.{address}>\n"
               f"Date: Sun, 22 Nov 2026 00:10:0{number} +0000\n\nhello {number}\n")
        return finds(alice, f"hello {number}")

    first = arrives(1, "[foo] a topic", f"List-Post: <mailto:{address}>\n")
    chat = first.chat()
    full = chat.full()
    assert (full["name"], full["chatType"], full["mailingListAddress"]) == ("foo", "Mailinglist", address)
    assert full["isContactRequest"] and not full["isEncrypted"]
    assert first.snapshot()["text"] == "[foo] a topic – hello 1"
    assert first.snapshot()["overrideSenderName"] == "Zed"
    chat.accept()
    chat.send("an answer to all")
    received = post.receives("an answer to all")
    assert received.snapshot()["subject"] == "Re: [foo] a topic"
    assert not received.snapshot()["showPadlock"]
    assert arrives(2, "Re: a topic").chat() == chat
    assert chat.full()["canSend"]
    arrives(3, "elsewhere", "List-Post: <mailto:other@x.test>\n")
    assert not chat.full()["canSend"]


def test_forced_encryption(volary, peer):
    """By default nothing is read or written in clear text."""
    alice, bob = volary.account("Alice"), peer.account("Bob").takes_classic_mail()
    bob.classic_chat_with(alice.addresses()[0]).send("readable by all")
    bob.chat_with(alice).send("sealed")
    alice.receives("sealed")
    stays("nothing in clear text is shown", lambda: alice.count("readable by all") == 0, 1)
    chat = alice.classic_chat_with(bob.addresses()[0])
    try:
        chat.send("never")
        assert False, "clear text was sent"
    except Exception as refused:
        assert "e2e" in str(refused)
    [failed] = [message for message in chat.messages() if message["text"] == "never"]
    assert failed["state"] == FAILED
    alice.chat_with(bob).send("sealed too")
    bob.receives("sealed too")
    assert bob.count("never") == 0


def test_full_mailbox(one, other, lab):
    """A message to a mailbox that is full fails with the words of the mail server."""
    fails_at_full_mailbox(one.account("Alice", "_lab.test").takes_classic_mail(), other.account("Bob", "_lab2.test"), lab)


def test_full_mailbox_where_encryption_is_forced(volary, peer, lab):
    """Mail servers report in clear text; chatmail core does not read that by default."""
    fails_at_full_mailbox(volary.account("Alice", "_lab.test"), peer.account("Bob", "_lab2.test"), lab)


def fails_at_full_mailbox(alice, bob, lab) -> None:
    chat = alice.chat_with(bob)
    chat.send("fits")
    bob.receives("fits")
    sizes = lab.mailbox(bob.addresses()[0]) / "maildirsize"
    eventually("the size is counted", sizes.exists)
    bob.account.stop_io()
    for _ in range(5):
        # Dovecot counts anew when the last session that deletes something ends.
        sizes.write_text("524288000S\n599999999 1\n")
        before, message = lab.mails(bob.addresses()[0]), chat.send("does not fit")
        eventually("the mail fails or is delivered",
                   lambda: message.state() == FAILED or lab.mails(bob.addresses()[0]) > before, 60)
        if message.state() == FAILED:
            break
    assert message.state() == FAILED
    assert "quota" in message.snapshot()["error"].lower(), message.snapshot()["error"]


RETURNED = "Return-Path: <us@_lab.test>\nMessage-ID: <{id}>\nSubject: [...]\n\nbody\n"
FORMS = {
    "postfix": """From: MAILER-DAEMON@mx.invalid (Mail Delivery System)
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r
Content-Type: text/plain

The mailbox is full.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.invalid

Final-Recipient: rfc822; you@mx.invalid
Action: {action}
Status: 5.2.2
--r
Content-Type: text/rfc822-headers

{returned}
--r--
""",
    "qmail": """From: MAILER-DAEMON@mx.invalid
Subject: failure notice

Hi. This is the mail program at mx.invalid. The mailbox is full.

--- Below this line is a copy of the message.

{returned}""",
}


@pytest.mark.parametrize("form", FORMS)
def test_report_of_a_mail_server(one, other, form):
    """Reports in the standard form, and those of mail servers that have a form of their own."""
    alice, bob = people(one, other, "Alice", "Bob")
    chat = alice.classic_chat_with(bob.addresses()[0])
    message = chat.send("will come back")
    bob.receives("will come back")
    eventually("it is delivered", lambda: message.state() == DELIVERED)
    info = alice.call("get_message_info", message.id)
    sent = next(line.split(": ", 1)[1] for line in info.splitlines() if line.startswith("Message-ID: "))
    head = f"Message-ID: <{form}-{alice.account.id}@mx.invalid>\nTo: {alice.addresses()[0]}\n"
    report = FORMS[form].format(returned=RETURNED.format(id=sent.strip("<>")), action="failed")
    is_put(alice.addresses()[0], head + report)
    eventually("it has failed", lambda: message.state() == FAILED)
    assert "The mailbox is full" in message.snapshot()["error"]
    texts = [text["text"] for shown in alice.chats() for text in shown.messages()]
    assert not [text for text in texts if "The mailbox is full" in text], texts


def test_report_of_a_delay_is_no_failure(one, other):
    """Whoever goes on trying has not failed."""
    alice, bob = people(one, other, "Alice", "Bob")
    chat = alice.classic_chat_with(bob.addresses()[0])
    slow, lost = chat.send("slow"), chat.send("lost")
    for message, action in ((slow, "delayed"), (lost, "failed")):
        eventually("it is delivered", lambda: message.state() == DELIVERED)
        info = alice.call("get_message_info", message.id)
        sent = next(line.split(": ", 1)[1] for line in info.splitlines() if line.startswith("Message-ID: "))
        head = f"Message-ID: <{action}-{alice.account.id}@mx.invalid>\nTo: {alice.addresses()[0]}\n"
        is_put(alice.addresses()[0],
               head + FORMS["postfix"].format(returned=RETURNED.format(id=sent.strip("<>")), action=action))
    eventually("the later report was read", lambda: lost.state() == FAILED)
    assert slow.state() == DELIVERED
