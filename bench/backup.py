"""A large profile goes out as a file and comes back, beside a plain copy of its folder on the same disk."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from rpc import Failure, Server, configure

FILES = 64  # attachments that together have the wanted size, of very different sizes
TAKES = 3600  # seconds for an export or import


def weights(count: int) -> list[float]:
    """Shares of the files: one of them is a fifth of all, most are small."""
    shares = [1 / (rank + 4) for rank in range(count)]
    return [share / sum(shares) for share in shares]


def fill(server: Server, profile: int, folder: Path, messages: int, mib: int) -> None:
    """Groups without members, with texts and files."""
    chance = random.Random(messages)
    groups = [server.call("create_group_chat", profile, f"group {number}", False) for number in range(20)]
    every = max(messages // FILES, 1)
    shares, sent, pending = weights(FILES), 0, []
    for number in range(messages):
        data = {"text": " ".join(chance.choices(["one", "two", "three", "green", "blue", "Grüße"], k=chance.randint(3, 40)))}
        if number % every == 0 and sent < FILES:
            file = folder / f"file-{sent}.bin"
            file.write_bytes(os.urandom(max(int(shares[sent] * mib * (1 << 20)), 1)))
            data |= {"file": str(file), "filename": file.name, "viewtype": "File"}
            sent += 1
        pending.append(server.send("send_msg", profile, groups[number % len(groups)], data))
        if len(pending) == 100:
            for request in pending:
                server.result(request)
            pending.clear()
    for request in pending:
        server.result(request)
    for file in folder.glob("file-*.bin"):
        file.unlink()


def content(server: Server, profile: int) -> tuple[int, int]:
    """How many messages the groups have, and bytes of their files."""
    messages = size = 0
    for entry in server.call("get_chatlist_entries", profile, None, None, None):
        if not server.call("get_basic_chat_info", profile, entry)["name"].startswith("group "):
            continue
        ids = server.call("get_message_ids", profile, entry, False, False)
        for found in server.call("get_messages", profile, ids).values():
            if not found["isInfo"]:
                messages += 1
                size += found["fileBytes"] or 0
    return messages, size


def memory_kib(server: Server, name: str) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1])


class Watched:
    """Time, CPU and the most memory more that a call of a server takes."""

    def __init__(self, server: Server, method: str, *params: object):
        before = memory_kib(server, "VmRSS")
        Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # the peak begins anew
        begin, cpu = time.perf_counter(), server.cpu_s()
        request = server.send(method, *params)
        while request not in server.results:
            if server.pump(TAKES) is None:
                raise Failure(f"{method} does not come to its end")
        server.result(request)
        self.seconds, self.cpu_s = time.perf_counter() - begin, server.cpu_s() - cpu
        self.mib = (memory_kib(server, "VmHWM") - before) / 1024


def copy_time(folder: Path, to: Path) -> float:
    """Seconds until a copy of a folder is on the disk; as a backup is when it is announced."""
    os.sync()
    begin = time.perf_counter()
    subprocess.run(["cp", "-r", folder, to], check=True)
    subprocess.run(["sync", "-f", to], check=True)
    taken = time.perf_counter() - begin
    shutil.rmtree(to)
    return taken


def part_backup(binary: Path, folder: Path, options: Namespace, login: Callable[[], dict]) -> dict:
    """Export and import of a large profile, plain and with a passphrase."""
    work = folder.with_name(folder.name + "-backup")
    work.mkdir()
    try:
        return measured(binary, folder, work, options, login)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def measured(binary: Path, folder: Path, work: Path, options: Namespace, login: Callable[[], dict]) -> dict:
    server = Server(binary, folder)
    (profile,) = configure(server, 1, login)
    server.call("stop_io", profile)
    fill(server, profile, work, options.backup_messages, options.backup_mib)
    expected = content(server, profile)
    server.close()
    if expected[0] != options.backup_messages:
        raise Failure(f"the profile has {expected[0]} of {options.backup_messages} messages")
    times = [copy_time(folder, work / "copy") for _ in range(3)]
    figures = {"backup_copy_s": sorted(times)[1]}
    for kind, passphrase in (("", None), ("_locked", "correct horse")):
        out = work / f"out{kind}"
        server = Server(binary, folder)
        exported = Watched(server, "export_backup", profile, str(out), passphrase)
        server.close()
        [file] = out.glob("*.tar")
        if kind == "":
            os.sync()
        server = Server(binary, work / f"in{kind}")
        fresh = server.call("add_account")
        imported = Watched(server, "import_backup", fresh, str(file), passphrase)
        found = content(server, fresh)
        server.close()
        if found != expected:
            raise Failure(f"of {expected} messages and bytes of files {found} came back")
        for name, watched in (("export", exported), ("import", imported)):
            figures[f"backup{kind}_{name}_s"] = watched.seconds
            figures[f"backup{kind}_{name}_times"] = watched.seconds / figures["backup_copy_s"]
            figures[f"backup{kind}_{name}_cpu_s"] = watched.cpu_s
            figures[f"backup{kind}_{name}_mib"] = watched.mib
        shutil.rmtree(out)
        shutil.rmtree(work / f"in{kind}")
    return figures
