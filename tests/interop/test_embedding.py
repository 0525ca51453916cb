"""A bot that has the engine as a library for C, from Python, with chatmail core on the other side."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from story import eventually

EXAMPLE = Path(__file__).parents[2] / "host" / "c" / "examples" / "echo.py"


@pytest.fixture
def library():
    """The library as the build of the programs, or of the tests, has left it."""
    built = Path(os.environ["VOLARY_RPC_SERVER"]).parent
    found = [path for path in (built / "libvolary_c.so", built / "deps" / "libvolary_c.so") if path.exists()]
    if not found:
        pytest.skip("libvolary_c.so is not built")
    return found[0]


@pytest.fixture
def bot(library, tmp_path):
    packages = os.environ.get("GRPC_PYTHON")
    if not packages:
        pytest.skip("grpcio-tools cannot be installed")
    code = f"dclogin:echo-{secrets.token_hex(5)}@_lab.test?p={secrets.token_hex(8)}&v=1"
    running = subprocess.Popen(
        [sys.executable, EXAMPLE, library, tmp_path / "echo", code, "2"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": packages},
    )
    yield running
    running.kill()
    running.wait()


def test_a_bot_with_the_c_library_answers_chatmail_core(bot, peer):
    lines: list[str] = []
    threading.Thread(target=lambda: lines.extend(bot.stdout), daemon=True).start()
    invite = eventually("the bot shows its invite", lambda: lines and lines[0].strip())
    bob = peer.account("Bob")
    chat = bob.joins(invite)
    bob.has_joined()
    for text in ("hello from chatmail core", "and once more"):
        chat.send(text)
        bob.receives(text)
    eventually("it ends by itself", lambda: bot.poll() is not None)
    assert bot.returncode == 0
