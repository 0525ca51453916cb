"""Realtime channels of in-chat apps, each way, on this machine alone.

Volary is told to use the loopback interface and puts its socket there into the mail that announces it; chatmail core then
connects directly. The embedded relay names a relay for channels at which nobody listens, so no public one is asked.
"""

from __future__ import annotations

import pytest
from story import eventually
from test_embedded_relay import on, relay  # noqa: F401
from test_webxdc import app, receives_app


@pytest.fixture
def loopback(monkeypatch):
    monkeypatch.setenv("VOLARY_ON_LOOPBACK", "1")


class Player:
    """A profile with an app, and what its channel brought."""

    def __init__(self, message) -> None:
        self.message, self.profile = message, message.profile
        self.heard: list[bytes] = []

    def joins(self) -> None:
        self.profile.call("send_webxdc_realtime_advertisement", self.message.id)

    def sends(self, data: bytes) -> None:
        self.profile.call("send_webxdc_realtime_data", self.message.id, list(data))

    def leaves(self) -> None:
        self.profile.call("leave_webxdc_realtime", self.message.id)

    def listens(self) -> list[bytes]:
        queue = self.profile.server.rpc.get_queue(self.profile.account.id)
        while not queue.empty():
            event = queue.get()
            if event["kind"] == "WebxdcRealtimeData" and event["msgId"] == self.message.id:
                self.heard.append(bytes(event["data"]))
        return self.heard

    def is_heard_by(self, other: "Player", data: bytes) -> None:
        """Sends until the other hears: what is sent before they are connected is lost."""
        def arrives() -> bool:
            self.sends(data)
            return data in other.listens()
        eventually(f"{other.profile.name} hears {data!r}", arrives)


@pytest.fixture
def players(loopback, relay, sides, one, other, tmp_path):  # noqa: F811
    """Volary and chatmail core; the first of the scenario has sent the app."""
    alice, bob = on(relay, one, "Alice"), on(relay, other, "Bob")
    chat = alice.chat_with(bob)
    bob.chat_with(alice)
    mine = chat.send_file(app(tmp_path), "Webxdc", "play")
    both = Player(mine), Player(receives_app(bob, "play"))
    return both if sides[0] == "volary" else both[::-1]


def test_frames_both_ways(players):
    volary, core = players
    core.sends(b"joins")  # it uses the address at once, and only while it is in the channel
    volary.joins()
    core.profile.event("WebxdcRealtimeAdvertisementReceived", msgId=core.message.id)
    core.is_heard_by(volary, b"from chatmail core")
    volary.is_heard_by(core, b"from volary")
    for data in (b"same", b"same", b"", bytes(range(256)) * 500):
        volary.sends(data)
        core.sends(data)
    for player in players:
        eventually("the long frame", lambda: bytes(range(256)) * 500 in player.listens())
        assert player.heard.count(b"same") == 2 and player.heard.count(b"") == 1

    volary.leaves()
    volary.joins()
    volary.is_heard_by(core, b"back")
    core.is_heard_by(volary, b"again")
