"""Text, files and receipts in a one-to-one chat, each way."""

import random
from pathlib import Path

import pytest
from PIL import Image
from story import DELIVERED, READ, Message, eventually, stays

TEXTS = {
    "unicode": "Grüße aus Łódź – 日本語, עברית, हिन्दी, 👩‍👩‍👧‍👦 and a lone accent: e\u0301",
    "astral and combining": "𝕍𝕠𝕝𝕒𝕣𝕪 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f z\u0351\u0313\u0307",
    "several lines": "first\n\nthird\n    indented\n\ttabbed\nlast",
    "one long line": "word " * 180 + "end",
    "quote look-alike": "> somebody said this\n>> and somebody that\n\nand I answer",
    "quote in the middle": "look:\n> quoted\nand on",
    "footer look-alike": "text\n--\nnot a footer\n-- \nnor this\n--  \nend",
    "dots and From": ".\n..\n.leading dot\nFrom the start of a line\n.",
    "header look-alike": "Subject: none\nContent-Type: text/html\n\n<b>not bold</b> &amp;",
    "trailing dashes": "a\n----------\nb\n_______________\nc",
    "equals signs": "=3D =C3=A4 = \n=\nend=",
}


def talking(one, other):
    """Two profiles that have each other's vCard; the chat as the first and as the second sees it."""
    alice, bob = one.account("Alice"), other.account("Bob")
    return alice, bob, alice.chat_with(bob), bob.chat_with(alice)


def test_text(one, other):
    alice, bob, chat, _ = talking(one, other)
    for text in TEXTS.values():
        chat.send(text)
    for name, text in TEXTS.items():
        received = bob.receives(text).snapshot()
        assert received["showPadlock"], name
        assert received["quote"] is None, name
    assert len(bob.chat_with(alice).texts()) == len(TEXTS)


def test_long_text(one, other):
    """Of a text of 20,000 characters both sides show the same beginning, and the whole in the full view."""
    alice, bob, chat, theirs = talking(one, other)
    lines = [f"line {number} of a long story" for number in range(800)]
    chat.send("\n".join(lines))
    received = eventually("the long text arrives", theirs.messages)[0]
    [sent] = chat.messages()
    for side, message in ((alice, sent), (bob, received)):
        assert message["text"].startswith(lines[0]) and message["text"].endswith("[...]")
        assert message["hasHtml"]
        whole = side.call("get_message_html", message["id"])
        assert all(f"{line}<br" in whole for line in lines)
    assert sent["text"] == received["text"]


def test_quote(one, other):
    """A reply carries what it answers."""
    alice, bob, chat, theirs = talking(one, other)
    chat.send("What is the plan?")
    question = bob.receives("What is the plan?")
    theirs.call("send_msg", {"text": "Cake", "quotedMessageId": question.id})
    answer = alice.receives("Cake").snapshot()
    assert answer["quote"]["kind"] == "WithMessage"
    assert answer["quote"]["text"] == "What is the plan?"


def test_order_is_kept(one, other):
    alice, bob, chat, theirs = talking(one, other)
    texts = [f"number {number}" for number in range(30)]
    for text in texts:
        chat.send(text)
    bob.receives(texts[-1])
    eventually("all thirty are there", lambda: len(theirs.texts()) == len(texts))
    theirs.shows_in_order(texts)


def picture(path):
    """A picture that needs no recoding: small enough to travel as it is."""
    noise = random.Random(7).randbytes(240 * 160 * 3)
    Image.frombytes("RGB", (240, 160), noise).save(path, quality=90)
    return path


def test_picture(one, other, tmp_path):
    alice, bob, chat, theirs = talking(one, other)
    path = picture(tmp_path / "Überraschung 1.jpg")
    chat.send_file(path, "Image", "Look!")
    received = bob.receives("Look!")
    assert received.file() == path.read_bytes()
    snapshot = received.snapshot()
    assert snapshot["viewType"] == "Image"
    # Cameras put place and time into names: pictures may be renamed on the way out.
    assert snapshot["fileName"].endswith(".jpg")
    assert snapshot["fileMime"] == "image/jpeg"
    assert (snapshot["dimensionsWidth"], snapshot["dimensionsHeight"]) == (240, 160)


