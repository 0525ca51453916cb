"""The words that the scenarios are told in: servers, profiles, chats.

Every wait polls the state that a user would see and has a time limit. Nothing here knows which engine answers.
"""

from __future__ import annotations

import base64
import imaplib
import os
import secrets
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Callable, TypeVar

from deltachat_rpc_client import DeltaChat, Rpc

PATIENCE = float(os.environ.get("INTEROP_PATIENCE", "40"))
"""Seconds that a wait may take; far above what any step needs, the machine may be busy."""

SECONDS_TO_END = 20
CONNECTED = 4000
DELIVERED, READ = 26, 28
SELF = 1

T = TypeVar("T")


def eventually(what: str, look: Callable[[], T], patience: float = PATIENCE) -> T:
    """Waits until `look` returns something true and returns that."""
    end = time.monotonic() + patience
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"not within {patience:.0f} s: {what}"
        time.sleep(0.05)


def stays(what: str, look: Callable[[], bool], seconds: float) -> None:
    """Watches that something holds for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert look(), f"no longer: {what}"
        time.sleep(0.1)


def mailbox(address: str) -> imaplib.IMAP4:
    """Logs in at a mailbox of the lab."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    box = imaplib.IMAP4_SSL(address.rsplit("@", 1)[1], 993, ssl_context=context)
    box.login(address, "any password")
    return box


def mails_in(address: str) -> int:
    """How many mails lie in a mailbox."""
    box = mailbox(address)
    count = int(box.select("INBOX", readonly=True)[1][0])
    box.logout()
    return count


def is_put(address: str, mail: str) -> None:
    """Puts a mail into a mailbox as a mail server would."""
    box = mailbox(address)
    box.append("INBOX", "", None, mail.replace("\n", "\r\n").encode())
    box.logout()


class OldRpc(Rpc):
    """Talks to releases that hand out their events one by one."""

    def events_loop(self) -> None:
        while not self.closing:
            event = self.get_next_event()
            self.get_queue(event["contextId"]).put(event["event"])


class Server:
    """One JSON-RPC server process with its own accounts folder."""

    def __init__(self, binary: str, folder: Path, *, old: bool = False) -> None:
        self.old = old
        self.rpc = (OldRpc if old else Rpc)(accounts_dir=str(folder), rpc_server_path=binary)
        self.rpc.start()
        self.manager = DeltaChat(self.rpc)

    def stop(self) -> None:
        if self.rpc.process.poll() is not None:
            return  # a scenario has stopped it already
        killer = threading.Timer(SECONDS_TO_END, self.rpc.process.kill)
        killer.start()
        self.rpc.close()
        killer.cancel()

    def account(self, name: str, *domains: str) -> "Profile":
        """A fresh profile on these relays (default: the first of the lab), online."""
        profile = Profile(self, name)
        for domain in domains or ("_lab.test",):
            profile.adds_relay(domain)
        profile.goes_online()
        return profile


