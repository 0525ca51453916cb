"""A second device by code: Volary gives to chatmail core and takes from it, on this machine alone."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from deltachat_rpc_client.rpc import JsonRpcError
from story import PATIENCE, SELF, Profile, eventually

NOTE = "Account transferred to your second device"
LARGE = 60_000_000


@pytest.fixture(autouse=True)
def loopback(monkeypatch):
    monkeypatch.setenv("VOLARY_ON_LOOPBACK", "1")


class Background:
    """A call that takes a while, on a thread of its own."""

    def __init__(self, profile: Profile, method: str, *arguments) -> None:
        self.error: str | None = None

        def run() -> None:
            try:
                profile.call(method, *arguments)
            except JsonRpcError as error:
                self.error = str(error)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def ends(self, patience: float = PATIENCE) -> str | None:
        """Waits for the answer and returns the text of the error, if it is one."""
        self.thread.join(patience)
        assert not self.thread.is_alive(), f"no answer within {patience:.0f} s"
        return self.error


def fresh(server) -> Profile:
    profile = object.__new__(Profile)
    profile.server, profile.name = server, "second device"
    profile.account = server.manager.add_account()
    return profile


def progress(profile: Profile) -> list[int]:
    """Waits for the end of a transfer; how far it was, in the order of the events."""
    steps = []
    while not steps or steps[-1] not in (0, 1000):
        steps.append(profile.event("ImexProgress")["progress"])
    return steps


def texts(profile: Profile) -> list[str]:
    return [message["text"] for chat in profile.chats() for message in chat.messages()]


def has_large_file(profile: Profile, folder: Path) -> None:
    """Enough that a transfer takes a moment."""
    file = folder / "large.bin"
    file.write_bytes(os.urandom(LARGE))
    chat = profile.call("create_chat_by_contact_id", SELF)
    profile.call("misc_set_draft", chat, None, str(file), file.name, None, "File")


def is_empty(profile: Profile) -> None:
    assert not profile.call("is_configured")
    assert profile.call("list_transports") == []


@pytest.fixture
def alice(one) -> Profile:
    return one.account("Alice")


@pytest.fixture
def second(other) -> Profile:
    return fresh(other)


def test_a_second_device_goes_on_where_the_first_is(alice, second, other, tmp_path):
    bob = other.account("Bob")
    chat, theirs = alice.chat_with(bob), bob.chat_with(alice)
    chat.send("Before the transfer")
    bob.receives("Before the transfer")
    theirs.send("An answer")
    alice.receives("An answer")
    file = tmp_path / "notes.txt"
    file.write_text("in a file")
    chat.send_file(file, "File", "With a file")
    bob.receives("With a file")
    alice.call("set_config", "ui.theme", "dark")
    second.call("set_config", "ui.before", "1")

    given = Background(alice, "provide_backup")
    code = alice.call("get_backup_qr")
    picture = alice.call("get_backup_qr_svg")
    assert picture.startswith("<svg") and "Scan to set up" in picture
    meaning = second.call("check_qr", code)
    assert meaning["kind"] == "backup2" and code.startswith("DCBACKUP")
    assert json.loads(meaning["node_addr"])["direct_addresses"]
    second.call("get_backup", code)
    assert given.ends() is None
    for device in alice, second:
        steps = progress(device)
        assert steps[0] == 1 and steps[-1] == 1000 and steps == sorted(steps), steps

    assert second.call("is_configured") and second.addresses() == alice.addresses()
    assert second.call("get_config", "displayname") == "Alice"
    assert second.call("get_config", "ui.theme") == "dark" and second.call("get_config", "ui.before") is None
    assert alice.call("get_config", "bcc_self") == second.call("get_config", "bcc_self") == "1"
    for text in "Before the transfer", "An answer", "With a file":
        assert second.count(text) == 1, text
    message = next(message for chat in second.chats() for message in chat.messages()
                   if message["text"] == "With a file")
    assert Path(message["file"]).read_text() == "in a file"
    assert any(NOTE in text for text in texts(alice))
    assert not any(NOTE in text for text in texts(second))

    # I/O of the first goes on by itself, that of the second begins when it is asked for.
    second.goes_online()
    theirs.send("To both devices")
    for device in alice, second:
        device.receives("To both devices")
    second.chat_with(bob).send("From the second device")
    bob.receives("From the second device")
    eventually("the first device has a copy", lambda: alice.count("From the second device") == 1)
    chat.send("From the first device")
    bob.receives("From the first device")
    eventually("the second device has a copy", lambda: second.count("From the first device") == 1)


def test_a_wrong_code_gets_nothing(alice, second):
    given = Background(alice, "provide_backup")
    code = alice.call("get_backup_qr")
    head, tail = code.split("&", 1)
    wrong = head[:-1] + ("A" if head[-1] != "A" else "B") + "&" + tail
    with pytest.raises(JsonRpcError):
        second.call("get_backup", wrong)
    assert progress(second)[-1] == 0
    is_empty(second)
    # Chatmail core gives up after that, Volary stays ready.
    alice.call("stop_ongoing_process")
    assert given.ends() is None
    queue = alice.server.rpc.get_queue(alice.account.id)
    steps = [event["progress"] for event in list(queue.queue) if event["kind"] == "ImexProgress"]
    assert all(step == 0 for step in steps), steps

    again = Background(alice, "provide_backup")
    second.call("get_backup", alice.call("get_backup_qr"))
    assert again.ends() is None
    assert second.addresses() == alice.addresses()


def test_a_device_in_use_takes_nothing(alice, other):
    bob = other.account("Bob")
    before = bob.addresses()
    given = Background(alice, "provide_backup")
    with pytest.raises(JsonRpcError, match="Cannot import backups to accounts in use"):
        bob.call("get_backup", alice.call("get_backup_qr"))
    assert given.ends() is None
    assert progress(alice)[-1] == 0
    assert progress(bob)[-1] == 0
    assert bob.addresses() == before and bob.call("get_config", "displayname") == "Bob"
    bob.chat_with(alice).send("Still Bob")
    alice.receives("Still Bob")


def test_the_giver_cancels_before_anybody_comes(alice, second):
    given = Background(alice, "provide_backup")
    alice.call("get_backup_qr")
    with pytest.raises(JsonRpcError, match="another ongoing process"):
        alice.call("provide_backup")
    alice.call("stop_ongoing_process")
    assert given.ends() is None
    assert progress(alice) == [0]

    given = Background(alice, "provide_backup")
    second.call("get_backup", alice.call("get_backup_qr"))
    assert given.ends() is None
    assert second.addresses() == alice.addresses()


def test_the_taker_cancels(alice, second, tmp_path):
    has_large_file(alice, tmp_path)
    given = Background(alice, "provide_backup")
    taken = Background(second, "get_backup", alice.call("get_backup_qr"))
    second.event("ImexProgress")
    second.call("stop_ongoing_process")
    assert taken.ends() is not None
    assert progress(second)[-1] == 0
    assert given.ends() is None
    assert progress(alice)[-1] == 0
    is_empty(second)
    assert not any(NOTE in text for text in texts(alice))

    given = Background(alice, "provide_backup")
    second.call("get_backup", alice.call("get_backup_qr"))
    assert given.ends() is None
    assert second.addresses() == alice.addresses()


def test_the_giver_cancels_in_the_middle(alice, second, tmp_path):
    has_large_file(alice, tmp_path)
    given = Background(alice, "provide_backup")
    taken = Background(second, "get_backup", alice.call("get_backup_qr"))
    second.event("ImexProgress")
    alice.call("stop_ongoing_process")
    assert given.ends() is None
    assert taken.ends(90) is not None
    is_empty(second)


def test_a_connection_that_breaks_off_leaves_an_empty_profile(one, second, tmp_path):
    alice = one.account("Alice")
    has_large_file(alice, tmp_path)
    Background(alice, "provide_backup")
    taken = Background(second, "get_backup", alice.call("get_backup_qr"))
    second.event("ImexProgress")
    one.rpc.process.kill()
    assert taken.ends(120) is not None
    is_empty(second)
    second.call("set_config", "displayname", "Somebody else")
    second.adds_relay("_lab.test")
    second.goes_online()


def test_other_codes_are_no_offers(volary):
    second = fresh(volary)
    for code in "DCBACKUP9:x", "https://example.org", "dcaccount:example.org":
        with pytest.raises(JsonRpcError, match="QR code for backup must be of type DCBACKUP2"):
            second.call("get_backup", code)
    assert second.call("check_qr", "DCBACKUP9:x")["kind"] == "backupTooNew"
