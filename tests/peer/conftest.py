"""What chatmail core's own test suite expects beside it: files to send, a plain IMAP view, other releases.

Copied into the suite's `tests` folder by `tests/peer-suite`. Beyond the fixtures it writes the outcome of every
test as JSON and makes sure that a server which does not end cannot hold up the run.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from deltachat_rpc_client import Rpc
from deltachat_rpc_client.pytestplugin import RPCAccountFactory
from imap_tools import AND, Header, MailBox

SECONDS_TO_END = 20
"""How long a server may take to end after its standard input was closed."""


# Outcomes


class Outcomes:
    """Collects the worst phase of each test; runs where the reports arrive, in the controlling process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.tests: dict[str, dict] = {}

    def pytest_runtest_logreport(self, report) -> None:
        test = self.tests.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0, "why": ""})
        test["seconds"] += report.duration
        if report.outcome != "passed" and test["outcome"] != "failed":
            test["outcome"] = report.outcome
            text = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr or "")
            crash = getattr(getattr(report.longrepr, "reprcrash", None), "message", None)
            test["why"] = (crash or text).strip().split("\n")[0][:200]

    def pytest_sessionfinish(self) -> None:
        Path(self.path).write_text(json.dumps(self.tests))


@pytest.hookimpl(trylast=True)
def pytest_configure(config) -> None:
    if "PEER_SUITE_DOMAIN" in os.environ:
        # Only the server under test has to know it; the suite's plugin, which looks domains up, has done so by now.
        os.environ["CHATMAIL_DOMAIN"] = os.environ["PEER_SUITE_DOMAIN"]
    path = os.environ.get("PEER_SUITE_OUTCOMES")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(path))


# Server under test


@pytest.fixture
def rpc(tmp_path):
    server = Rpc(accounts_dir=str(tmp_path / "accounts"))
    server.start()
    yield server
    slow = threading.Event()

    def end_it() -> None:
        slow.set()
        server.process.kill()

    killer = threading.Timer(SECONDS_TO_END, end_it)
    killer.start()
    server.close()
    killer.cancel()
    assert not slow.is_set(), f"the server did not end within {SECONDS_TO_END} s after its standard input was closed"


# Accounts on a relay that is not at the standard ports, or whose certificate nobody else has signed


@pytest.fixture
def acf(dc) -> RPCAccountFactory:
    factory = RPCAccountFactory(dc)
    login = os.environ.get("PEER_SUITE_LOGIN")
    if login:
        domain = os.environ["CHATMAIL_DOMAIN"]

        def account() -> str:
            user, password = secrets.token_hex(8)[:9], secrets.token_hex(11)
            return f"dclogin:{user}@{domain}?p={password}&v=1&ic=3&{login}"

        factory.get_account_qr = account
    return factory


# Files to send, made by make_test_data.py beside the tests


class Files:
    root = Path(__file__).parent.parent / "test-data"

    def get_path(self, name: str) -> str:
        path = self.root / name
        assert path.exists(), path
        return str(path)

    def read_path(self, name: str, mode: str = "r"):
        with open(self.get_path(name), mode) as file:
            return file.read()


@pytest.fixture
def rpcdata() -> Files:
    return Files()


# Other releases of chatmail core, kept between runs


@pytest.fixture(scope="session")
def get_core_python_env():
    cache = Path(os.environ["PEER_SUITE_CACHE"])

    def environment(version: str) -> tuple[str, str]:
        venv = cache / f"venv-{version}-client"
        python, server = venv / "bin/python", venv / "bin/deltachat-rpc-server"
        with open(cache / "suite.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (venv / "ready").exists():
                subprocess.check_call([sys.executable, "-m", "venv", "--clear", venv])
                packages = [f"deltachat-rpc-{part}=={version}" for part in ("client", "server")]
                subprocess.check_call([python, "-m", "pip", "install", "-q", "pytest", *packages])
                (venv / "ready").touch()
        return str(python), str(server)

    return environment


# A mailbox seen through plain IMAP


class Idle:
    """A running IDLE command."""

    def __init__(self, connection: MailBox) -> None:
        self.connection = connection

    def check(self, timeout=None) -> list[bytes]:
        return self.connection.idle.poll(timeout=timeout)

    def wait_for(self, *words: bytes, timeout=None) -> bytes:
        while True:
            for line in self.check(timeout):
                if all(word in line for word in words):
                    return line

    def wait_for_new_message(self) -> bytes:
        return self.wait_for(b"EXISTS")

    def wait_for_seen(self, timeout=None) -> int:
        return int(self.wait_for(b"FETCH", rb"\Seen", timeout=timeout).split()[1])


class Mailbox:
    """One transport of an account; the first one when no address is given."""

    def __init__(self, account, addr: str | None = None, password: str | None = None) -> None:
        self.account = account
        if addr is None:
            first = account.list_transports()[0]
            addr, password = first["addr"], first["password"]
        self.addr, self.password = addr, password
        self.connect()

    def connect(self) -> None:
        host = self.addr.rsplit("@", 1)[-1]
        trust = ssl.create_default_context()
        if host.startswith("_"):
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
        self.conn = MailBox(host, 993, ssl_context=trust)
        self.conn.login(self.addr, self.password)

    def shutdown(self) -> None:
        self.conn.logout()

    def create_folder(self, name: str) -> None:
        self.conn.folder.create(name)

    def list_folders(self) -> list[str]:
        return [folder.name for folder in self.conn.folder.list()]

    def select_folder(self, name: str):
        return self.conn.folder.set(name)

    def select_config_folder(self, name: str):
        return self.select_folder("INBOX" if name == "inbox" else name)

    def get_all_messages(self) -> list:
        return list(self.conn.fetch(mark_seen=False))

    def get_unread_messages(self) -> list[str]:
        return [message.uid for message in self.conn.fetch(AND(seen=False), mark_seen=False)]

    def get_unread_cnt(self) -> int:
        return len(self.get_unread_messages())

    def get_uid_by_message_id(self, message_id: str) -> str:
        found = self.conn.fetch(AND(header=Header("MESSAGE-ID", message_id)), mark_seen=False)
        return next(message.uid for message in found)

    def append(self, folder: str, message: str) -> None:
        lines = message.lstrip("\n").splitlines()
        self.conn.append("\r\n".join(line.lstrip() for line in lines).encode(), folder)

    def delete(self, uids: str, expunge: bool = True) -> None:
        self.conn.client.uid("STORE", uids, "+FLAGS", r"(\Deleted)")
        if expunge:
            self.conn.client.expunge()

    @contextmanager
    def idle(self):
        list(self.conn.fetch(mark_seen=False, headers_only=True))
        self.conn.idle.start()
        try:
            yield Idle(self.conn)
        finally:
            self.conn.idle.stop()


@pytest.fixture
def direct_imap():
    return Mailbox
