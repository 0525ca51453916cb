"""A JSON-RPC server as a child process, and profiles in it, for the measurements of this folder."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

IDLE = 4000  # connectivity: connected, nothing to do
PATIENCE = 60  # seconds for anything that is waited for
PARALLEL = 4  # profiles that are configured at the same time
CHUNK = 1 << 16  # bytes read at once; Python would fetch the memory for much more anew from the system each time


class Failure(Exception):
    """Something did not happen, or a call failed."""


class Server:
    """A JSON-RPC server as a child process.

    Single-threaded on purpose: the client must not take a core from what it measures. Requests can be sent ahead
    (`send`) and their results collected later (`result`); events are fetched all the while.
    """

    def __init__(self, binary: Path, accounts: Path, **environment: str):
        self.start(binary, **environment, DC_ACCOUNTS_PATH=str(accounts), RUST_LOG="error")
        self.call("get_system_info")
        self.opened_s = time.perf_counter() - self.started
        self.event_request = self.send("get_next_event_batch")

    def start(self, program: Path | str, **environment: str) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        self.pid = self.process.pid
        self.buffer = bytearray()
        self.last_id = 0
        self.results: dict[int, object] = {}
        self.events: list[tuple[int, dict]] = []
        self.arrived = 0.0
        self.event_request = 0

    def line(self, method: str, *params: object) -> bytes:
        """A request with the next number."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        return json.dumps(request).encode() + b"\n"

    def write(self, lines: bytes) -> None:
        self.process.stdin.write(lines)
        self.process.stdin.flush()

    def send(self, method: str, *params: object) -> int:
        self.write(self.line(method, *params))
        return self.last_id

    def pump(self, patience: float = PATIENCE) -> int | None:
        """Takes in one answer and returns its id; None when none came in time."""
        deadline = time.perf_counter() + patience
        while (end := self.buffer.find(b"\n")) < 0:
            left = deadline - time.perf_counter()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            chunk = os.read(self.process.stdout.fileno(), CHUNK)
            if not chunk:
                raise Failure("the server ended")
            self.buffer += chunk
        self.arrived = time.perf_counter()
        line, self.buffer = self.buffer[:end], self.buffer[end + 1 :]
        answer = json.loads(line)
        number = answer.get("id")
        if number == self.event_request:
            self.events += [(event["contextId"], event["event"]) for event in answer["result"]]
            self.event_request = self.send("get_next_event_batch")
        elif number is not None:
            self.results[number] = answer
        return number

    def result(self, number: int) -> object:
        while number not in self.results:
            if self.pump() is None:
                raise Failure("no answer in time")
        answer = self.results.pop(number)
        if "error" in answer:
            raise Failure(f"{answer['error']}")
        return answer.get("result")

    def call(self, method: str, *params: object) -> object:
        return self.result(self.send(method, *params))

    def timed(self, method: str, *params: object) -> float:
        """Seconds from writing the request until the answer is there, without the time that Python takes to make the one
        and to read the other."""
        line = self.line(method, *params)
        number = self.last_id
        begin = time.perf_counter()
        self.write(line)
        while number not in self.results:
            if self.pump() is None:
                raise Failure("no answer in time")
        arrived = self.arrived
        self.result(number)
        return arrived - begin

    def block(self, count: int, method: str, *params: object) -> float:
        """Seconds for some calls that are sent in one piece, until all are answered; hardly any of it is Python's."""
        block = b"".join(self.line(method, *params) for _ in range(count))
        # Events that come meanwhile are none of the answers.
        while self.pump(0) is not None:
            pass
        answers = bytearray()
        begin = time.perf_counter()
        self.write(block)
        while answers.count(b"\n") < count:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise Failure("no answer in time")
            answers += os.read(self.process.stdout.fileno(), CHUNK)
        took = time.perf_counter() - begin
        if b'"error"' in answers:
            raise Failure("a call of a block failed")
        return took

    def incoming(self, profile: int, count: int = 1) -> list[dict]:
        """The next `count` messages that come in at a profile."""
        found: list[dict] = []
        deadline = time.perf_counter() + PATIENCE
        while True:
            for entry in [e for e in self.events if e[0] == profile and e[1]["kind"] == "IncomingMsg"][: count - len(found)]:
                self.events.remove(entry)
                found.append(entry[1])
            if len(found) == count:
                return found
            if self.pump(max(deadline - time.perf_counter(), 0)) is None:
                raise Failure(f"{len(found)} of {count} messages came in")

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the server does not end with its input") from None
        finally:
            self.process.stdout.close()

    # What /proc tells.

    def anonymous_kib(self) -> int:
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
        raise Failure("no smaps_rollup")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Profiles



class Echo(Server):
    """A program that gives each line back as it is: what takes time with it is the pipe and the client."""

    def __init__(self) -> None:
        self.start("cat")


def user_name(length: int) -> str:
    return "".join(random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=length))


def configure(server: Server, count: int, login: Callable[[], dict]) -> list[int]:
    """New profiles; `login` gives the account of each."""
    profiles = [server.call("add_account") for _ in range(count)]
    pending: list[int] = []
    for profile in profiles:
        pending.append(server.send("add_or_update_transport", profile, login()))
        if len(pending) == PARALLEL:
            server.result(pending.pop(0))
    for number in pending:
        server.result(number)
    return profiles


def until_idle(server: Server, profiles: list[int]) -> None:
    deadline = time.perf_counter() + PATIENCE
    waiting = list(profiles)
    while waiting:
        waiting = [profile for profile in waiting if server.call("get_connectivity", profile) < IDLE]
        if waiting and time.perf_counter() > deadline:
            raise Failure(f"{len(waiting)} of {len(profiles)} profiles do not become idle")
        if waiting:
            server.pump(0.02)
