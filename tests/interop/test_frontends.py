"""Frontends of many kinds share one host: they see the same, in the same order, and none of them slows another down.

FRONTENDS_SECONDS (3) is how long a frontend is stopped while messages are sent.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from deltachat_rpc_client import DeltaChat, Rpc
from story import PATIENCE, Server, eventually
from terminal import Terminal
from test_grpc import Frontend, schema  # noqa: F401
from test_websocket import BRIDGE

SECONDS = float(os.environ.get("FRONTENDS_SECONDS", "3"))
PER_SECOND = 8
HOST = """#!/bin/sh
exec '{program}' serve --data '{folder}' --rpc --websocket 127.0.0.1:0 2>'{folder}.log'
"""


class WatchingRpc(Rpc):
    """chatmail core's client, which also keeps all events in their order, with the time at which they came."""

    def events_loop(self) -> None:
        self.seen: list[tuple[float, dict]] = []
        while events := self.get_next_event_batch():
            now = time.time()
            for event in events:
                self.seen.append((now, event))
                self.get_queue(event["contextId"]).put(event["event"])
            if self.closing:
                return


class Client(Server):
    """A program made with chatmail core's client."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.old = False
        self.rpc = WatchingRpc(accounts_dir=str(folder), rpc_server_path=binary)
        self.rpc.start()
        self.manager = DeltaChat(self.rpc)

    def events(self) -> list[tuple[float, dict]]:
        return list(self.rpc.seen)


class Follower:
    """A program that writes events as lines."""

    def __init__(self, *command: object, **options) -> None:
        line = [str(word) for word in command]
        self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
        self.seen: list[tuple[float, dict]] = []
        threading.Thread(target=self.read, daemon=True).start()
        eventually(f"{line[0]} follows", lambda: self.seen)

    def read(self) -> None:
        for line in self.process.stdout:
            if line.endswith("\n"):  # a killed program may leave half a line
                self.seen.append((time.time(), json.loads(line)))

    def events(self) -> list[tuple[float, dict]]:
        return [(at, item) for at, item in list(self.seen) if "event" in item]

    def stop(self, by: int = signal.SIGTERM) -> None:
        self.process.send_signal(by)
        self.process.wait(timeout=PATIENCE)


def told(frontend: Client | Follower, profile: int) -> list[tuple]:
    """What a frontend was told of a profile, in a form that all have in common."""
    events = [item["event"] for _, item in frontend.events() if item["contextId"] == profile]
    return [(event["kind"], event.get("chatId") or 0, event.get("msgId") or 0) for event in events]


def delivered(events: list[tuple]) -> set[int]:
    return {message for kind, _, message in events if kind == "MsgDelivered"}


def numbered(follower: Follower) -> list[tuple]:
    """All events with their numbers."""
    return [(item["number"], item["contextId"], item["event"]["kind"]) for _, item in follower.events()]


def built_beside(program: Path, name: str) -> Path:
    """Another program of the same build."""
    path = program.with_name(name)
    assert path.exists(), f"{path} is not built: cargo build --workspace --bins"
    return path


def opens_terminal(host: "Host", profile: int, newest: str) -> Terminal:
    """A user interface in Rust (host/frontends), with the newest chat open, of which it shows this message."""
    command = [built_beside(host.program, "volary-terminal"), host.folder, str(profile)]
    terminal = Terminal(lambda inner: subprocess.Popen(
        command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color"}))
    terminal.shows(newest)
    terminal.types("\x1b[B")
    return terminal


class Load:
    """Messages that all kinds of frontends send in turn, and when each frontend heard of them."""

    def __init__(self, senders: list) -> None:
        self.senders = senders
        self.sent: dict[int, float] = {}

    def runs(self, seconds: float) -> list[int]:
        """Sends for some seconds; returns the messages."""
        end, messages = time.monotonic() + seconds, []
        while time.monotonic() < end:
            begin = time.time()
            message = self.senders[len(self.sent) % len(self.senders)](f"message {len(self.sent)}")
            self.sent[message] = begin
            messages.append(message)
            time.sleep(max(0.0, 1 / PER_SECOND - (time.time() - begin)))
        return messages

    def delays(self, frontend, profile: int, messages: list[int]) -> list[float]:
        """Milliseconds from the call that sent a message to the first event about it, sorted."""
        first: dict[int, float] = {}
        for at, item in frontend.events():
            if item["contextId"] == profile:
                first.setdefault(item["event"].get("msgId") or 0, at)
        assert all(message in first for message in messages), "nothing is missing"
        return sorted(1000 * (first[message] - self.sent[message]) for message in messages)


def figures(name: str, before: list[float], beside: list[float]) -> str:
    def both(delays: list[float]) -> str:
        return f"{statistics.median(delays):5.1f} ms, at most {delays[-1]:6.1f} ms"

    return f"{name:22} {both(before)}   beside stopped ones {both(beside)}"


class Host:
    """`volary serve` with all interfaces at once; chatmail core's client at its standard input has started it."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        script = folder.with_suffix(".sh")
        script.write_text(HOST.format(program=program, folder=folder))
        script.chmod(0o755)
        self.stdio = Client(str(script), folder)
        log = re.sub(r"\x1b\[[0-9;]*m", "", folder.with_suffix(".log").read_text())
        self.websocket = re.search(r"over WebSocket.*address=(\S+)", log).group(1)

    def volary(self, *words: object, **options) -> str:
        command, *rest = [str(word) for word in words]
        done = subprocess.run([self.program, *command.split(), "--data", self.folder, *rest], check=True,
                              stdout=subprocess.PIPE, text=True, timeout=PATIENCE, **options)
        return done.stdout.strip()


