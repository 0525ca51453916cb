"""An embedded relay (`volary relay`) for the measurements of this folder, and accounts on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rpc import Failure, user_name

DOMAIN = "_bench.test"


@contextmanager
def relay(volary: Path) -> Iterator[dict[str, int]]:
    """The ports of an embedded relay, by `imap tls` and so on."""
    quiet = {**os.environ, "RUST_LOG": "error"}
    command = [volary, "relay", "--domain", DOMAIN]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet)
    try:
        ports: dict[str, int] = {}
        while len(ports) < 4:
            words = process.stdout.readline().split()
            if not words:
                raise Failure("the relay does not start")
            if len(words) == 3 and words[2].isdigit():
                ports[f"{words[0]} {words[1]}"] = int(words[2])
        yield ports
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def login(ports: dict[str, int]) -> dict:
    user = user_name(9)
    return {
        "addr": f"{user}@{DOMAIN}",
        "password": f"{user}-secret",
        "imapServer": "127.0.0.1",
        "imapPort": ports["imap tls"],
        "imapSecurity": "ssl",
        "smtpServer": "127.0.0.1",
        "smtpPort": ports["smtp tls"],
        "smtpSecurity": "ssl",
        "certificateChecks": "acceptInvalidCertificates",
    }
