"""A bot that sends every text back: the library for C from Python, with the classes that protobuf's own compiler makes.

    python echo.py LIBRARY FOLDER CODE [ANSWERS]

LIBRARY is libvolary_c.so, CODE that of a relay (dcaccount:…). Ends after so many answers, or with Ctrl-C. Needs the package
grpcio-tools, which has the compiler.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import sys
import tempfile
from collections import deque
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[3] / "proto" / "proto"
PATIENCE_MS = 60_000
OK, TIMED_OUT = 0, 1


def schema():
    """The modules of the schema."""
    out = tempfile.mkdtemp()
    files = sorted(str(path) for path in (PROTO / "volary" / "v1").glob("*.proto"))
    if protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out}", *files]) != 0:
        raise SystemExit("the schema cannot be compiled")
    sys.path.insert(0, out)
    return importlib.import_module("volary.v1.embed_pb2")


class Host:
    """A host in this process. Calls wait for their answers; events wait until they are asked for."""

    def __init__(self, library: str, folder: str) -> None:
        self.embed = schema()
        self.library = ctypes.CDLL(library)
        self.library.volary_create.restype = ctypes.c_uint64
        self.library.volary_error.restype = ctypes.c_char_p
        self.library.volary_send.argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t]
        self.library.volary_receive.argtypes = [
            ctypes.c_uint64, ctypes.c_uint32, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)
        ]
        self.library.volary_free.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.library.volary_close.argtypes = [ctypes.c_uint64]
        self.numbers = itertools.count(1)
        self.events: deque = deque()
        self.host = self.library.volary_create(folder.encode())
        if not self.host:
            raise self.failure()

    def failure(self) -> RuntimeError:
        return RuntimeError(self.library.volary_error().decode())

    def receive(self, timeout_ms: int):
        """The next frame, or None when there is none in time."""
        frame, length = ctypes.c_void_p(), ctypes.c_size_t()
        status = self.library.volary_receive(self.host, timeout_ms, ctypes.byref(frame), ctypes.byref(length))
        if status == TIMED_OUT:
            return None
        if status != OK:
            raise self.failure()
        try:
            return self.embed.FrameFromHost.FromString(ctypes.string_at(frame, length.value))
        finally:
            self.library.volary_free(frame, length)

    def call(self, profile: int, name: str, **fields):
        """Carries out a request, by its name in requests.proto."""
        frame = self.embed.FrameToHost(id=next(self.numbers))
        frame.request.profile_id = profile
        request = getattr(frame.request, name)
        request.SetInParent()
        for field, value in fields.items():
            if isinstance(value, dict):
                request.MergeFrom(type(request)(**{field: value}))
            else:
                setattr(request, field, value)
        data = frame.SerializeToString()
        if self.library.volary_send(self.host, data, len(data)) != OK:
            raise self.failure()
        while True:
            got = self.receive(PATIENCE_MS)
            if got is None:
                raise TimeoutError(name)
            if got.WhichOneof("kind") == "event":
                self.events.append(got.event)
            elif got.answer.id == frame.id:
                outcome = got.answer.outcome
                if outcome.WhichOneof("kind") == "error":
                    raise RuntimeError(outcome.error.message)
                return getattr(outcome.answer, outcome.answer.WhichOneof("kind"))

    def next_event(self):
        """Waits for what happens."""
        while not self.events:
            got = self.receive(PATIENCE_MS)
            if got is not None and got.WhichOneof("kind") == "event":
                self.events.append(got.event)
        return self.events.popleft()

    def close(self) -> None:
        self.library.volary_close(self.host)


def run(host: Host, code: str, answers: float) -> None:
    bot = host.call(0, "add_account").id
    host.call(bot, "set_config", key="bot", value="1")
    host.call(bot, "add_transport_from_qr", qr=code)
    print(host.call(bot, "get_chat_securejoin_qr_code").text, flush=True)
    sent = set()
    while answers > 0 or sent:
        event = host.next_event()
        kind = event.WhichOneof("kind")
        if kind == "incoming_msg":
            message = host.call(bot, "get_message", msg_id=event.incoming_msg.msg_id)
            if not message.is_info and not message.is_bot:
                data = {"text": message.text}
                sent.add(host.call(bot, "send_message", chat_id=message.chat_id, data=data).id)
                answers -= 1
        elif kind == "msg_delivered":
            sent.discard(event.msg_delivered.msg_id)


def main() -> None:
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    library, folder, code = sys.argv[1:4]
    host = Host(library, folder)
    try:
        run(host, code, int(sys.argv[4]) if len(sys.argv) == 5 else float("inf"))
    except KeyboardInterrupt:
        pass
    finally:
        host.close()


if __name__ == "__main__":
    main()
