"""A Python program over gRPC and the command line share one running host, with chatmail core on the other side."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from story import PATIENCE, eventually

PROTO = Path(__file__).parents[2] / "proto" / "proto"


@pytest.fixture(scope="session")
def schema(tmp_path_factory):
    """The classes of the schema, as Python's own tools make them."""
    packages = os.environ.get("GRPC_PYTHON")
    if not packages:
        pytest.skip("grpcio and grpcio-tools cannot be installed")
    sys.path.insert(0, packages)
    grpc = pytest.importorskip("grpc")
    protoc = importlib.import_module("grpc_tools.protoc")
    out = tmp_path_factory.mktemp("schema")
    files = sorted(str(path) for path in PROTO.rglob("*.proto"))
    assert protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out}", f"--grpc_python_out={out}", *files]) == 0
    sys.path.insert(0, str(out))

    class Schema:
        rpc = grpc
        requests = importlib.import_module("volary.v1.requests_pb2")
        chats = importlib.import_module("volary.v1.chats_pb2")
        bus = importlib.import_module("volary.bus.v1.bus_pb2")
        stubs = importlib.import_module("volary.bus.v1.bus_pb2_grpc")

    return Schema


class Listener:
    """Events as they come, in the order of their numbers."""

    def __init__(self, frontend: "Frontend", **request) -> None:
        self.items: list = []
        self.error = None
        self.started = threading.Event()
        self.call = frontend.stub.Events(frontend.schema.bus.EventsRequest(**request), wait_for_ready=True)
        threading.Thread(target=self.read, daemon=True).start()
        assert self.started.wait(PATIENCE), "nobody answers"

    def read(self) -> None:
        try:
            for item in self.call:
                self.items.append(item)
                self.started.set()
        except Exception as error:  # the end of the host, or of this listener
            self.error = error

    def of(self, kind: str) -> list:
        return [item for item in list(self.items) if item.event.WhichOneof("kind") == kind]

    def last(self) -> int:
        return self.items[-1].number

    def stop(self) -> None:
        self.call.cancel()


class Frontend:
    """A program that is connected to the socket of a host."""

    def __init__(self, schema, folder: Path) -> None:
        self.schema = schema
        # Otherwise gRPC's core puts the path of the socket where HTTP/2 wants the name of a host.
        options = [("grpc.default_authority", "localhost")]
        self.channel = schema.rpc.insecure_channel(f"unix:{folder}/bus.sock", options)
        self.stub = schema.stubs.BusStub(self.channel)

    def call(self, profile: int, name: str, **fields):
        request = self.schema.requests.Request(profile_id=profile)
        call = getattr(request, name)
        call.SetInParent()
        for field, value in fields.items():
            setattr(call, field, value)
        answer = self.stub.Call(request, timeout=PATIENCE, wait_for_ready=True)
        return getattr(answer, answer.WhichOneof("kind"))

    def listen(self, **request) -> Listener:
        return Listener(self, **request)


class Host:
    """`volary serve` on a folder, and `volary` beside it."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.process = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "serve", "--data", self.folder], stderr=subprocess.PIPE, text=True
        )
        while True:
            line = self.process.stderr.readline()
            assert line, "the host did not start"
            if "serving" in line:
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def volary(self, *arguments: str, **options) -> str:
        command, *rest = arguments
        done = subprocess.run(
            [self.program, *command.split(), "--data", self.folder, *rest],
            check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, **options,
        )
        return done.stdout.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0


@pytest.fixture
def host(command_line, tmp_path):
    running = Host(command_line, tmp_path / "host")
    running.start()
    yield running
    running.stop()


def logs_in(host: Host, name: str) -> int:
    """Makes a profile on the lab's relay from the command line."""
    address = f"{name.lower()}-{secrets.token_hex(5)}@_lab.test"
    made = host.volary("profile add", "--name", name, "--login", address, "--json", input=secrets.token_hex(8))
    assert json.loads(made)["addresses"] == [address]
    return json.loads(made)["profile"]


def test_a_python_program_and_the_command_line_share_a_host(host, schema, peer):
    one, other = Frontend(schema, host.folder), Frontend(schema, host.folder)
    first, second = one.listen(), other.listen()
    alice = logs_in(host, "Alice")
    eventually("Alice is connected", lambda: one.call(alice, "get_connectivity").value >= 3000)
    bob = peer.account("Bob")
    chat = bob.joins(host.volary("invite", "--profile", str(alice)))
    eventually("they have met", lambda: first.of("securejoin_inviter_progress"))
    bob.has_joined()
    chat.send("from chatmail core")
    incoming = eventually("the program hears of it", lambda: first.of("incoming_msg"))[-1].event.incoming_msg
    assert one.call(alice, "get_message", msg_id=incoming.msg_id).text == "from chatmail core"

    # The command line answers, and both programs see that.
    host.volary("send", "--profile", str(alice), "--chat", str(incoming.chat_id), "--wait", input="from the command line")
    bob.receives("from the command line")
    eventually("both programs see it", lambda: first.of("msg_delivered") and second.of("msg_delivered"))
    shown = host.volary("messages", "--profile", str(alice), "--json", str(incoming.chat_id)).splitlines()
    assert [json.loads(line)["text"] for line in shown][-2:] == ["from chatmail core", "from the command line"]
    received = host.volary("receive", "--profile", str(alice), "--json").splitlines()
    assert "from chatmail core" in [json.loads(line)["text"] for line in received]
    assert host.volary("receive", "--profile", str(alice), "--json") == "", "each message once"
    length = min(len(first.items), len(second.items))
    assert list(first.items)[1:length] == list(second.items)[1:length], "all see the same in the same order"

    error = pytest.raises(schema.rpc.RpcError, one.call, 99, "get_chatlist_entries").value
    assert error.code() == schema.rpc.StatusCode.NOT_FOUND


def test_a_program_that_comes_back_gets_what_it_missed(host, schema, peer):
    frontend = Frontend(schema, host.folder)
    alice = logs_in(host, "Alice")
    listener = frontend.listen(profiles=[alice])
    log = listener.items[0].started.log
    bob = peer.account("Bob")
    chat = bob.joins(host.volary("invite", "--profile", str(alice)))
    bob.has_joined()
    eventually("they have met", lambda: listener.of("securejoin_inviter_progress"))
    number = listener.last()
    listener.stop()
    texts = [f"missed {n}" for n in range(5)]
    for text in texts:
        chat.send(text)

    def texts_of(listener: Listener) -> list[str]:
        ids = [item.event.incoming_msg.msg_id for item in listener.of("incoming_msg")]
        return [frontend.call(alice, "get_message", msg_id=msg_id).text for msg_id in ids]

    back = frontend.listen(profiles=[alice], after=number, log=log)
    eventually("nothing is missing", lambda: len(back.of("incoming_msg")) == len(texts))
    came = texts_of(back)
    assert sorted(came) == texts, "each once"
    # The number holds over a restart of the host.
    number = back.of("incoming_msg")[1].number
    host.stop()
    host.start()
    again = frontend.listen(profiles=[alice], after=number, log=log)
    eventually("the rest is still there", lambda: texts_of(again)[:3] == came[2:])
    assert not [item for item in again.items if item.HasField("gap")]
    # After a kill nobody knows what was not written: the program has to read anew.
    number = again.last()
    host.kill()
    host.start()
    killed = frontend.listen(profiles=[alice], after=number, log=log)
    eventually("it says so", lambda: any(item.gap.all for item in list(killed.items)))
    chat.send("after the kill")
    eventually("and goes on", lambda: "after the kill" in texts_of(killed))
