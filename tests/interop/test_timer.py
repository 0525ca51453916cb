"""Disappearing messages, with the timer set by either side."""

from story import eventually

SECONDS = 3


def test_message_disappears_on_both_sides(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    chat, theirs = alice.chat_with(bob), bob.chat_with(alice)
    chat.send("This one stays")
    bob.receives("This one stays")

    chat.set_timer(SECONDS)
    eventually("Bob has the timer", lambda: theirs.timer() == SECONDS)

    sent = chat.send("This one goes")
    received = bob.receives("This one goes")
    assert received.snapshot()["text"] == "This one goes"
    received.mark_seen()
    eventually("it goes at Bob", received.gone)
    eventually("it goes at Alice", sent.gone)

    # The answer carries the timer too.
    answer = theirs.send("So does this")
    alice.receives("So does this").mark_seen()
    eventually("the answer goes", answer.gone)
    eventually("it goes at Alice, who saw it later", lambda: chat.texts() == theirs.texts() == ["This one stays"])


def test_timer_is_switched_off_by_the_other_side(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    chat, theirs = alice.chat_with(bob), bob.chat_with(alice)
    chat.send("Hello")
    bob.receives("Hello")
    chat.set_timer(3600)
    eventually("Bob has the timer", lambda: theirs.timer() == 3600)
    theirs.set_timer(0)
    eventually("Alice has none", lambda: chat.timer() == 0)


def test_timer_of_a_group(one, other):
    alice, bob, carol = one.account("Alice"), other.account("Bob"), other.account("Carol")
    at_alice = alice.creates_group("Secrets", bob, carol)
    at_alice.send("Psst")
    at_bob, at_carol = bob.receives("Psst").chat(), carol.receives("Psst").chat()
    at_bob.accept()
    at_bob.set_timer(600)
    for group in (at_alice, at_carol):
        eventually(f"{group.profile.name} has the timer", lambda group=group: group.timer() == 600)
