"""A relay, an engine that serves apps, and two profiles that talk to each other."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import zipfile
from pathlib import Path

from chromium import PATIENCE, eventually

HERE = Path(__file__).resolve().parent


def packed(files: dict[str, bytes | str]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in files.items():
            writer.writestr(name, content)
    return archive.getvalue()


def app(name: str) -> bytes:
    """An app of this folder."""
    return packed({path.name: path.read_bytes() for path in sorted((HERE / name).iterdir())})


class Stage:
    def __init__(self, volary: str):
        self.folder = tempfile.TemporaryDirectory(prefix="apps-stage-")
        self.data = Path(self.folder.name) / "data"
        env = {**os.environ, "RUST_LOG": os.environ.get("RUST_LOG", "warn"),
               "VOLARY_ON_LOOPBACK": "1"}
        self.relay = subprocess.Popen(
            [volary, "relay", "--domain", "_apps.test"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=env)
        self.ports = {}
        while len(self.ports) < 4:
            line = self.relay.stdout.readline()
            if found := re.match(r"(imap|smtp) (tls|starttls) (\d+)", line):
                self.ports[found[1], found[2]] = int(found[3])
        self.volary, self.env = volary, env
        self._answers: dict[int, queue.Queue] = {}
        self._next = 0
        self.list_url = ""
        self.starts()

    def starts(self, apps: bool = True) -> None:
        """Starts the engine; apps are served at the port that they had before."""
        port = re.search(r":(\d+)/", self.list_url)
        options = ["--apps", port[1] if port else "0"] if apps else []
        self.engine = subprocess.Popen(
            [self.volary, "serve", "--rpc", *options, "--data", self.data],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.env)
        threading.Thread(target=self._listen, args=(self.engine.stdout,), daemon=True).start()
        if apps:
            self.list_url = eventually("the address of the list", self._list_url)

    def stops(self) -> None:
        """Ends the engine."""
        self.engine.stdin.close()
        self.engine.wait(60)

    @contextlib.contextmanager
    def pause(self):
        """The folder is free for others."""
        self.stops()
        try:
            yield
        finally:
            self.starts()

    def runs(self, *command: str, fails: bool = False) -> str:
        """What a command of `volary` on the folder writes."""
        name, *more = command
        ran = subprocess.run([self.volary, name, "--data", self.data, *more], capture_output=True, text=True, env=self.env)
        assert (ran.returncode != 0) == fails, (command, ran)
        return ran.stderr if fails else ran.stdout

    @contextlib.contextmanager
    def shows(self, *command: str):
        """The address that a command writes, which ends when it is interrupted."""
        name, *more = command
        process = subprocess.Popen(
            [self.volary, name, "--data", self.data, *more], stdout=subprocess.PIPE, text=True, env=self.env)
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0

    def _list_url(self) -> str | None:
        file = self.data / "apps.url"
        return file.read_text().strip() if file.exists() else None

    def _listen(self, answers) -> None:
        for line in answers:
            answer = json.loads(line)
            self._answers.pop(answer["id"]).put(answer)

    def call(self, method: str, *parameters):
        self._next += 1
        waits = self._answers[self._next] = queue.Queue()
        request = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": parameters}
        self.engine.stdin.write(json.dumps(request) + "\n")
        self.engine.stdin.flush()
        answer = waits.get(timeout=PATIENCE)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def profile(self, name: str) -> int:
        profile = self.call("add_account")
        self.call("set_config", profile, "displayname", name)
        user = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(9))
        self.call("add_or_update_transport", profile, {
            "addr": f"{user}@_apps.test", "password": secrets.token_hex(12),
            "imapServer": "127.0.0.1", "imapPort": self.ports["imap", "tls"], "imapSecurity": "ssl",
            "smtpServer": "127.0.0.1", "smtpPort": self.ports["smtp", "tls"], "smtpSecurity": "ssl",
            "certificateChecks": "acceptInvalidCertificates",
        })
        return profile

    def meet(self, inviter: int, joiner: int) -> tuple[int, int]:
        """Lets two profiles know each other; their chats, the inviter's first."""
        code = self.call("get_chat_securejoin_qr_code", inviter, None)
        theirs = self.call("secure_join", joiner, code)
        eventually("the joiner can write", lambda: self.call("get_full_chat_by_id", joiner, theirs)["canSend"])
        self.call("misc_send_text_message", joiner, theirs, "hello")

        def greeted():
            for chat in self.call("get_chatlist_entries", inviter, None, None, None):
                for message in self.call("get_message_ids", inviter, chat, False, False):
                    if self.call("get_message", inviter, message)["text"] == "hello":
                        return chat
            return None
        ours = eventually("the inviter is greeted", greeted)
        return ours, theirs

    def sends(self, profile: int, chat: int, archive: bytes, text: str) -> int:
        path = Path(self.folder.name) / f"{secrets.token_hex(4)}.xdc"
        path.write_bytes(archive)
        return self.call("send_msg", profile, chat, {"file": str(path), "viewtype": "Webxdc", "text": text})

    def receives(self, profile: int, chat: int, text: str) -> int:
        def found():
            for message in reversed(self.call("get_message_ids", profile, chat, False, False)):
                known = self.call("get_message", profile, message)
                if known["text"] == text and known["viewType"] == "Webxdc":
                    return message
            return None
        return eventually(f"{text!r} is received", found)

    def asks_list(self, path: str, method: str = "GET", **fields: str) -> tuple[int, bytes]:
        """Asks the list of apps as a program that is no browser."""
        return ask(self.list_url.rstrip("/") + path, method, **fields)

    def opens(self, profile: int, message: int, href: str = "") -> str:
        status, answer = self.asks_list(f"/open?profile={profile}&message={message}&href={href}", "POST")
        assert status == 200, (status, answer)
        return json.loads(answer)["url"]

    def end(self) -> None:
        self.stops()
        self.relay.terminate()
        self.relay.wait(30)


