"""Bots that have the engine inside of them, in Rust and by the library for C, with chatmail core on the other side."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from story import eventually

ROOT = Path(__file__).parents[2]
ANSWERS = "2"


def built(*names: str) -> Path:
    """The first of these that is there, as the build of the programs, or of the tests, has left it."""
    folder = Path(os.environ["VOLARY_RPC_SERVER"]).parent
    found = [folder / name for name in names if (folder / name).exists()]
    if not found:
        pytest.skip(f"{names[0]} is not built")
    return found[0]


def in_rust(folder: Path, code: str) -> list:
    return [built("examples/echo_bot"), "--folder", folder, "--messages", ANSWERS, code]


def in_c_from_python(folder: Path, code: str) -> list:
    if not os.environ.get("GRPC_PYTHON"):
        pytest.skip("grpcio-tools cannot be installed")
    library = built("libvolary_c.so", "deps/libvolary_c.so")
    return [sys.executable, ROOT / "host" / "c" / "examples" / "echo.py", library, folder, code, ANSWERS]


@pytest.fixture(params=[in_rust, in_c_from_python], ids=["rust", "c"])
def bot(request, tmp_path):
    code = f"dclogin:echo-{secrets.token_hex(5)}@_lab.test?p={secrets.token_hex(8)}&v=1"
    running = subprocess.Popen(
        request.param(tmp_path / "echo", code), stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.environ.get("GRPC_PYTHON", "")},
    )
    yield running
    running.kill()
    running.wait()


def test_an_embedded_bot_answers_chatmail_core(bot, peer):
    lines: list[str] = []
    threading.Thread(target=lambda: lines.extend(bot.stdout), daemon=True).start()
    invite = eventually("the bot shows its invite", lambda: lines and lines[0].split()[-1])
    bob = peer.account("Bob")
    chat = bob.joins(invite)
    bob.has_joined()
    for text in ("hello from chatmail core", "and once more"):
        chat.send(text)
        bob.receives(text)
    eventually("it ends by itself", lambda: bot.poll() is not None)
    assert bot.returncode == 0