class Profile:
    """A user with a device."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.account = server.manager.add_account()
        self.call("set_config", "displayname", name)

    def call(self, method: str, *arguments):
        return getattr(self.server.rpc, method)(self.account.id, *arguments)

    # Relays

    def adds_relay(self, domain: str) -> None:
        letters = "".join(letter for letter in self.name.lower() if letter.isascii() and letter.isalnum())
        user = f"{letters}-{secrets.token_hex(5)}"
        login = {"addr": f"{user}@{domain}", "password": secrets.token_hex(8)}
        if self.server.old:
            # Old releases do not trust a self-signed certificate by the look of the domain.
            hosts = {f"{protocol}{key}": value for protocol, port in (("imap", 993), ("smtp", 465))
                     for key, value in (("Server", domain), ("Port", port), ("Security", "ssl"))}
            login |= {"certificateChecks": "acceptInvalidCertificates", **hosts}
        self.call("add_or_update_transport", login)

    def addresses(self) -> list[str]:
        return [transport["addr"] for transport in self.call("list_transports")]

    def takes_classic_mail(self) -> "Profile":
        """Mail in clear text is read and written from now on."""
        self.call("set_config", "force_encryption", "0")
        return self

    def classic_chat_with(self, address: str, name: str | None = None) -> "Chat":
        """The chat in clear text with an address."""
        return Chat(self, self.call("create_chat_by_contact_id", self.call("create_contact", address, name)))

    def goes_online(self) -> None:
        self.account.start_io()
        eventually(f"{self.name} is connected", lambda: self.call("get_connectivity") >= CONNECTED)

    # Events

    def event(self, kind: str, **fields) -> dict:
        """Waits for an event with these fields; earlier ones are forgotten."""
        end = time.monotonic() + PATIENCE
        queue = self.server.rpc.get_queue(self.account.id)
        while True:
            try:
                event = queue.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"{self.name} got no {kind} {fields} within {PATIENCE:.0f} s") from None
            if event["kind"] == kind and fields.items() <= event.items():
                return event

    # Contacts

    def card(self) -> str:
        return self.call("make_vcard", [SELF])

    def knows(self, other: "Profile") -> int:
        """Imports the other's vCard and returns the contact's id."""
        [contact] = self.call("import_vcard_contents", other.card())
        return contact

    def contact(self, contact: int) -> dict:
        return self.call("get_contact", contact)

    def chat_with(self, other: "Profile") -> "Chat":
        return Chat(self, self.call("create_chat_by_contact_id", self.knows(other)))

    def invite(self) -> str:
        return self.call("get_chat_securejoin_qr_code", None)

    def joins(self, invite: str) -> "Chat":
        return Chat(self, self.call("secure_join", invite))

    def has_invited(self) -> None:
        self.event("SecurejoinInviterProgress", progress=1000)

    def has_joined(self) -> None:
        self.event("SecurejoinJoinerProgress", progress=1000)

    # Chats

    def creates_group(self, name: str, *members: "Profile") -> "Chat":
        group = Chat(self, self.call("create_group_chat", name, False))
        for member in members:
            group.add(member)
        return group

    def chats(self) -> list["Chat"]:
        return [Chat(self, chat) for chat in self.call("get_chatlist_entries", None, None, None)]

    def receives(self, text: str, patience: float = PATIENCE) -> "Message":
        """Waits for a message from somebody else with exactly this text, in any chat."""

        def look():
            for chat in self.chats():
                for message in chat.messages():
                    if message["text"] == text and message["fromId"] != SELF:
                        return Message(self, message["id"])
            return None

        return eventually(f"{self.name} receives {text[:60]!r}", look, patience)

    def count(self, text: str) -> int:
        """How often this text stands in all chats."""
        return sum(message["text"] == text for chat in self.chats() for message in chat.messages())

    def group(self, name: str) -> "Chat":
        """Waits until a group of this name is there."""
        return eventually(f"{self.name} is in the group {name!r}",
                          lambda: next((chat for chat in self.chats() if chat.info()["name"] == name), None))


@dataclass(frozen=True)
class Chat:
    """A chat as one profile sees it."""

    profile: Profile
    id: int

    def call(self, method: str, *arguments):
        return self.profile.call(method, self.id, *arguments)

    def info(self) -> dict:
        return self.call("get_basic_chat_info")

    def full(self) -> dict:
        return self.call("get_full_chat_by_id")

    def accept(self) -> None:
        self.call("accept_chat")

    def invite(self) -> str:
        return self.profile.call("get_chat_securejoin_qr_code", self.id)

    def send(self, text: str) -> "Message":
        return Message(self.profile, self.call("misc_send_text_message", text))

    def send_file(self, path: Path, viewtype: str, text: str | None = None) -> "Message":
        data = {"file": str(path), "filename": path.name, "viewtype": viewtype, "text": text}
        return Message(self.profile, self.call("send_msg", data))

    def messages(self) -> list[dict]:
        """What people wrote, without the lines that describe changes."""
        ids = self.call("get_message_ids", False, False)
        found = self.profile.call("get_messages", ids)
        return [found[str(id)] for id in ids if found[str(id)].get("kind") == "message" and not found[str(id)]["isInfo"]]

    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages()]

    def shows_in_order(self, texts: list[str]) -> None:
        """All of these once and no others, sorted as they were sent. Receivers sort by whole seconds, and within one as
        the relay delivers: a busy Postfix swaps mails that it accepted one after the other."""
        shown = [(message["text"], message["timestamp"]) for message in self.messages()]
        assert sorted(text for text, _ in shown) == sorted(texts)
        places = [(second, texts.index(text)) for text, second in shown]
        for before, after in zip(places, places[1:]):
            assert before < after or before[0] == after[0], shown

    def add(self, other: Profile) -> None:
        self.call("add_contact_to_chat", self.profile.knows(other))

    def remove(self, other: Profile) -> None:
        self.call("remove_contact_from_chat", self.profile.knows(other))

    def members(self) -> set[str]:
        """The members' addresses; every profile of these scenarios has its address for itself."""
        ids = self.call("get_chat_contacts")
        return {self.profile.addresses()[0] if id == SELF else self.profile.contact(id)["address"] for id in ids}

    def lists(self, *members: Profile) -> None:
        """Waits until exactly these are members."""
        wanted = {member.addresses()[0] for member in members}
        eventually(f"{self.profile.name} lists {sorted(member.name for member in members)}",
                   lambda: self.members() == wanted)

    def timer(self) -> int:
        return self.call("get_chat_ephemeral_timer")

    def set_timer(self, seconds: int) -> None:
        self.call("set_chat_ephemeral_timer", seconds)


