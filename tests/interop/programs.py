"""Bots and clients that exist, as released: each is installed from its registry (tests/lab/peers) and finds the server
that is tested where it looks for chatmail core's, as `deltachat-rpc-server` on PATH."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from story import PATIENCE, eventually

ROOT = Path(__file__).parents[2]
SECONDS_TO_END = 20


def fetched(*what: str) -> Path:
    """The folder of what tests/lab/peers has fetched."""
    done = subprocess.run([ROOT / "tests/lab/peers", *what], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip(f"{' '.join(what)} cannot be fetched")
    return Path(done.stdout.strip())


def block(page: str, name: str) -> str:
    """The block of code of a page whose first line is a comment with this name."""
    found = re.search(rf"^```\w+\n((?:#|//) {re.escape(name)}\n.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    assert found, f"{page} has no {name}"
    return found.group(1)


class Running:
    """A program that runs; what it prints is read all the time."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.lines: list[str] = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)

    def output(self) -> str:
        return "".join(self.lines)

    def prints(self, pattern: str) -> re.Match:
        """Waits until something is in the output."""

        def look():
            found = re.search(pattern, self.output())
            assert found or self.process.poll() is None, f"it has ended without {pattern!r}:\n{self.output()}"
            return found

        return eventually(f"it prints {pattern!r}", look)

    def interrupt(self) -> int:
        """Ends it as a user does, and returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=SECONDS_TO_END)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Programs:
    """Where programs run: a home of their own, and the server under the name that they look for."""

    def __init__(self, server: str, home: Path) -> None:
        self.home = home
        self.online = ""
        """What programs that log everything print when they are online."""
        self.running: list[Running] = []
        self.drawing: list[subprocess.Popen] = []
        (home / "server").mkdir(parents=True)
        (home / "server/deltachat-rpc-server").symlink_to(server)
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in ("PYTHONPATH", "CHATMAIL_DOMAIN") and not name.startswith("XDG_")}
        self.environment |= {"HOME": str(home), "COLUMNS": "400", "PYTHONUNBUFFERED": "1"}
        self.environment["PATH"] = f"{home / 'server'}:{os.environ['PATH']}"

    def has(self, name: str) -> "Programs":
        """Puts a program from PyPI on PATH."""
        folder = fetched("program", name)
        self.environment["PYTHONPATH"] = str(folder)
        self.environment["PATH"] = f"{self.home / 'server'}:{folder / 'bin'}:{os.environ['PATH']}"
        return self

    def has_node(self) -> "Programs":
        """Puts chatmail core's packages from npm where scripts of this folder find them."""
        if not shutil.which("node") or not shutil.which("npm"):
            pytest.skip("there is no Node here")
        (self.home / "node_modules").symlink_to(fetched("npm") / "node_modules")
        self.environment["DELTA_CHAT_RPC_SERVER"] = str(self.home / "server/deltachat-rpc-server")
        return self

    def writes(self, name: str, text: str) -> None:
        (self.home / name).write_text(text)

    def command(self, line: list[str]) -> list[str]:
        name, *rest = line
        if name == "python":
            return [sys.executable, *rest]
        # subprocess looks for programs on the PATH of this process.
        return [shutil.which(name, path=self.environment["PATH"]) or name, *rest]

    def run(self, *line: str, **options) -> str:
        """Runs a program to its end and returns what it printed."""
        done = subprocess.run(
            self.command(list(line)), cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2 * PATIENCE, **options,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self, *line: str, **options) -> Running:
        process = subprocess.Popen(
            self.command(list(line)), cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
        )
        self.running.append(Running(process))
        return self.running[-1]

    def draws(self, terminal: int, *line: str) -> subprocess.Popen:
        """Starts a program on a terminal."""
        environment = self.environment | {"TERM": "xterm-256color"}
        environment.pop("COLUMNS")
        process = subprocess.Popen(self.command(list(line)), cwd=self.home, env=environment, stdin=terminal,
                                   stdout=terminal, stderr=terminal, start_new_session=True)
        self.drawing.append(process)
        return process

    def stop(self) -> None:
        for number, running in enumerate(self.running):
            print(f"--- output of program {number}:\n{running.output()}")
        for process in self.drawing:
            process.kill()
            process.wait()
        for running in self.running:
            if running.process.poll() is None:
                running.kill()
