"""A profile with two relays: one goes down, messages still arrive, once each."""

import time

import pytest
from story import eventually

FIRST, SECOND = "_lab2.test", "_lab3.test"
UNTIL_FAIL_OVER = 100
"""Seconds until a message has found its way around a relay that does not answer; chatmail core takes up to 45."""

# These switch relays that they share: the group makes them run one after the other.
pytestmark = pytest.mark.xdist_group("relay-switch")


def once(profile, texts):
    assert {text: profile.count(text) for text in texts} == dict.fromkeys(texts, 1)


def test_every_message_comes_once(one, other, lab):
    """With both relays up each message arrives at both, and is shown once."""
    alice, bob = one.account("Alice", FIRST, SECOND), other.account("Bob")
    chat = bob.chat_with(alice)
    texts = [f"twice on the way {number}" for number in range(5)]
    for text in texts:
        chat.send(text)
    for text in texts:
        alice.receives(text)
    time.sleep(2)
    once(alice, texts)
    assert len(alice.addresses()) == 2


@pytest.mark.parametrize("down", [FIRST, SECOND])
def test_one_relay_is_down(one, other, lab, down):
    alice, bob = one.account("Alice", FIRST, SECOND), other.account("Bob")
    at_bob, at_alice = bob.chat_with(alice), alice.chat_with(bob)
    at_bob.send("Before")
    alice.receives("Before")
    at_alice.send("Before, back")
    bob.receives("Before, back")

    lab.off(down)
    at_bob.send("Meanwhile")
    alice.receives("Meanwhile", UNTIL_FAIL_OVER)
    at_alice.send("Meanwhile, back")
    bob.receives("Meanwhile, back", UNTIL_FAIL_OVER)

    lab.on(down)
    eventually("the held back mail is delivered", lambda: lab.waiting_for(down) == 0)
    at_bob.send("Afterwards")
    alice.receives("Afterwards")
    at_alice.send("Afterwards, back")
    bob.receives("Afterwards, back")
    time.sleep(3)
    once(alice, ["Before", "Meanwhile", "Afterwards"])
    once(bob, ["Before, back", "Meanwhile, back", "Afterwards, back"])


def test_older_way_to_log_in_works_while_connected(one, other):
    """Programs made for older releases set `addr` and `mail_pw` and call `configure`, connected or not."""
    alice, bob = one.account("Alice"), other.account("Bob")
    [address] = alice.addresses()
    alice.call("set_config", "addr", address)
    alice.call("set_config", "mail_pw", "any password")
    alice.call("configure")
    assert alice.addresses() == [address]
    bob.chat_with(alice).send("still there?")
    alice.receives("still there?")