@pytest.fixture
def host(command_line, tmp_path):
    running = Host(command_line, tmp_path / "host")
    yield running
    running.stdio.stop()


@pytest.fixture
def started():
    """What a test has started beside the host."""
    all_of_them: list = []
    yield all_of_them
    for one in reversed(all_of_them):
        if isinstance(one, Server):
            one.stop()
        else:
            one.process.kill()
            one.process.wait()


def test_frontends_of_six_kinds_share_a_host(host, schema, started, monkeypatch, record_property):  # noqa: F811
    monkeypatch.setenv("VOLARY_WEBSOCKET", host.websocket)
    monkeypatch.setenv("VOLARY_TOKEN", host.volary("token add", "desktop"))
    generated = Path(schema.bus.__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{os.environ['GRPC_PYTHON']}:{generated}"}
    script = Path(__file__).with_name("grpc_follower.py")

    def follower(*position: object) -> Follower:
        started.append(Follower(sys.executable, script, host.folder / "bus.sock", *position, env=environment))
        return started[-1]

    stdio, websocket, grpc = host.stdio, Client(BRIDGE, host.folder), Frontend(schema, host.folder)
    rust = Follower(host.program, "events", "--data", host.folder)
    started += [websocket, rust]
    stopped, killed = follower(), follower()

    # Each changes something, and all see it.
    alice, bob = stdio.account("Alice"), websocket.account("Bob")
    at_alice, at_bob = alice.account.id, bob.account.id
    chat = int(host.volary("join", "--profile", at_bob, alice.invite()))
    eventually("Alice has met Bob", lambda: "SecurejoinInviterProgress" in [event[0] for event in told(rust, at_alice)])
    eventually("Bob can write", lambda: bob.call("can_send", chat))

    def over_grpc(text: str) -> int:
        request = schema.requests.Request(profile_id=at_bob)
        request.send_message.chat_id, request.send_message.data.text = chat, text
        return grpc.stub.Call(request, timeout=PATIENCE).id.id

    time.sleep(1)  # chats are sorted by seconds, and what the engine says to a new user is one, too
    over_grpc("hello")
    terminal = opens_terminal(host, at_bob, "Me: hello")
    started.append(terminal)
    terminal.types("typed on a terminal\r")
    alice.receives("typed on a terminal")

    load = Load([
        lambda text: stdio.rpc.misc_send_text_message(at_bob, chat, text),
        lambda text: websocket.rpc.misc_send_text_message(at_bob, chat, text),
        over_grpc,
        lambda text: int(host.volary("send", "--profile", at_bob, "--chat", chat, text)),
    ])
    before = load.runs(SECONDS)
    stopped.process.send_signal(signal.SIGSTOP)
    beside = load.runs(SECONDS / 2)
    killed.stop(signal.SIGKILL)
    beside += load.runs(SECONDS / 2)
    stopped.process.send_signal(signal.SIGCONT)
    back = follower(killed.seen[-1][1]["number"], killed.seen[0][1]["log"])

    steady = {"standard input": stdio, "WebSocket": websocket, "Rust (volary events)": rust}
    everybody = {**steady, "gRPC, stopped for a while": stopped}
    for name, frontend in everybody.items():
        eventually(f"all was sent, as {name} is told", lambda: load.sent.keys() <= delivered(told(frontend, at_bob)))
    for profile in (at_alice, at_bob):
        eventually("all are told the same in the same order",
                   lambda: all(told(frontend, profile) == told(rust, profile) for frontend in everybody.values()))
    in_two_lives = lambda: numbered(killed) + numbered(back)  # noqa: E731
    eventually("who was killed has missed nothing, and heard nothing twice", lambda: in_two_lives() == numbered(rust))
    assert numbered(stopped) == numbered(rust)
    assert not [item for one in (rust, stopped, killed, back) for _, item in one.seen if "gap" in item]

    terminal.shows(f"message {len(load.sent) - 1}")
    terminal.types("\x1b")
    assert terminal.ends() == 0

    lines = [f"{len(load.sent)} messages, {PER_SECOND} a second; from sending to the first event about it:"]
    for name, frontend in steady.items():
        alone, slow = (load.delays(frontend, at_bob, messages) for messages in (before, beside))
        lines.append(figures(name, alone, slow))
        assert statistics.median(slow) < 10 * statistics.median(alone) + 1000, lines
    record_property("figures", "\n".join(lines))
