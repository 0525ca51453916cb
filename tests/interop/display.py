"""A display in memory for programs that open windows: what a user would see and type."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from programs import SECONDS_TO_END
from story import eventually

SIZE = "1000x700x24"
LIBRARIES = ("GL", "Xcursor", "Xi", "xkbcommon-x11")
"""What the window looks for when it opens."""
DRIVERS = ("dri/swrast_dri.so", "libgallium*.so")
"""OpenGL without a graphics card, as older and newer releases of Mesa bring it."""

CLOSE = """
import ctypes, sys

class ClientMessage(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int), ("display", ctypes.c_void_p),
                ("window", ctypes.c_ulong), ("message", ctypes.c_ulong), ("format", ctypes.c_int),
                ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24)]

x11 = ctypes.CDLL("libX11.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
x11.XInternAtom.restype = ctypes.c_ulong
display, window = ctypes.c_void_p(x11.XOpenDisplay(None)), int(sys.argv[1])
protocols, delete = (x11.XInternAtom(display, name, False) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
event = ClientMessage(kind=33, window=window, message=protocols, format=32, data=(delete, 0))
x11.XSendEvent(display, ctypes.c_ulong(window), False, ctypes.c_long(0), ctypes.byref(event))
x11.XSync(display, False)
"""
"""Asks a window to close, as a window manager does; not every release of xdotool can."""


def obstacle() -> str | None:
    """Why no window can be opened on this machine."""
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            return f"there is no {program} here"
    for library in LIBRARIES:
        if not ctypes.util.find_library(library):
            return f"there is no lib{library} here"
    folders = [*Path("/usr/lib").glob("*-linux-gnu*"), Path("/usr/lib64"), Path("/usr/lib")]
    if not any(list(folder.glob(driver)) for folder in folders for driver in DRIVERS):
        return "there is no software driver of OpenGL here (libgl1-mesa-dri)"
    return None


class Display:
    """An X server that draws into a file. There is no window manager: a window has the keyboard when it is given it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.frame = folder / "Xvfb_screen0"
        number, inner = os.pipe()
        command = ["Xvfb", "-displayfd", str(inner), "-screen", "0", SIZE, "-fbdir", str(folder), "-nolisten", "tcp"]
        self.process = subprocess.Popen(command, pass_fds=[inner], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(inner)
        with os.fdopen(number) as told:
            display = told.readline().strip()
        assert display, "Xvfb does not start"
        hidden = ("WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY")
        self.environment = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment |= {"DISPLAY": f":{display}", "LIBGL_ALWAYS_SOFTWARE": "1"}

    def run(self, *words: object) -> str:
        done = subprocess.run(["xdotool", *map(str, words)], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS_TO_END)
        return done.stdout.strip()

    def colours(self) -> int:
        """How many colours are on the screen. The file is a picture in the form of `xwd`."""
        data = self.frame.read_bytes()
        header, = struct.unpack_from(">I", data)
        colours_in_table, = struct.unpack_from(">I", data, 19 * 4)
        pixels = data[header + 12 * colours_in_table:]
        return len({pixels[place:place + 4] for place in range(0, len(pixels) - 3, 4)})

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class Window:
    """A program with a window on a display."""

    def __init__(self, display: Display, *command: object) -> None:
        self.display = display
        self.process = subprocess.Popen(list(map(str, command)), env=display.environment, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        self.id = eventually("there is a window", self.find)

    def find(self) -> str:
        assert self.process.poll() is None, f"it has ended: {self.process.stderr.read()}"
        return self.display.run("search", "--onlyvisible", "--pid", self.process.pid).partition("\n")[0]

    def title(self) -> str:
        assert self.process.poll() is None, f"it has ended: {self.process.stderr.read()}"
        return self.display.run("getwindowname", self.id)

    def is_called(self, title: str) -> None:
        eventually(f"the title is {title!r}, not {self.title()!r}", lambda: self.title() == title)

    def gets_the_keyboard(self) -> None:
        self.display.run("windowfocus", "--sync", self.id)

    def types(self, text: str) -> None:
        self.display.run("type", "--delay", "20", text)

    def presses(self, *keys: str) -> None:
        self.display.run("key", *keys)

    def closes(self) -> int:
        """Closes it as a window manager does, and returns the exit code."""
        with_x11 = [sys.executable, "-c", CLOSE, self.id]
        subprocess.run(with_x11, env=self.display.environment, check=True, timeout=SECONDS_TO_END)
        return self.process.wait(timeout=SECONDS_TO_END)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
