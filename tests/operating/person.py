"""Somebody who writes to the bots of a machine."""

from __future__ import annotations

import json
import time

from .machine import DOMAIN, PATIENCE, Machine

FOLDER = "/srv/person"


class Person:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.host = machine.start(f"volary serve --data {FOLDER}")
        machine.wait("the host of the person starts", f"test -S {FOLDER}/bus.sock")
        machine.run(f"volary profile add --data {FOLDER} --name Person --relay dcaccount:{DOMAIN}")
        self.chats: dict[int, int] = {}

    def meets_bots(self, count: int) -> None:
        """Writes to every bot, and waits for all answers."""
        for bot in range(1, count + 1):
            invite = self.machine.run(f"sudo -u volary volary invite --data /var/lib/volary --profile {bot}").strip()
            joined = self.machine.run(f"volary join --data {FOLDER} --json --wait '{invite}'")
            self.chats[bot] = json.loads(joined)["chat"]
            self.writes(bot, f"hello {bot}")
        self.hears({f"You said: hello {bot}" for bot in self.chats})

    def writes(self, bot: int, text: str, options: str = "") -> None:
        self.machine.run(f"volary send --data {FOLDER} --chat {self.chats[bot]} {options} '{text}'")

    def hears(self, texts: set[str]) -> list[dict]:
        """Waits for texts, and returns the messages that have come."""
        missing, messages, end = set(texts), [], time.monotonic() + PATIENCE
        while missing:
            for line in self.machine.run(f"volary receive --data {FOLDER} --json").splitlines():
                messages.append(json.loads(line))
                missing.discard(messages[-1].get("text"))
            if missing and time.monotonic() > end:
                print(self.machine.logs())
                raise SystemExit(f"no answer: {sorted(missing)}")
            time.sleep(0.2)
        return messages

    def asks(self, bot: int, text: str) -> float:
        """Writes to a bot and waits for its answer; says how long that took."""
        begun = time.monotonic()
        self.writes(bot, text)
        self.hears({f"You said: {text}"})
        return time.monotonic() - begun

    def leaves(self) -> None:
        self.host.terminate()
