"""Clients that start their server themselves share one running host: `volary rpc` in place of a server."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from story import PATIENCE, Server, eventually
from test_websocket import next_of


class Host:
    """`volary serve` on a folder, and scripts that clients start as if they were servers."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.process = subprocess.Popen([program, "serve", "--data", folder], stderr=subprocess.DEVNULL)
        eventually("the host has a socket", (folder / "bus.sock").exists)
        self.clients: list[Server] = []

    def client(self, *options: str) -> Server:
        script = self.folder.with_name(f"server-{len(self.clients)}")
        script.write_text(f"#!/bin/sh\nexec {shlex.join([str(self.program), 'rpc', '--data', str(self.folder), *options])}\n")
        script.chmod(0o755)
        # What clients say about the folder is of no account.
        self.clients.append(Server(str(script), self.folder.with_name("nothing")))
        return self.clients[-1]

    def stop(self) -> None:
        for client in self.clients:
            client.stop()
        self.process.terminate()
        assert self.process.wait(timeout=PATIENCE) == 0


@pytest.fixture
def host(command_line, tmp_path):
    running = Host(command_line, tmp_path / "host")
    yield running
    running.stop()


def test_a_bot_that_starts_its_server_shares_the_host_and_reaches_its_own_profile_alone(host, peer, tmp_path):
    desktop = host.client()
    alice, carol = desktop.account("Alice"), desktop.account("Carol")
    bot = host.client("--profile", str(alice.account.id))
    assert bot.rpc.get_all_account_ids() == [alice.account.id]
    seen = bot.rpc.get_queue(alice.account.id)
    bob = peer.account("Bob")
    chat = bob.joins(alice.invite())
    bob.has_joined()
    chat.send("to all who listen")
    incoming = eventually("the bot hears of it", lambda: next_of(seen, "IncomingMsg"))
    # A program of this user reaches files of this machine.
    picture = tmp_path / "answer.txt"
    picture.write_text("from a file")
    bot.rpc.send_msg(alice.account.id, incoming["chatId"], {"text": "here", "file": str(picture)})
    bob.receives("here")
    for what in (lambda: bot.rpc.add_account(), lambda: bot.rpc.stop_io_for_all_accounts()):
        with pytest.raises(Exception, match="does not control the process"):
            what()
    with pytest.raises(Exception, match=f"account with id {carol.account.id} not found"):
        bot.rpc.get_info(carol.account.id)
    # chatmail core's client asks to stop everything when it ends; the others go on.
    bot.stop()
    assert bot.rpc.process.wait(timeout=PATIENCE) == 0
    chat.send("are you still there?")
    alice.receives("are you still there?")


def test_a_client_ends_with_its_host(host, tmp_path):
    client = host.client("--read-only")
    assert client.rpc.get_all_account_ids() == []
    host.process.terminate()
    assert client.rpc.process.wait(timeout=PATIENCE) == 1
    done = subprocess.run([host.program, "rpc", "--data", host.folder], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "") and "no host is running" in done.stderr
