"""A terminal for programs that draw on one: what a user would see and type."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from typing import Callable

from programs import SECONDS_TO_END, fetched
from story import eventually

ROWS, COLUMNS = 40, 120


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, start: Callable[[int], subprocess.Popen]) -> None:
        """`start` is given the descriptor that is to be the program's terminal."""
        sys.path.append(str(fetched("program", "arcanechat-tui")))
        import pyte

        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.lock = threading.Lock()
        self.side, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = start(inner)
        os.close(inner)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while True:
            try:
                data = os.read(self.side, 65536)
            except OSError:  # the program has ended
                return
            if not data:
                return
            with self.lock:
                self.stream.feed(data)

    def text(self) -> str:
        with self.lock:
            return "\n".join(self.screen.display)

    def shows(self, text: str) -> None:
        def look() -> bool:
            assert self.process.poll() is None, f"it has ended:\n{self.text()}"
            return text in self.text()

        try:
            eventually(f"the terminal shows {text!r}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def types(self, keys: str) -> None:
        os.write(self.side, keys.encode())

    def ends(self) -> int:
        return self.process.wait(timeout=SECONDS_TO_END)
