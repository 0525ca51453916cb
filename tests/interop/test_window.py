"""A user interface in Rust in a window (host/frontends), with chatmail core on the other side."""

from __future__ import annotations

import pytest
from display import Display, Window, obstacle
from story import READ
from test_frontends import built_beside, host  # noqa: F401

COLOURS = 40
"""Letters are drawn with soft edges: a window with text has more colours than that."""


@pytest.fixture
def display(tmp_path):
    why = obstacle()
    if why:
        pytest.skip(why)
    screen = Display(tmp_path / "display")
    yield screen
    screen.stop()


def test_a_window_is_typed_into_and_its_title_follows_what_comes(host, display, peer):  # noqa: F811
    alice = host.stdio.account("Alice")
    chats = {}
    for name in ("Bob", "Carol"):
        other = peer.account(name)
        chats[name] = other.joins(alice.invite())
        other.has_joined()
    alice.call("marknoticed_all_chats")  # what the engine itself has to say
    bob, carol = chats["Bob"], chats["Carol"]

    window = Window(display, built_beside(host.program, "volary-window"), host.folder, alice.account.id)
    try:
        window.is_called("Volary")
        question = bob.send("Shall we meet?")
        window.is_called("(1) Volary")
        window.gets_the_keyboard()
        window.presses("Down")  # the newest chat is at the top
        window.is_called("Bob")  # what is on the screen is not fresh any more, and Bob is told
        question.reaches(READ)
        window.types("typed in a window")
        window.presses("Return")
        bob.profile.receives("typed in a window")

        carol.send("And me?")
        window.is_called("(1) Bob")
        assert display.colours() > COLOURS
        assert window.closes() == 0
    finally:
        window.stop()
