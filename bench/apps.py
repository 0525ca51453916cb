"""In-chat apps, for the measurements of this folder: updates in numbers, instances that are only there, realtime channels."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import time
import zipfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rpc import PATIENCE, Failure, Server, configure, until_idle, user_name

ROOT = Path(__file__).resolve().parent.parent
FRAME = bytes(range(100))  # what goes there and back on a realtime channel


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as app:
        app.writestr("manifest.toml", 'name = "Measured"\n')
        app.writestr("index.html", "<!DOCTYPE html><title>Measured</title>" + "<p>some text</p>" * 500)
    return path


def friends(binary: Path, folder: Path, login: Callable[[], dict]) -> tuple[Server, int, int, int]:
    """Two profiles of a server, and the chat of the first with the other."""
    server = Server(binary, folder)
    one, other = configure(server, 2, login)
    server.call("start_io_for_all_accounts")
    until_idle(server, [one, other])
    chats = []
    for self, friend in ((one, other), (other, one)):
        contact = server.call("import_vcard_contents", self, server.call("make_vcard", friend, [1]))[0]
        chats.append(server.call("create_chat_by_contact_id", self, contact))
    return server, one, other, chats[0]


def share(server: Server, one: int, other: int, chat: int, file: Path, count: int = 1) -> list[tuple[int, int]]:
    """Apps in a chat; the message of each at both sides."""
    data = {"file": str(file), "viewtype": "Webxdc"}
    sent = [server.result(server.send("send_msg", one, chat, data)) for _ in range(count)]
    got = [event["msgId"] for event in server.incoming(other, count)]
    for message in got:
        server.call("get_webxdc_info", other, message)
    return list(zip(sent, got))


def update(number: int) -> str:
    return json.dumps({"payload": {"move": number, "note": "from e2 to e4, with some more to say about it"}})


def until(server: Server, what: str, look: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + 5 * PATIENCE
    while not look():
        if time.perf_counter() > deadline:
            raise Failure(f"not in time: {what}")
        server.pump(0.05)


def part_apps(binary: Path, folder: Path, options: Namespace, login: Callable[[], dict]) -> dict:
    """Many updates in one instance, and many instances."""
    server, one, other, chat = friends(binary, folder, login)
    file = archive(folder.parent / "measured.xdc")
    ((mine, theirs),) = share(server, one, other, chat, file)
    memory, cpu, begin = server.anonymous_kib(), server.cpu_s(), time.perf_counter()
    for number in range(options.updates):
        server.call("send_webxdc_status_update", one, mine, update(number), None)
    figures = {"app_insert_per_s": options.updates / (time.perf_counter() - begin)}

    def arrived() -> list[dict]:
        return json.loads(server.call("get_webxdc_status_updates", other, theirs, 0))

    def all_reported() -> bool:
        kinds = [event for profile, event in server.events if profile == other and event["kind"] == "WebxdcStatusUpdate"]
        return len(kinds) >= options.updates

    until(server, "all updates", all_reported)
    figures["app_receive_per_s"] = options.updates / (time.perf_counter() - begin)
    figures["app_update_cpu_ms"] = (server.cpu_s() - cpu) * 1000 / options.updates
    figures["app_updates_memory_kib"] = server.anonymous_kib() - memory
    moves = [found["payload"]["move"] for found in arrived()]
    figures["app_wrong"] = options.updates - len(set(moves)) + len(moves) - len(set(moves))
    took = [server.timed("get_webxdc_status_updates", other, theirs, 0) for _ in range(options.repeats)]
    figures["app_read_ms"] = statistics.median(took) * 1000
    last = arrived()[-11]["serial"]
    took = [server.timed("get_webxdc_status_updates", other, theirs, last) for _ in range(options.repeats)]
    figures["app_read_ten_ms"] = statistics.median(took) * 1000

    memory = server.anonymous_kib()
    apps = share(server, one, other, chat, file, options.instances)
    for message, _ in apps:
        server.call("send_webxdc_status_update", one, message, update(0), None)
    there = set()

    def each_has_one() -> bool:
        found = (event["msgId"] for profile, event in server.events
                 if profile == other and event["kind"] == "WebxdcStatusUpdate")
        there.update(found)
        return there >= {message for _, message in apps}

    until(server, "an update in each app", each_has_one)
    time.sleep(options.settle)
    figures["app_idle_kib"] = (server.anonymous_kib() - memory) / options.instances
    begin_cpu = server.cpu_s()
    time.sleep(options.window)
    figures["app_idle_cpu_ms"] = (server.cpu_s() - begin_cpu) * 1000 * (60 / options.window)
    server.close()
    return figures


@contextmanager
def running(*command: object, **environment: str) -> Iterator[str]:
    """A program that prints what has to be known of it first, and ends with its input."""
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **environment})
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(20)


def part_realtime(binary: Path, folder: Path, options: Namespace) -> dict:
    """A frame there and back between two profiles of a server, by way of a mail server that names a relay for channels."""
    if not options.relay:
        raise Failure("the realtime part needs --relay (target/…/examples/serve)")
    domain = "_bench.test"
    with (running(ROOT / "tests/lab/realtime-relay") as url,
          running(options.relay, domain, REALTIME_RELAY=url) as ports):
        imap, _, smtp, _ = re.findall(r"\d+", ports)

        def login() -> dict:
            return {"addr": f"{user_name(9)}@{domain}", "password": user_name(22), "imapServer": "127.0.0.1",
                    "imapPort": int(imap), "imapSecurity": "ssl", "smtpServer": "127.0.0.1", "smtpPort": int(smtp),
                    "smtpSecurity": "ssl", "certificateChecks": "acceptInvalidCertificates"}

        server, one, other, chat = friends(binary, folder, login)
        ((mine, theirs),) = share(server, one, other, chat, archive(folder.parent / "realtime.xdc"))
        begin = time.perf_counter()
        server.call("send_webxdc_realtime_advertisement", one, mine)
        server.call("send_webxdc_realtime_advertisement", other, theirs)

        def heard(profile: int, frame: bytes) -> bool:
            return any(at == profile and event["kind"] == "WebxdcRealtimeData" and bytes(event["data"]) == frame
                       for at, event in server.events)

        def goes(sender: int, message: int, receiver: int, frame: bytes, patience: float) -> bool:
            server.send("send_webxdc_realtime_data", sender, message, list(frame))
            deadline = time.perf_counter() + patience
            while not heard(receiver, frame):
                if time.perf_counter() > deadline:
                    return False
                server.pump(0.01)
            return True

        # What is sent before they have met is lost.
        until(server, "they meet", lambda: goes(one, mine, other, b"there", 1) and goes(other, theirs, one, b"back", 1))
        figures = {"realtime_meet_s": time.perf_counter() - begin}
        took, cpu = [], server.cpu_s()
        for number in range(options.frames):
            frame = FRAME + number.to_bytes(4)
            begin = time.perf_counter()
            if not (goes(one, mine, other, frame, PATIENCE) and goes(other, theirs, one, frame, PATIENCE)):
                raise Failure("a frame was lost")
            took.append((time.perf_counter() - begin) * 1000)
            server.events.clear()
        figures["realtime_p50_ms"] = statistics.median(took)
        figures["realtime_cpu_ms"] = (server.cpu_s() - cpu) * 1000 / options.frames
        server.close()
    return figures