def ask(url: str, method: str = "GET", **fields: str) -> tuple[int, bytes]:
    """One request: status and body of the answer."""
    status, _, body = answer(url, method, **fields)
    return status, body


def answer(url: str, method: str = "GET", **fields: str) -> tuple[int, dict[str, str], bytes]:
    """The same with the fields of the answer. The host of the address is on this machine, whatever the resolver says."""
    host, path = re.fullmatch(r"http://([^/]+)(/.*)", url).groups()
    connection = http.client.HTTPConnection("127.0.0.1", int(host.rsplit(":")[1]), timeout=PATIENCE)
    headers = {"Host": host} | {name.replace("_", "-"): value for name, value in fields.items()}
    try:
        connection.request(method, path, body=b"" if method == "POST" else None, headers=headers)
        found = connection.getresponse()
        return found.status, {name.lower(): value for name, value in found.getheaders()}, found.read()
    finally:
        connection.close()


def app_origin(url: str) -> str:
    """The origin of the app that is shown at an address."""
    return "http://app." + re.fullmatch(r"http://([^/]+)/.*", url)[1]


def page_origin(url: str) -> str:
    return "http://" + re.fullmatch(r"http://([^/]+)/.*", url)[1]


class Trap:
    """What apps try to reach: TCP with an HTTP answer for everybody, and UDP. Remembers what came."""

    def __init__(self):
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp_port = self.udp.getsockname()[1]
        self.hits: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._datagrams, daemon=True).start()

    def requests(self, also_connections: bool) -> list[str]:
        """What came. A browser may open a connection before it asks whether it may use it, and then not use it."""
        return [hit for hit in self.hits if also_connections or hit != "connection"]

    def _accept(self) -> None:
        while True:
            stream, _ = self.tcp.accept()
            self.hits.append("connection")
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = stream.recv(4096)
                if not piece:
                    return
                head += piece
            path = head.split(b" ", 2)[1].decode()
            self.hits.append(path)
            page = b"<!DOCTYPE html><title>free</title>free"
            stream.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))

    def _datagrams(self) -> None:
        while True:
            self.udp.recvfrom(4096)
            self.hits.append("datagram")
