"""Several clients share one running host over WebSocket: chatmail core's Python client, twice, through a bridge."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from story import Server, eventually

BRIDGE = str(Path(__file__).with_name("websocket_bridge.py"))


class Host:
    """`volary serve --websocket` on a folder of its own."""

    def __init__(self, program: Path, folder: Path, monkeypatch) -> None:
        self.program, self.folder, self.monkeypatch = program, folder, monkeypatch
        self.clients: list[Server] = []
        command = [program, "serve", "--data", folder, "--websocket", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.address = ""
        while not self.address:
            line = self.process.stderr.readline()
            assert line, "the host did not start"
            found = re.search(r"over WebSocket.*address=(\S+)", re.sub(r"\x1b\[[0-9;]*m", "", line))
            self.address = found.group(1) if found else ""

    def token(self, name: str, *options: str) -> str:
        command = [self.program, "token", "--data", self.folder, "add", name, *options]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def client(self, token: str) -> Server:
        self.monkeypatch.setenv("VOLARY_WEBSOCKET", self.address)
        self.monkeypatch.setenv("VOLARY_TOKEN", token)
        self.clients.append(Server(BRIDGE, self.folder))
        return self.clients[-1]

    def stop(self) -> None:
        for client in self.clients:
            client.stop()
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0


@pytest.fixture
def host(command_line, tmp_path, monkeypatch):
    running = Host(command_line, tmp_path / "host", monkeypatch)
    yield running
    running.stop()


def test_two_clients_of_one_host_see_each_others_changes(host, peer):
    desktop = host.client(host.token("desktop"))
    alice = desktop.account("Alice")
    bob = peer.account("Bob")
    bot = host.client(host.token("bot", "--profiles", str(alice.account.id)))
    assert bot.rpc.get_all_account_ids() == [alice.account.id]
    # The second client listens to a profile that it did not make.
    seen = bot.rpc.get_queue(alice.account.id)
    bob_chat = bob.call("secure_join", alice.call("get_chat_securejoin_qr_code", None))
    eventually("Bob can write", lambda: bob.call("can_send", bob_chat))
    eventually("both have met", lambda: alice.call("get_contact_ids", 0, None))
    bob.call("misc_send_text_message", bob_chat, "to all who listen")
    incoming = eventually("the bot hears of it", lambda: next_of(seen, "IncomingMsg"))
    assert bot.rpc.get_message(alice.account.id, incoming["msgId"])["text"] == "to all who listen"
    # What one client does, the other sees.
    bot.rpc.misc_send_text_message(alice.account.id, incoming["chatId"], "from the bot")
    eventually(
        "the desktop shows it",
        lambda: any(
            alice.call("get_message", message)["text"] == "from the bot"
            for message in alice.call("get_message_ids", incoming["chatId"], False, False)
        ),
    )
    with pytest.raises(Exception, match="does not control the process"):
        bot.rpc.add_account()


def next_of(queue, kind: str):
    while not queue.empty():
        event = queue.get()
        if event["kind"] == kind:
            return event
    return None