@dataclass(frozen=True)
class Message:
    """A message as one profile sees it."""

    profile: Profile
    id: int

    def snapshot(self) -> dict:
        return self.profile.call("get_message", self.id)

    def chat(self) -> Chat:
        return Chat(self.profile, self.snapshot()["chatId"])

    def state(self) -> int:
        return self.snapshot()["state"]

    def mark_seen(self) -> None:
        self.profile.call("markseen_msgs", [self.id])

    def reaches(self, state: int) -> None:
        eventually(f"{self.profile.name}'s message is in state {state}", lambda: self.state() >= state)
        assert self.state() == state

    def file(self) -> bytes:
        """Waits until the attachment is complete and returns its content."""
        eventually("the attachment is complete", lambda: self.snapshot()["downloadState"] == "Done")
        return Path(self.snapshot()["file"]).read_bytes()

    def gone(self) -> bool:
        return self.id not in self.profile.call("get_existing_msg_ids", [self.id])


class Lab:
    """The relays on this machine."""

    script = Path(__file__).parent.parent / "lab/relay"
    folder = Path(os.environ.get("VOLARY_LAB_DIR", "/tmp/volary-lab"))

    def call(self, command: str, domain: str) -> None:
        subprocess.run([self.script, command, domain], check=True, stdin=subprocess.DEVNULL, timeout=60)

    def off(self, domain: str) -> None:
        self.call("off", domain)

    def on(self, domain: str) -> None:
        self.call("on", domain)

    def mailbox(self, address: str) -> Path:
        return self.folder / address.rsplit("@", 1)[1] / "mail" / address

    def mails(self, address: str) -> int:
        """How many mails lie in a mailbox."""
        return sum(1 for part in ("new", "cur") for _ in (self.mailbox(address) / part).iterdir())

    def uid_validity(self, address: str) -> str:
        header = (self.mailbox(address) / "dovecot-uidlist").read_text().splitlines()[0]
        return next(word for word in header.split() if word.startswith("V"))

    def renumbers(self, address: str) -> None:
        """Dovecot forgets the UIDs of a mailbox that nobody has open."""
        for name in ("dovecot-uidlist", "dovecot.index*"):
            for file in self.mailbox(address).glob(name):
                file.unlink()

    def waiting_for(self, domain: str) -> int:
        """How many mails the other relays hold back for this one."""
        queues = (queue for relay in self.folder.glob("_*") if relay.name != domain
                  for queue in (relay / "queue/defer", relay / "queue/active"))

        def names_it(mail: Path) -> bool:
            try:
                return mail.is_file() and f"@{domain}".encode() in mail.read_bytes()
            except FileNotFoundError:  # delivered meanwhile
                return False

        return sum(names_it(mail) for queue in queues for mail in queue.rglob("*"))


def key_of(card: str) -> bytes:
    """The OpenPGP certificate in a vCard."""
    line = next(line for line in card.replace("\r\n ", "").splitlines() if line.startswith("KEY"))
    return base64.b64decode(line.rsplit(",", 1)[1])
