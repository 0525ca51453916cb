"""A profile with very many messages, for the measurements of this folder: what fills it, and what is asked of it then."""

from __future__ import annotations

import random
import statistics
import struct
import time
import zlib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from rpc import Failure, Server, configure

WORDS = 5_000  # in the language of the messages
PICTURES = 50  # one message of so many is a picture
RARE, RARITY = "kiwifruit", 1_000  # a word that one message of so many has
AHEAD = 200  # calls under way while filling
QUIET = 0.02  # seconds of CPU in a second of which a server that has nothing to do needs less


def language(seed: int) -> Callable[[], str]:
    """Texts of some words, where few words are frequent and many are rare, as in every language."""
    chance = random.Random(seed)
    syllables = [a + b for a in "bdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "ä")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(WORDS)]
    weights = [1 / (rank + 1) for rank in range(WORDS)]

    def text() -> str:
        return " ".join(chance.choices(words, weights, k=chance.randint(3, 14)))

    return text


def picture(path: Path) -> Path:
    """A small PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + bytes(range(24)) for _ in range(8)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b""))
    return path


def fill(server: Server, profile: int, chats: int, messages: int, folder: Path) -> tuple[list[int], list[int]]:
    """Groups without members, filled in turn with texts and pictures; ids of the chats, and of the messages of the last."""
    file = str(picture(folder.parent / "picture.png"))
    groups = [server.call("create_group_chat", profile, f"group {number}", False) for number in range(chats)]
    text, pending, last = language(chats), [], []
    for number in range(messages):
        group = groups[number % chats]
        data = {"text": text()}
        if number % RARITY == 0:
            data["text"] += f" {RARE}"
        if number % PICTURES == 0:
            data |= {"file": file, "viewtype": "Image"}
        pending.append((group, server.send("send_msg", profile, group, data)))
        if len(pending) == AHEAD or number == messages - 1:
            for chat, request in pending:
                id = server.result(request)
                if chat == groups[-1]:
                    last.append(id)
            pending.clear()
    return groups, last


def until_quiet(server: Server, patience: float = 300) -> None:
    """Waits until what a server does in the background is done."""
    deadline = time.perf_counter() + patience
    while time.perf_counter() < deadline:
        begin = server.cpu_s()
        time.sleep(1)
        if server.cpu_s() - begin < QUIET:
            return
    raise Failure("the server does not come to rest")


def part_large(binary: Path, folder: Path, options: Namespace, login: Callable[[], dict]) -> dict:
    """What a user interface asks for, from a profile with very many messages; no network."""
    server = Server(binary, folder)
    (profile,) = configure(server, 1, login)
    server.call("stop_io", profile)
    before = len(server.call("get_chat_media", profile, None, "Image", None, None))  # the picture that welcomes a user
    begin, cpu = time.perf_counter(), server.cpu_s()
    groups, ids = fill(server, profile, options.large_chats, options.large_messages, folder)
    figures = {"large_add_per_s": options.large_messages / (time.perf_counter() - begin)}
    until_quiet(server)
    figures["large_add_cpu_ms"] = (server.cpu_s() - cpu) * 1000 / options.large_messages
    figures["large_disk_mib"] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / (1 << 20)

    expected = len(range(0, options.large_messages, RARITY))
    found = server.call("search_messages", profile, RARE, None)
    media = server.call("get_chat_media", profile, None, "Image", None, None)
    if len(found) != expected or len(media) - before != len(range(0, options.large_messages, PICTURES)):
        raise Failure(f"the profile does not hold what was put into it: {len(found)} hits, {len(media)} pictures")
    entries = server.call("get_chatlist_entries", profile, None, None, None)

    def median(method: str, *params: object) -> float:
        repeats = max(options.repeats // 5, 3)
        return statistics.median(server.timed(method, profile, *params) for _ in range(repeats)) * 1000

    nothing = server.call("create_group_chat", profile, "nothing", False)
    figures["large_floor_ms"] = median("get_message_ids", nothing, False, False)
    figures["large_chatlist_ms"] = median("get_chatlist_entries", None, None, None)
    figures["large_items_ms"] = median("get_chatlist_items_by_entries", entries[:50])
    figures["large_ids_ms"] = median("get_message_ids", groups[-1], False, False)
    figures["large_messages_ms"] = median("get_messages", ids[-100:])
    figures["large_media_ms"] = median("get_chat_media", None, "Image", None, None)
    typed = [median("search_messages", RARE[: length + 1], None) for length in range(len(RARE))]
    figures["large_typing_ms"] = statistics.mean(typed)
    figures["large_search_ms"] = typed[-1]
    figures["large_none_ms"] = median("search_messages", "nowhere to be found", None)
    figures["large_chat_search_ms"] = median("search_messages", RARE, groups[0])
    server.close()
    server = Server(binary, folder)
    figures["large_open_s"] = server.opened_s
    server.close()
    return figures
