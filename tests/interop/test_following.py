"""A frontend that has a chat open and lists its messages at each event finds one more each time, also in a burst."""

import time

import pytest

from story import eventually

ROUNDS = 4
BURST = ["first", "second", "third"]
CROWD = 20


def comes_at_once(receiver, chat, texts):
    """Messages that wait for the receiver together. Returns when they were sent and the receiver connects again."""
    receiver.account.stop_io()
    sent = [chat.send(text) for text in texts]
    eventually("all are with the relay", lambda: all(message.state() >= 26 for message in sent))
    receiver.account.start_io()


@pytest.mark.parametrize("method", ["get_message_ids", "get_message_list_items"])
def test_open_chat_follows_a_burst(volary, peer, method):
    alice, bob = peer.account("Alice"), volary.account("Bob")
    to_bob, chat = alice.chat_with(bob), bob.chat_with(alice)

    def count():
        return len(chat.call(method, False, False))

    before, followed = count(), 0
    for number in range(ROUNDS):
        comes_at_once(bob, to_bob, [f"{text} {number}" for text in BURST])
        counts = []
        for _ in BURST:
            assert bob.event("IncomingMsg")["chatId"] == chat.id
            counts.append(count())
        assert counts == sorted(counts) and counts[-1] == before + len(BURST)
        followed += counts == [before + 1, before + 2, before + 3]
        before += len(BURST)
    # A frontend on a busy machine may be too slow once.
    assert followed >= ROUNDS - 1


def test_chat_that_nobody_lists_is_not_held_up(volary, peer):
    """Bots answer events and list nothing."""
    alice, bob = peer.account("Alice"), volary.account("Bob")
    to_bob = alice.chat_with(bob)
    bob.chat_with(alice)
    comes_at_once(bob, to_bob, [f"number {number}" for number in range(CROWD)])
    bob.event("IncomingMsg")
    begin = time.monotonic()
    for _ in range(CROWD - 1):
        bob.event("IncomingMsg")
    # Half a second for each would be ten.
    assert time.monotonic() - begin < CROWD / 4
