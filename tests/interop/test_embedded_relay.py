"""The embedded relay, used by clients that were not written for it: chatmail core, and Python's IMAP and SMTP modules."""

from __future__ import annotations

import imaplib
import os
import re
import secrets
import smtplib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from story import Message, Profile, eventually

DOMAIN = "_relay.test"
BLOCK = 5_000_000


@dataclass
class Relay:
    imap: int
    imap_starttls: int
    smtp: int
    smtp_starttls: int
    trust: ssl.SSLContext


@pytest.fixture
def relay():
    """A relay of its own on free ports; needs `cargo build --examples`."""
    program = Path(os.environ["VOLARY_RPC_SERVER"]).parent / "examples" / "serve"
    program = Path(os.environ.get("VOLARY_RELAY", program))
    if not program.exists():
        pytest.skip(f"{program} is not built")
    process = subprocess.Popen([program, DOMAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ports = [int(number) for number in re.findall(r"\d+", process.stdout.readline())]
    certificate = ""
    while "END CERTIFICATE" not in certificate:
        certificate += process.stdout.readline()
    trust = ssl.create_default_context(cadata=certificate)
    trust.check_hostname = False  # the tests connect to an address
    yield Relay(*ports, trust)
    process.stdin.close()
    assert process.wait(timeout=20) == 0


def on(relay: Relay, server, name: str) -> Profile:
    """A profile of chatmail core on the relay, online."""
    profile = Profile(server, name)
    user = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(9))
    profile.call("add_or_update_transport", {
        "addr": f"{user}@{DOMAIN}", "password": secrets.token_hex(11),
        "imapServer": "127.0.0.1", "imapPort": relay.imap, "imapSecurity": "ssl",
        "smtpServer": "127.0.0.1", "smtpPort": relay.smtp, "smtpSecurity": "ssl",
        "certificateChecks": "acceptInvalidCertificates",
    })
    profile.goes_online()
    return profile


def test_peers_meet_and_talk(relay, peer, tmp_path):
    alice, bob = on(relay, peer, "Alice"), on(relay, peer, "Bob")
    at_bob = bob.joins(alice.invite())
    bob.has_joined()
    for number in range(10):
        at_bob.send(f"number {number}")
    for number in range(10):
        alice.receives(f"number {number}")
    picture = tmp_path / "picture.bin"
    picture.write_bytes(os.urandom(BLOCK))
    alice.chat_with(bob).send_file(picture, "File")
    with_file = lambda: next((message for message in at_bob.messages() if message["fileName"] == picture.name), None)
    received = eventually("the file is announced", with_file)
    assert Message(bob, received["id"]).file() == picture.read_bytes()


def test_the_first_password_holds(relay):
    address = f"abcdefghi@{DOMAIN}"
    with imaplib.IMAP4_SSL("127.0.0.1", relay.imap, ssl_context=relay.trust) as first:
        first.login(address, "first password")
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            with imaplib.IMAP4_SSL("127.0.0.1", relay.imap, ssl_context=relay.trust) as second:
                second.login(address, "other password")


def test_imaplib_works_with_folders_and_messages(relay):
    with imaplib.IMAP4("127.0.0.1", relay.imap_starttls) as imap:
        imap.starttls(relay.trust)
        imap.login(f"abcdefghi@{DOMAIN}", "some password")
        capabilities = imap.capability()[1][-1].decode().split()
        assert {"IDLE", "UIDPLUS", "MOVE", "QUOTA", "METADATA", "ID", "XCHATMAIL"} <= set(capabilities)
        assert imap.create("Archive")[0] == "OK"
        assert imap.select("INBOX") == ("OK", [b"0"])
        mail = b"From: <a@x>\r\nSubject: hello\r\nContent-Type: text/plain\r\n\r\nBody text\r\n"
        for _ in range(3):
            assert imap.append("INBOX", r"(\Flagged)", imaplib.Time2Internaldate(1_700_000_000), mail)[0] == "OK"
        assert imap.search(None, "FLAGGED", "SUBJECT", '"HELLO"')[1] == [b"1 2 3"]
        (head, body), _ = imap.uid("FETCH", "2", "(FLAGS BODY.PEEK[])")[1]
        assert body == mail and b"UID 2" in head
        assert imap.fetch("1", "(ENVELOPE BODYSTRUCTURE INTERNALDATE)")[0] == "OK"
        assert imap.uid("MOVE", "1", "Archive")[0] == "OK"
        assert imap.response("EXPUNGE")[1] == [b"1"]
        assert imap.store("1:*", "+FLAGS", r"\Deleted")[0] == "OK"
        assert imap.expunge() == ("OK", [b"1", b"1"])
        assert imap.status("Archive", "(MESSAGES UIDNEXT)")[1] == [b"Archive (MESSAGES 1 UIDNEXT 2)"]
        assert sorted(line.split()[-1] for line in imap.list()[1]) == [b"Archive", b"INBOX"]
        _, quota = imap.getquotaroot("INBOX")
        assert b"STORAGE" in quota[1][0]


def test_smtplib_is_told_that_plain_text_is_refused(relay):
    address = f"abcdefghi@{DOMAIN}"
    with smtplib.SMTP("127.0.0.1", relay.smtp_starttls) as smtp:
        smtp.starttls(context=relay.trust)
        smtp.login(address, "some password")
        with pytest.raises(smtplib.SMTPDataError, match="Encryption Needed"):
            smtp.sendmail(address, [address], f"From: <{address}>\r\n\r\nplain text")
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="own domains only"):
            smtp.sendmail(address, ["x@elsewhere.test"], f"From: <{address}>\r\n\r\nplain text")