@pytest.mark.parametrize("size", [1, 139_000, 5_000_000], ids=["one-byte", "139-kB", "5-MB"])
def test_file(one, other, tmp_path, size):
    """Around and far beyond the size where the text travels ahead of the file."""
    alice, bob, chat, theirs = talking(one, other)
    path = tmp_path / "Überblick (1).bin"
    path.write_bytes(random.Random(size).randbytes(size))
    sent = chat.send_file(path, "File", f"{size} bytes")
    received = bob.receives(f"{size} bytes")
    assert received.file() == path.read_bytes()
    assert received.snapshot()["fileName"] == path.name
    assert received.snapshot()["fileBytes"] == size
    assert bob.count(f"{size} bytes") == 1
    sent.reaches(DELIVERED)


def test_two_ticks(one, other):
    """The receipt makes two ticks on both sides."""
    alice, bob, chat, theirs = talking(one, other)
    question = chat.send("Seen?")
    question.reaches(DELIVERED)
    bob.receives("Seen?").mark_seen()
    question.reaches(READ)
    answer = theirs.send("Yes")
    alice.receives("Yes").mark_seen()
    answer.reaches(READ)


def test_two_ticks_for_a_large_file(one, other, tmp_path):
    alice, bob, chat, theirs = talking(one, other)
    path = tmp_path / "large.bin"
    path.write_bytes(random.Random(3).randbytes(300_000))
    sent = chat.send_file(path, "File", "large")
    received = bob.receives("large")
    received.file()
    received.mark_seen()
    sent.reaches(READ)


def test_no_receipt_when_switched_off(one, other):
    alice, bob, chat, theirs = talking(one, other)
    bob.call("set_config", "mdns_enabled", "0")
    sent = chat.send("Seen?")
    bob.receives("Seen?").mark_seen()
    # A later message in the other direction shows that a receipt would have had its time.
    theirs.send("Not telling")
    alice.receives("Not telling")
    stays("one tick", lambda: sent.state() == DELIVERED, 2)


def test_reaction(one, other):
    alice, bob, chat, theirs = talking(one, other)
    sent = chat.send("Cake?")
    bob.call("send_reaction", bob.receives("Cake?").id, ["❤️"])

    def reactions():
        found = sent.snapshot()["reactions"]
        return found and [entry["emoji"] for entry in found["reactions"]]

    eventually("the reaction arrives", lambda: reactions() == ["❤️"])


def test_offline_receiver(one, other):
    """What was sent while the receiver was away is there when it comes back, once and in order."""
    alice, bob, chat, theirs = talking(one, other)
    bob.account.stop_io()
    texts = [f"while away {number}" for number in range(5)]
    for text in texts:
        last = chat.send(text)
    Message(alice, last.id).reaches(DELIVERED)
    bob.goes_online()
    bob.receives("while away 4")
    eventually("all are there", lambda: len(theirs.texts()) >= len(texts))
    theirs.shows_in_order(texts)


def test_sticker_is_collected(one, other, tmp_path):
    """A sticker arrives as one, and the receiver keeps it in a pack."""
    alice, bob, chat, theirs = talking(one, other)
    picture = tmp_path / "fox.png"
    Image.new("RGBA", (16, 16), (0, 0, 0, 0)).save(picture)
    alice.call("send_sticker", chat.id, str(picture))
    sticker = eventually("the sticker arrives", theirs.messages)[0]
    assert sticker["viewType"] == "Sticker"
    assert bob.call("misc_get_stickers") == {}
    bob.call("misc_save_sticker", sticker["id"], "Foxes")
    [saved] = bob.call("misc_get_stickers")["Foxes"]
    assert Path(saved) == Path(bob.call("misc_get_sticker_folder")) / "Foxes" / f"{sticker['id']}.png"
    assert Path(saved).read_bytes() == picture.read_bytes()


def test_each_mail_leaves_the_relay_once(volary, peer):
    """There is one event for each mail that is deleted, and one when the connection waits again."""
    alice, bob = peer.account("Alice"), volary.account("Bob")
    chat = alice.chat_with(bob)
    bob.chat_with(alice)
    bob.event("ImapInboxIdle")
    for number in range(1, 4):
        chat.send(f"message {number}")
        bob.receives(f"message {number}")
        assert bob.event("ImapMessageDeleted")["msg"] == f"IMAP messages {number} marked as deleted"
    bob.event("ImapInboxIdle")
    stays("nothing is left to do", lambda: "ImapInboxIdle" not in waiting_kinds(bob), 2)


def waiting_kinds(profile):
    """Kinds of the events that have come."""
    queue = profile.server.rpc.get_queue(profile.account.id)
    return [queue.get()["kind"] for _ in range(queue.qsize())]
