"""Contact and group invites, with either side as inviter, current and old handshake."""

from story import eventually


def with_old_peers_too(test):
    test.peers = ("peer", "old_peer")
    return test


@with_old_peers_too
def test_contact_invite(one, other):
    inviter, joiner = one.account("Alice"), other.account("Bob")

    chat = joiner.joins(inviter.invite())
    inviter.has_invited()
    joiner.has_joined()

    chat.send("Hello, I scanned your code")
    received = inviter.receives("Hello, I scanned your code")
    assert received.snapshot()["showPadlock"]
    assert not received.chat().info()["isContactRequest"]
    received.chat().send("Welcome")
    assert joiner.receives("Welcome").chat() == chat
    assert chat.info()["isEncrypted"]
    assert chat.info()["name"] == "Alice"
    assert received.chat().info()["name"] == "Bob"


@with_old_peers_too
def test_group_invite(one, other):
    inviter, joiner = one.account("Alice"), other.account("Bob")
    group = inviter.creates_group("Picnic")

    joined = joiner.joins(group.invite())
    inviter.has_invited()
    joiner.has_joined()
    group.lists(inviter, joiner)
    joined.lists(inviter, joiner)

    group.send("Who brings the cake?")
    assert joiner.receives("Who brings the cake?").chat() == joined
    joined.send("I do")
    assert inviter.receives("I do").chat() == group


def test_old_peer_gives_green_checkmark(volary, old_peer):
    """Release 2.24 still shows verification: after the handshake our contact carries it there."""
    alice, bob = volary.account("Alice"), old_peer.account("Bob")
    contact = bob.knows(alice)
    bob.joins(alice.invite())
    bob.has_joined()
    assert bob.contact(contact)["isVerified"]


def test_invite_of_unreachable_profile_stays_pending(one, other):
    """The joiner may write before the inviter was ever online; everything arrives later."""
    inviter, joiner = one.account("Alice"), other.account("Bob")
    invite = inviter.invite()
    inviter.account.stop_io()
    chat = joiner.joins(invite)
    inviter.goes_online()
    inviter.has_invited()
    joiner.has_joined()
    eventually("Bob may write", lambda: chat.full()["canSend"])
    chat.send("Here at last")
    inviter.receives("Here at last")
