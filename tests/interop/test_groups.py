"""Groups: whoever changes the members, everybody has the same list."""

import time

from story import eventually


def test_members_added_and_removed_by_either_side(one, other):
    alice, dave = one.account("Alice"), one.account("Dave")
    bob, carol = other.account("Bob"), other.account("Carol")

    at_alice = alice.creates_group("Expedition", bob)
    at_alice.send("Founded")
    at_bob = bob.receives("Founded").chat()
    at_bob.accept()
    assert at_bob.info()["name"] == "Expedition"
    for group in (at_alice, at_bob):
        group.lists(alice, bob)

    # Somebody who was invited invites.
    at_bob.add(carol)
    at_carol = carol.group("Expedition")
    for group in (at_alice, at_bob, at_carol):
        group.lists(alice, bob, carol)

    at_alice.add(dave)
    at_dave = dave.group("Expedition")
    for group in (at_alice, at_bob, at_carol, at_dave):
        group.lists(alice, bob, carol, dave)

    at_carol.accept()
    at_carol.send("All here")
    for member in (alice, bob, dave):
        member.receives("All here")

    at_alice.remove(carol)
    for group in (at_alice, at_bob, at_dave):
        group.lists(alice, bob, dave)
    eventually("Carol knows", lambda: not at_carol.full()["selfInGroup"])

    at_bob.remove(dave)
    for group in (at_alice, at_bob):
        group.lists(alice, bob)
    eventually("Dave knows", lambda: not at_dave.full()["selfInGroup"])

    # The removed do not read on.
    at_alice.send("Only us two")
    bob.receives("Only us two")
    assert carol.count("Only us two") == 0
    assert dave.count("Only us two") == 0


def test_member_leaves_and_comes_back(one, other):
    alice, bob, carol = one.account("Alice"), other.account("Bob"), other.account("Carol")
    at_alice = alice.creates_group("Choir", bob, carol)
    at_alice.send("Rehearsal on Monday")
    at_bob = bob.receives("Rehearsal on Monday").chat()
    at_carol = carol.receives("Rehearsal on Monday").chat()
    at_bob.accept()
    at_bob.call("leave_group")
    for group in (at_alice, at_carol):
        group.lists(alice, carol)
    at_alice.add(bob)
    for group in (at_alice, at_carol, at_bob):
        group.lists(alice, bob, carol)
    at_alice.send("Welcome back")
    assert bob.receives("Welcome back").chat() == at_bob


def test_name_is_changed_by_either_side(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    at_alice = alice.creates_group("Trip", bob)
    at_alice.send("Where to?")
    at_bob = bob.receives("Where to?").chat()
    at_bob.accept()
    # Of two names the later one holds, and names are dated by the second.
    time.sleep(1.1)
    at_bob.call("set_chat_name", "Trip to Łódź")
    eventually("Alice sees the name", lambda: at_alice.info()["name"] == "Trip to Łódź")
    time.sleep(1.1)
    at_alice.call("set_chat_name", "Trip home")
    eventually("Bob sees the name", lambda: at_bob.info()["name"] == "Trip home")


def test_members_who_never_met_can_talk(one, other):
    """Keys travel with the group: two members that only the founder knew write to each other."""
    alice, bob, carol = one.account("Alice"), other.account("Bob"), one.account("Carol")
    alice.creates_group("Friends of Alice", bob, carol).send("Meet each other")
    at_bob = bob.receives("Meet each other").chat()
    carol.receives("Meet each other").chat().accept()
    at_bob.accept()
    at_bob.send("Hello Carol")
    received = carol.receives("Hello Carol")
    assert received.snapshot()["showPadlock"]
    assert carol.contact(received.snapshot()["fromId"])["address"] == bob.addresses()[0]
