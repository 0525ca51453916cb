"""Contact requests and vCards, each way."""

from story import DELIVERED, eventually, key_of, stays


def test_contact_request(one, other):
    """A stranger's message waits as a request; once accepted both can write."""
    alice, bob = one.account("Alice"), other.account("Bob")
    first = alice.chat_with(bob).send("We do not know each other")

    request = bob.receives("We do not know each other")
    chat = request.chat()
    assert chat.info()["isContactRequest"]
    assert chat.info()["name"] == "Alice"
    assert not chat.full()["canSend"]
    assert request.snapshot()["showPadlock"]

    request.mark_seen()
    chat.accept()
    assert not chat.info()["isContactRequest"]
    assert chat.full()["canSend"]
    chat.send("Now we do")
    assert alice.receives("Now we do").chat().texts() == ["We do not know each other", "Now we do"]
    # Whoever looked at a request before accepting it did not tell so.
    stays("one tick", lambda: first.state() == DELIVERED, 2)


def test_blocked_contact_is_not_heard(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    chat = alice.chat_with(bob)
    chat.send("Buy this")
    request = bob.receives("Buy this")
    bob.call("block_contact", request.snapshot()["fromId"])
    chat.send("Buy that")
    carol = one.account("Carol")
    carol.chat_with(bob).send("Hello")
    bob.receives("Hello")
    stays("nothing from Alice", lambda: bob.count("Buy that") == 0, 2)


def test_card_carries_name_address_key(one, other):
    alice, bob = one.account("Alice Łukasz, Jr."), other.account("Bob")
    alice.call("set_config", "selfstatus", "out for a walk")
    contact = bob.contact(bob.knows(alice))
    assert contact["displayName"] == "Alice Łukasz, Jr."
    assert contact["address"] == alice.addresses()[0]
    assert contact["e2eeAvail"]
    assert contact["isKeyContact"]
    assert key_of(bob.call("make_vcard", [contact["id"]])) == key_of(alice.card())


def test_card_is_understood_again(one, other):
    """A card that went through the other engine still leads to its owner."""
    alice, bob, carol = one.account("Alice"), other.account("Bob"), one.account("Carol")
    [contact] = alice.call("import_vcard_contents", bob.call("make_vcard", [bob.knows(carol)]))
    assert alice.contact(contact)["displayName"] == "Carol"
    alice.call("misc_send_text_message", alice.call("create_chat_by_contact_id", contact), "By way of Bob")
    assert carol.receives("By way of Bob").snapshot()["showPadlock"]


def test_shared_contact(one, other, tmp_path):
    """A contact sent as a message can be written to, encrypted, at once."""
    alice, bob, carol = one.account("Alice"), other.account("Bob"), other.account("Carol")
    card = tmp_path / "carol.vcf"
    card.write_text(alice.call("make_vcard", [alice.knows(carol)]))
    alice.chat_with(bob).send_file(card, "Vcard", "Meet Carol")

    message = bob.receives("Meet Carol")
    snapshot = message.snapshot()
    assert snapshot["viewType"] == "Vcard"
    assert snapshot["vcardContact"]["displayName"] == "Carol"
    assert snapshot["vcardContact"]["addr"] == carol.addresses()[0]
    [contact] = bob.call("import_vcard", snapshot["file"])
    bob.call("misc_send_text_message", bob.call("create_chat_by_contact_id", contact), "Hello from Bob")
    assert carol.receives("Hello from Bob").snapshot()["showPadlock"]


def test_display_name_travels_with_messages(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    contact, chat = bob.knows(alice), alice.chat_with(bob)
    alice.call("set_config", "displayname", "Alice in Wonderland")
    chat.send("New name")
    bob.receives("New name")
    eventually("the new name is shown", lambda: bob.contact(contact)["displayName"] == "Alice in Wonderland")
