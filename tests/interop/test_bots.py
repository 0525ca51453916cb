"""Bots and clients that exist do their work on our server and on chatmail core, unchanged; so do those of docs/bots.md."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from conftest import BINARIES
from programs import Programs, block, fetched
from story import Profile, Server, eventually, mails_in
from terminal import Terminal

PAGE = "docs/bots.md"
LINK = r"https://i\.delta\.chat/\S+"


@pytest.fixture(params=["volary", "peer"])
def programs(request, tmp_path):
    """Where programs run, with either server. A test may name the release of chatmail core that they were made for."""
    server = os.environ[BINARIES[request.param]]
    made_for = request.node.get_closest_marker("made_for")
    if request.param == "peer" and made_for:
        server = str(fetched("server", *made_for.args))
    there = Programs(server, tmp_path / "home")
    # What comes before chatmail core is online for the first time, it leaves alone.
    there.online = "IDLE entering wait-on-remote" if request.param == "peer" else "scheduler is running"
    yield there
    there.stop()


def commands(title: str) -> list[list[str]]:
    """The commands of the page under this title, for a relay of the lab. What they install is there already."""
    lines = block(PAGE, title).replace("example.org", "_lab.test").splitlines()[1:]
    return [shlex.split(line) for line in lines if not line.startswith(("pip install ", "npm install "))]


def chats_with(friend: Profile, link: str):
    """The friend's chat with a bot, by its link."""
    chat = friend.joins(link)
    friend.has_joined()
    return chat


def is_answered(friend: Profile, chat, text: str) -> None:
    chat.send(text)
    eventually(f"the bot says {text!r}, too", lambda: chat.texts().count(text) == 2)


# deltachat2 2.58 demands fields that chatmail core 2.65 has dropped.
@pytest.mark.made_for("2.58.0")
def test_the_python_bot_of_the_page_answers(programs, peer):
    programs.has("deltabot-cli").writes("echobot.py", block(PAGE, "echobot.py"))
    init, link, serve = commands("Python: an address on a relay, a link for people to scan or open, and off it goes")
    assert "Account configured successfully" in programs.run(*init)
    invite = re.search(LINK, programs.run(*link)).group()
    bot = programs.start(*serve)
    bot.prints("Listening at")
    bob = peer.account("Bob")
    chat = chats_with(bob, invite)
    is_answered(bob, chat, "hello bot")
    is_answered(bob, chat, "and again")
    assert bot.interrupt() == 0
    assert re.search(r"#\d+ - \S+@_lab\.test", programs.run("python", "echobot.py", "list"))


def test_the_node_bot_of_the_page_answers_what_came_while_it_was_away(programs, peer):
    programs.has_node().writes("echobot.mjs", block(PAGE, "echobot.mjs"))
    [start] = commands("JavaScript: prints its link when it is online")
    bot = programs.start(*start)
    bob = peer.account("Bob")
    chat = chats_with(bob, bot.prints(LINK).group())
    is_answered(bob, chat, "hello bot")
    bot.interrupt()
    chat.send("are you there?").reaches(26)
    programs.start(*start)
    eventually("the bot answers", lambda: chat.texts().count("are you there?") == 2)
    assert chat.texts().count("hello bot") == 2, "each once"


def test_faqbot_learns_an_answer_in_a_group_and_gives_it(programs, peer):
    programs.has("deltachat-faqbot")
    programs.run("faqbot", "init", "dcaccount:_lab.test")
    invite = re.search(LINK, programs.run("faqbot", "link")).group()
    programs.start("faqbot", "serve").prints(programs.online)
    bob = peer.account("Bob")
    chat = chats_with(bob, invite)
    assert "/faq - sends available topics" in eventually("it says what it can", lambda: said_by_others(chat))[0]
    group = bob.creates_group("Questions")
    [bot] = [contact for contact in chat.call("get_chat_contacts") if contact != 1]
    group.call("add_contact_to_chat", bot)
    fact = group.send("at nine")
    group.call("send_msg", {"text": "/save when?", "quotedMessageId": fact.id})
    eventually("it has learnt", lambda: "✅ Saved" in said_by_others(group))
    group.send("when?")
    eventually("it answers", lambda: "at nine" in said_by_others(group))
    group.send("/faq")
    eventually("it lists what it knows", lambda: any("when?" in text for text in said_by_others(group)))


def said_by_others(chat) -> list[str]:
    return [message["text"] for message in chat.messages() if message["fromId"] != 1]


@pytest.mark.usefixtures("relays_stay")
def test_cmping_pings_between_two_relays(programs):
    printed = programs.has("cmping").run("cmping", "-c", "3", "-i", "0.1", "_lab.test", "_lab2.test")
    assert "3 transmitted, 3 received, 0.00% loss" in printed
    # The second time its profiles are there already.
    printed = programs.run("cmping", "-c", "2", "-i", "0.1", "-g", "2", "_lab.test", "_lab2.test")
    assert "2 transmitted, 4 received, 0.00% loss" in printed


def test_arcanechat_shows_a_chat_and_sends_what_is_typed(programs, peer):
    programs.has("arcanechat-tui")
    tui = ("arcanechat-tui", "--program-folder", "arcane")
    # This release cannot log in by itself (it calls a method that its library has dropped), and shows no invites.
    server = Server(str(programs.home / "server/deltachat-rpc-server"), programs.home / "arcane/accounts")
    ada = server.account("Ada")
    invite = ada.invite()
    server.stop()
    assert "displayname='Ada Arcane'" in programs.run(*tui, "config", "displayname", "Ada Arcane")
    terminal = Terminal(lambda inner: programs.draws(inner, *tui))
    bob = peer.account("Bob")
    chat = chats_with(bob, invite)
    chat.send("hello from the other side")
    terminal.shows("Bob")
    terminal.types("\x1b[A" * 5 + "\r")  # the newest chat is at the top
    terminal.shows("hello from the other side")
    terminal.types("typed on a terminal\r")
    bob.receives("typed on a terminal")
    terminal.shows("typed on a terminal")
    terminal.types("\x1b")
    terminal.shows("(No chat selected)")
    terminal.types("q")
    assert terminal.ends() == 0


def test_the_shell_bot_of_the_page_answers_also_who_came_before_its_host_was_started(tmp_path, peer):
    program = Path(os.environ["VOLARY_RPC_SERVER"]).with_name("volary")
    if not program.exists() or not shutil.which("jq"):
        pytest.skip("volary is not built, or there is no jq")
    programs = Programs(str(program), tmp_path / "home")
    (programs.home / "server/volary").symlink_to(program)
    programs.writes("echobot.sh", block(PAGE, "echobot.sh"))
    add, link, serve, bot = commands("Shell: a host keeps the bot online, and the bot is a loop beside it")
    try:
        programs.run(*add)
        invite = re.search(LINK, programs.run(*link)).group()
        bob = peer.account("Bob")
        chat = bob.joins(invite)
        address = json.loads(programs.run("volary", "profile", "list", "--json"))["addresses"][0]
        eventually("Bob's request lies on the relay", lambda: mails_in(address))
        programs.start(*[word for word in serve if word != "&"]).prints("serving")
        programs.start(*bot)
        bob.has_joined()
        is_answered(bob, chat, "hello shell")
    finally:
        programs.stop()
