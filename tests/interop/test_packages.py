"""The packages for pip and npm are built from the server, installed from the files, without a network, and used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import ROOT, Programs, block, fetched
from story import Server, eventually

# One worker builds the packages, once.
pytestmark = pytest.mark.xdist_group("packages")


def quietly(*command: object, **options) -> str:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=240, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    program = Path(os.environ["VOLARY_RPC_SERVER"])
    if shutil.which("objcopy"):
        # Debug information takes longer to pack than all tests of this file.
        program = folder / "volary-rpc-server"
        quietly("objcopy", "--strip-all", os.environ["VOLARY_RPC_SERVER"], program)
    quietly(sys.executable, ROOT / "packaging/server/build", program, folder / "built")
    return folder / "built"


def test_a_wheel_is_installed_and_its_server_is_used(packages, tmp_path, peer):
    [wheel] = packages.glob("*.whl")
    assert re.fullmatch(r"volary_rpc_server-[\d.]+-py3-none-manylinux_2_\d+_\w+\.whl", wheel.name)
    quietly(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    quietly(*pip, "install", "--no-index", wheel)
    for name in ("deltachat-rpc-server", "volary-rpc-server"):
        assert quietly(tmp_path / "venv/bin" / name, "--version").strip() == "2.65.0"
    assert quietly(python, "-m", "volary_rpc_server", "--version").strip() == "2.65.0"
    server = Server(str(tmp_path / "venv/bin/deltachat-rpc-server"), tmp_path / "profiles")
    assert server.rpc.get_system_info()["engine"].startswith("volary ")
    alice, bob = server.account("Alice"), peer.account("Bob")
    bob.chat_with(alice).send("to a server from a wheel")
    alice.receives("to a server from a wheel")
    server.stop()
    quietly(*pip, "uninstall", "--yes", "volary-rpc-server")
    assert not list((tmp_path / "venv").rglob("*rpc?server*")), "nothing stays behind"


def test_npm_packages_are_installed_and_their_server_is_used(packages, tmp_path, peer):
    programs = Programs("/nonexistent", tmp_path / "home")
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("there is no Node here")
    shutil.copytree(fetched("npm"), programs.home / "bot", symlinks=True)
    install = ("npm", "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts")
    quietly(*install, *packages.glob("*.tgz"), cwd=programs.home / "bot", env=programs.environment)
    source = block("docs/bots.md", "echobot.mjs").replace("@deltachat/stdio-rpc-server", "volary-rpc-server")
    programs.writes("bot/echobot.mjs", source)
    bot = programs.start("node", "bot/echobot.mjs", "dcaccount:_lab.test")
    link = bot.prints(r"https://i\.delta\.chat/\S+").group()
    bob = peer.account("Bob")
    chat = bob.joins(link)
    bob.has_joined()
    chat.send("to a server from npm")
    eventually("the bot answers", lambda: chat.texts().count("to a server from npm") == 2)
    programs.stop()
    look = 'import { getRPCServerPath as path } from "volary-rpc-server"; console.log(path(JSON.parse(process.argv[2] ?? "{}")))'
    programs.writes("bot/look.mjs", look)
    assert programs.run("node", "bot/look.mjs").strip().endswith("/volary-rpc-server")
    assert programs.run("node", "bot/look.mjs", '{"takeVersionFromPATH": true}').strip() == "deltachat-rpc-server"
    programs.environment["DELTA_CHAT_RPC_SERVER"] = str(programs.home / "bot/look.mjs")
    assert programs.run("node", "bot/look.mjs").strip() == str(programs.home / "bot/look.mjs")


def test_the_same_program_gives_the_same_packages(tmp_path):
    for folder in ("once", "again"):
        quietly(sys.executable, ROOT / "packaging/server/build", shutil.which("true"), tmp_path / folder)
    once, again = ({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("once", "again"))
    assert once == again and len(once) == 3


def test_a_program_for_something_else_is_not_packed(tmp_path):
    (tmp_path / "program").write_text("#!/bin/sh\n")
    done = subprocess.run([ROOT / "packaging/server/build", tmp_path / "program", tmp_path], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "not a 64-bit program for Linux" in done.stderr
