"""Fixtures: `volary`, `peer` (chatmail core), `old_peer`, `release(version)` are servers, `lab` the relays, `command_line`
is our program; `one`, `other` swap the sides."""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
from pathlib import Path

import pytest
from story import Lab, Profile, Server

BINARIES = {"volary": "VOLARY_RPC_SERVER", "peer": "PEER_RPC_SERVER", "old_peer": "OLD_PEER_RPC_SERVER"}


@pytest.fixture
def servers(tmp_path):
    """Starts servers by name, each once, and stops them after the test."""
    running: dict[str, Server] = {}

    def server(name: str) -> Server:
        if name not in running:
            running[name] = Server(os.environ[BINARIES[name]], tmp_path / name, old=name == "old_peer")
        return running[name]

    yield server
    for started in running.values():
        started.stop()


@pytest.fixture
def command_line() -> Path:
    """The program `volary`, which is built beside the server."""
    program = Path(os.environ["VOLARY_RPC_SERVER"]).with_name("volary")
    if not program.exists():
        pytest.skip(f"{program} is not built")
    return program


@pytest.fixture
def volary(servers) -> Server:
    return servers("volary")


@pytest.fixture
def peer(servers) -> Server:
    return servers("peer")


@pytest.fixture
def old_peer(servers) -> Server:
    return servers("old_peer")


@pytest.fixture
def release(tmp_path):
    """Starts servers of releases of chatmail core by version, each once, and stops them after the test."""
    running: dict[str, Server] = {}

    def server(version: str) -> Server:
        if version not in running:
            lab = Path(__file__).parent.parent / "lab/peers"
            binary = subprocess.run([lab, "server", version], check=True, capture_output=True, text=True).stdout.strip()
            running[version] = Server(binary, tmp_path / f"release-{version}", old=version != "2.65.0")
        return running[version]

    yield server
    for started in running.values():
        started.stop()


def pytest_generate_tests(metafunc) -> None:
    """A scenario that takes `one` and `other` is told twice, with Volary on either side."""
    if "one" in metafunc.fixturenames:
        versions = getattr(metafunc.function, "peers", ("peer",))
        pairs = [pair for peer in versions for pair in (("volary", peer), (peer, "volary"))]
        metafunc.parametrize("sides", pairs, ids=["-".join(pair) for pair in pairs])


def pytest_terminal_summary(terminalreporter) -> None:
    """Figures that tests have measured."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "figures":
                terminalreporter.section(report.nodeid.split("::")[-1], "-")
                terminalreporter.write_line(text)


@pytest.fixture
def one(servers, sides) -> Server:
    return servers(sides[0])


@pytest.fixture
def other(servers, sides) -> Server:
    return servers(sides[1])


@pytest.fixture
def devices(one, other, tmp_path):
    """The first device, and a second one with its key."""
    user = f"ada-{secrets.token_hex(5)}"
    login = {"addr": f"{user}@_lab.test", "password": secrets.token_hex(8)}
    first, second = Profile(one, "Ada"), Profile(other, "Ada")
    first.call("add_or_update_transport", login)
    first.call("export_self_keys", str(tmp_path), None)
    second.call("import_self_keys", str(tmp_path), None)
    second.call("add_or_update_transport", login)
    for device in (first, second):
        device.call("set_config", "bcc_self", "1")
        device.goes_online()
    return first, second


@pytest.fixture
def relays_stay():
    """Nobody switches relays meanwhile: for tests that use the second or the third one."""
    if os.geteuid() != 0:
        yield  # nor can anybody
        return
    with open(Lab().folder / "switch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@pytest.fixture
def lab() -> Lab:
    """The relays, to switch off and on; only for tests in the group `relay-switch`, which run one by one."""
    if os.geteuid() != 0:
        pytest.skip("switching relays needs root")
    relays = Lab()
    with open(relays.folder / "switch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run on this machine may use the same lab
        yield relays
        for domain in ("_lab2.test", "_lab3.test"):
            relays.on(domain)
