#!/usr/bin/env python3
"""Lines on standard input and output to messages of a WebSocket (RFC 6455), so that clients that start a server process
can use one that runs already. Address and token come from VOLARY_WEBSOCKET (host:port) and VOLARY_TOKEN.
"""

from __future__ import annotations

import base64
import os
import socket
import struct
import sys
import threading

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


def read_exactly(stream, length: int) -> bytes:
    data = stream.read(length)
    if data is None or len(data) < length:
        raise EOFError
    return data


class WebSocket:
    def __init__(self, address: str, token: str):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.stream = self.socket.makefile("rb")
        self.lock = threading.Lock()
        key = base64.b64encode(os.urandom(16)).decode()
        head = [
            "GET /rpc HTTP/1.1",
            f"Host: {address}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Authorization: Bearer {token}",
        ]
        self.socket.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        status = self.stream.readline().decode()
        while self.stream.readline().strip():
            pass
        if " 101 " not in status:
            raise ConnectionError(f"refused: {status.strip()}")

    def send(self, kind: int, data: bytes) -> None:
        mask = os.urandom(4)
        if len(data) < 126:
            size = struct.pack("!B", 0x80 | len(data))
        elif len(data) < 1 << 16:
            size = struct.pack("!BH", 0x80 | 126, len(data))
        else:
            size = struct.pack("!BQ", 0x80 | 127, len(data))
        repeated = (mask * (len(data) // 4 + 1))[: len(data)]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")
        with self.lock:
            self.socket.sendall(bytes([0x80 | kind]) + size + mask + masked)

    def messages(self):
        """What comes, until the other side closes. Pings are answered here."""
        whole = b""
        while True:
            first, second = read_exactly(self.stream, 2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", read_exactly(self.stream, 2))
            elif length == 127:
                (length,) = struct.unpack("!Q", read_exactly(self.stream, 8))
            data = read_exactly(self.stream, length)
            kind = first & 0x0F
            if kind == CLOSE:
                return
            if kind == PING:
                self.send(PONG, data)
            elif kind != PONG:
                whole += data
                if first & 0x80:
                    yield whole
                    whole = b""


def forward(connection: WebSocket) -> None:
    try:
        for line in sys.stdin.buffer:
            connection.send(TEXT, line.rstrip(b"\n"))
        connection.send(CLOSE, b"")
    except OSError:
        pass


def main() -> None:
    connection = WebSocket(os.environ["VOLARY_WEBSOCKET"], os.environ["VOLARY_TOKEN"])
    threading.Thread(target=forward, args=(connection,), daemon=True).start()
    try:
        for message in connection.messages():
            sys.stdout.buffer.write(message + b"\n")
            sys.stdout.buffer.flush()
    except (EOFError, OSError):
        pass
    # The other thread may be in the middle of a read that never ends.
    os._exit(0)


if __name__ == "__main__":
    main()
