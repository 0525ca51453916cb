"""Dovecot numbers a mailbox anew (it lost its lists, or was restored): nothing is lost, nothing comes twice."""

import os

import pytest
from story import DELIVERED, Lab, eventually


@pytest.mark.skipif(os.geteuid() != 0, reason="touching mailboxes needs root")
def test_mail_from_before_a_renumbering_arrives_once(volary, peer):
    lab = Lab()
    alice, bob = volary.account("Alice"), peer.account("Bob")
    # Mail stays on the relay, so that there is some to come again.
    alice.call("set_config", "bcc_self", "1")
    [address] = alice.addresses()
    at_bob = bob.chat_with(alice)
    for text in ("Known", "Known, too"):
        at_bob.send(text)
        alice.receives(text)

    alice.account.stop_io()
    there = lab.mails(address)
    for text in ("Missed", "Missed, too"):
        at_bob.send(text).reaches(DELIVERED)
    eventually("the mail is in the mailbox", lambda: lab.mails(address) == there + 2)
    before = lab.uid_validity(address)
    lab.renumbers(address)
    alice.goes_online()
    for text in ("Missed", "Missed, too"):
        alice.receives(text)
    assert lab.uid_validity(address) != before
    at_bob.send("Afterwards")
    alice.receives("Afterwards")
    texts = alice.chat_with(bob).texts()
    assert texts == ["Known", "Known, too", "Missed", "Missed, too", "Afterwards"]
