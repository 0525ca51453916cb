"""Backups of older releases of chatmail core: they are taken in, and what older releases make of ours."""

from pathlib import Path

import pytest
from story import Chat, Profile, eventually
from test_backup import PICTURE, export, imported

OLDER = ["1.160.0", "2.0.0", "2.23.0", "2.24.0", "2.48.0", "2.57.0"]
"""One of each form: keys by address, contacts with keys, one relay, several relays, and the last before the present form."""

NEWER = {"2.24.0": "Backup too new", "2.48.0": "newer version"}
"""What a release that knows no backups of version 5 says to one."""


def talked(alice: Profile, bob: Profile, folder: Path) -> tuple[Chat, dict]:
    """They have talked; what is to be found afterwards."""
    folder.mkdir()
    chat = alice.chat_with(bob)
    chat.send("Hello Bob")
    bob.receives("Hello Bob").chat().accept()
    theirs = bob.receives("Hello Bob").chat()
    theirs.send("Hello Alice")
    alice.receives("Hello Alice")
    (folder / "plan.txt").write_text("the plan")
    (folder / "dot.png").write_bytes(PICTURE)
    chat.send_file(folder / "plan.txt", "File", "a file")
    bob.receives("a file")
    theirs.send_file(folder / "dot.png", "Image", "a picture")
    picture = alice.receives("a picture").file()
    group = Chat(alice, alice.call("create_group_chat", "Round", False))
    group.call("add_contact_to_chat", alice.knows(bob))
    group.send("Welcome")
    bob.receives("Welcome").chat().accept()
    stranger = alice.call("create_contact", "dave@example.org", "Dave")
    alice.call("block_contact", stranger)
    alice.call("set_config", "selfstatus", "On a journey")
    alice.call("set_config", "ui.theme", "dark")
    return theirs, {"picture": picture}


@pytest.mark.parametrize("version", OLDER)
def test_a_profile_of_an_older_release_comes_and_goes_on(volary, peer, release, tmp_path, version):
    alice, bob = release(version).account("Alice"), peer.account("Bob")
    theirs, found = talked(alice, bob, tmp_path / "files")
    address = alice.call("get_config", "configured_addr")
    alice.account.stop_io()
    copy = imported(volary, export(alice, tmp_path / "out", None))
    assert copy.addresses() == [address]
    settings = {key: copy.call("get_config", key) for key in ("displayname", "selfstatus", "ui.theme", "bcc_self")}
    assert settings == {"displayname": "Alice", "selfstatus": "On a journey", "ui.theme": "dark", "bcc_self": "1"}
    chat = copy.receives("Hello Alice").chat()
    assert chat.texts() == ["Hello Bob", "Hello Alice", "a file", "a picture"]
    assert copy.receives("a picture").file() == found["picture"] or not found["picture"]
    [file] = [message for message in chat.messages() if message["text"] == "a file"]
    assert (file["fileName"], Path(file["file"]).read_text()) == ("plan.txt", "the plan")
    group = copy.group("Round")
    assert group.members() == {address, bob.addresses()[0]}
    assert group.full()["isEncrypted"] and chat.full()["isEncrypted"]
    assert [contact["address"] for contact in copy.call("get_blocked_contacts")] == ["dave@example.org"]
    copy.goes_online()
    theirs.send("Are you there?")
    assert copy.receives("Are you there?").chat().id == chat.id
    chat.send("On another engine")
    bob.receives("On another engine")
    group.send("The group, too")
    bob.receives("The group, too").chat().send("Seen by Bob")
    copy.receives("Seen by Bob")
    assert chat.texts().count("Hello Alice") == 1, "mail that is on the relay is known"


@pytest.mark.parametrize("exporter", ["volary", "peer"])
@pytest.mark.parametrize("version", ["2.24.0", "2.48.0", "2.57.0"])
def test_an_older_release_takes_our_file_as_that_of_the_present_one(servers, peer, release, tmp_path, version, exporter):
    alice, bob = servers(exporter).account("Alice"), peer.account("Bob")
    talked(alice, bob, tmp_path / "files")
    alice.account.stop_io()
    file = export(alice, tmp_path / "out", None)
    copy = Profile(release(version), "")
    if version in NEWER:
        with pytest.raises(Exception, match=NEWER[version]):
            copy.call("import_backup", str(file), None)
        return
    copy.call("import_backup", str(file), None)
    assert copy.addresses() == alice.addresses()
    texts = eventually("the chat is there", lambda: copy.receives("Hello Alice").chat().texts())
    assert texts == ["Hello Bob", "Hello Alice", "a file", "a picture"]
