"""`volary adopt`: a folder of chatmail core becomes ours, in one command, and stays as it was."""

import hashlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from story import Profile, Server, eventually
from test_backup import PICTURE, Story, differences, shown
from test_webxdc import has, sends


def program() -> str:
    """The command line beside the server."""
    return str(Path(os.environ["VOLARY_RPC_SERVER"]).with_name("volary"))


def adopt(source: Path, target: Path, *more: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([program(), "adopt", str(source), "--data", str(target), *more], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, **options)


def counts(output: str) -> list[dict[str, tuple[int, int]]]:
    """The tables that the command prints: what there was and what is here, by profile."""
    tables: list[dict[str, tuple[int, int]]] = []
    for line in output.splitlines():
        if line.startswith("Profile "):
            tables.append({})
        elif row := re.match(r"  (.+?)\s+(\d+) there\s+(\d+) here", line):
            tables[-1][row[1]] = (int(row[2]), int(row[3]))
    return tables


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    """All files with content and time of change."""
    return {str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*")) if path.is_file()}


def opened(server: Server, id: int, name: str) -> Profile:
    """A profile that a server has."""
    profile = object.__new__(Profile)
    profile.server, profile.name = server, name
    profile.account = next(account for account in server.manager.get_all_accounts() if account.id == id)
    return profile


@pytest.fixture
def ours(tmp_path):
    """Starts our server on a folder, and stops it after the test."""
    running = []

    def server(folder: Path) -> Server:
        running.append(Server(os.environ["VOLARY_RPC_SERVER"], folder))
        return running[-1]

    yield server
    for started in running:
        started.stop()


needs_our_program = pytest.mark.skipif(
    not Path(os.environ["VOLARY_RPC_SERVER"]).with_name("volary").exists(), reason="there is no volary beside the server")


@needs_our_program
def test_a_folder_of_chatmail_core_becomes_ours_and_goes_on(servers, ours, tmp_path):
    home, away = servers("peer"), servers("old_peer")
    story = Story(home, home, tmp_path)
    ida = home.account("Ida")
    old = away.account("Olaf")
    ida.chat_with(old).send("Hello Olaf")
    old.receives("Hello Olaf")
    home.rpc.set_accounts_order([ida.account.id, story.alice.account.id])
    home.rpc.select_account(story.alice.account.id)
    order = home.rpc.get_all_account_ids()
    source, target = tmp_path / "peer", tmp_path / "adopted"

    refused = adopt(source, target)
    assert refused.returncode == 1 and "in use" in refused.stderr, refused

    for profile in (story.alice, story.bob, story.carol, ida):
        profile.account.stop_io()
    before = {profile.name: shown(profile) for profile in (story.alice, ida)}
    home.stop()
    original = fingerprint(source)
    done = adopt(source, target)
    assert done.returncode == 0, (done.stdout, done.stderr)
    tables = counts(done.stdout)
    assert len(tables) == 4 and all(there == here for table in tables for there, here in table.values())
    assert tables[0]["messages"][0] > 20 and tables[0]["files"][0] >= 4 and tables[0]["updates of apps"][0] == 2
    assert fingerprint(source) == original, "the original is untouched"
    again = adopt(source, target)
    assert again.returncode == 0 and again.stdout.count("it was copied before") == 4, again.stdout
    into_ours = adopt(target, tmp_path / "third")
    assert into_ours.returncode == 1 and "already" in into_ours.stderr

    server = ours(target)
    assert server.rpc.get_all_account_ids() == order
    assert server.rpc.get_selected_account_id() == story.alice.account.id
    copy = {profile.name: opened(server, profile.account.id, profile.name)
            for profile in (story.alice, story.bob, story.carol, ida)}
    for name, seen in before.items():
        found = differences(seen, shown(copy[name]))
        assert not found, "\n".join(found)
    devices = [chat for chat in copy["Alice"].chats() if chat.info()["isDeviceChat"]]
    assert "A hint" in devices[0].texts()

    for profile in copy.values():
        profile.goes_online()
    alice, bob = copy["Alice"], copy["Bob"]
    chat = bob.receives("Hello Bob").chat()
    chat.send("Are you there?")
    alice.receives("Are you there?").chat().send("On another engine")
    bob.receives("On another engine")
    group = alice.group("Round")
    group.send("The group, too")
    copy["Carol"].receives("The group, too")
    instance = next(message for message in group.messages() if message["viewType"] == "Webxdc")
    theirs = next(message for message in bob.group("Round").messages() if message["viewType"] == "Webxdc")
    sends(type(story.app)(alice, instance["id"]), payload={"n": 3})
    has(type(story.app)(bob, theirs["id"]), {"n": 1}, {"n": 2}, {"n": 3})
    old.receives("Hello Olaf").chat().accept()
    old.receives("Hello Olaf").chat().send("Hello Ida")
    copy["Ida"].receives("Hello Ida").chat().send("Hello again")
    old.receives("Hello again")


@needs_our_program
@pytest.mark.parametrize("version", ["1.160.0", "2.0.0", "2.24.0", "2.48.0", "2.57.0"])
def test_folders_of_older_releases_become_ours(release, peer, ours, tmp_path, version):
    home = release(version)
    alice, bob = home.account("Alice"), peer.account("Bob")
    alice.chat_with(bob).send("Hello Bob")
    theirs = bob.receives("Hello Bob").chat()
    theirs.accept()
    (tmp_path / "dot.png").write_bytes(PICTURE)
    theirs.send_file(tmp_path / "dot.png", "Image", "a picture")
    alice.receives("a picture").file()
    alice.account.stop_io()
    home.stop()
    done = adopt(tmp_path / f"release-{version}", tmp_path / "adopted")
    assert done.returncode == 0, (done.stdout, done.stderr)
    copy = opened(ours(tmp_path / "adopted"), alice.account.id, "Alice")
    copy.goes_online()
    theirs.send("Are you there?")
    chat = copy.receives("Are you there?").chat()
    assert chat.texts() == ["Hello Bob", "a picture", "Are you there?"]
    chat.send("On another engine")
    bob.receives("On another engine")


@needs_our_program
def test_an_adoption_that_is_killed_goes_on_when_it_is_called_again(servers, ours, tmp_path):
    """Killed at several moments of its run; each profile is here in full or not at all."""
    home = servers("peer")
    names = ["Ann", "Ben", "Cem"]
    profiles = [home.account(name) for name in names]
    big = tmp_path / "big.bin"
    for number, profile in enumerate(profiles):
        big.write_bytes(os.urandom(3_000_000 + number))
        notes = profile.call("create_chat_by_contact_id", 1)
        for text in range(30):
            profile.call("misc_send_text_message", notes, f"note {text}")
        profile.call("send_msg", notes, {"file": str(big), "filename": "big.bin", "viewtype": "File", "text": "big"})
        profile.account.stop_io()
    home.stop()
    source, target = tmp_path / "peer", tmp_path / "adopted"
    begun = time.monotonic()
    assert adopt(source, tmp_path / "measured").returncode == 0
    whole = time.monotonic() - begun
    for part in (0.2, 0.4, 0.6, 0.8, 0.9):
        process = subprocess.Popen([program(), "adopt", str(source), "--data", str(target)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            process.wait(whole * part)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = adopt(source, target)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert all(there == here for table in counts(done.stdout) for there, here in table.values())
    server = ours(target)
    accounts = server.rpc.get_all_accounts()
    assert [account["displayName"] for account in accounts] == names
    for account in accounts:
        profile = opened(server, account["id"], account["displayName"])
        texts = [text for chat in profile.chats() for text in chat.texts()]
        assert [texts.count(f"note {number}") for number in range(30)] == [1] * 30 and texts.count("big") == 1
    eventually("nothing is left of what was killed",
               lambda: len(list(target.glob("*/dc.db-blobs"))) == len(names))


@needs_our_program
def test_migrate_account_moves_a_single_profile(servers, volary, tmp_path):
    home = servers("peer")
    alice = home.account("Alice")
    notes = alice.call("create_chat_by_contact_id", 1)
    alice.call("misc_send_text_message", notes, "A note")
    alice.account.stop_io()
    home.stop()
    selected = volary.rpc.add_account()
    for path, says in ((tmp_path / "none.db", "no database found: "), (tmp_path / "peer/accounts.toml", "no blobdir found: ")):
        with pytest.raises(Exception, match=says):
            volary.rpc.migrate_account(str(path))
    assert volary.rpc.get_all_account_ids() == [selected] and volary.rpc.get_selected_account_id() == selected
    [database] = (tmp_path / "peer").glob("*/dc.db")
    id = volary.rpc.migrate_account(str(database))
    assert volary.rpc.get_selected_account_id() == id
    copy = opened(volary, id, "Alice")
    assert "A note" in [text for chat in copy.chats() for text in chat.texts()]
    copy.goes_online()
    assert not database.exists() and not database.with_name("dc.db-blobs").exists()
