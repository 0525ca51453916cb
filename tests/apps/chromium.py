"""A headless Chromium, driven over its debugging pipe. Needs nothing but Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = float(os.environ.get("APPS_PATIENCE", "60"))


def find() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def eventually(what: str, look, patience: float = PATIENCE):
    """Looks again and again until there is something."""
    end = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"it did not happen within {patience} s: {what}")
        time.sleep(0.05)


class Chromium:
    """One browser with a profile of its own, and the debugging protocol."""

    def __init__(self, *flags: str):
        self.folder = tempfile.TemporaryDirectory(prefix="apps-chromium-", ignore_cleanup_errors=True)
        self.net_log = Path(self.folder.name) / "net.json"
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def pipes():
            # Chromium reads from 3 and writes to 4; both may be in use by the ends that are copied.
            read, write = os.dup(to_browser), os.dup(from_browser)
            os.dup2(read, 3)
            os.dup2(write, 4)

        command = [
            find(), "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--no-sandbox",
            "--disable-dev-shm-usage", "--disable-component-update", "--disable-background-networking",
            f"--user-data-dir={self.folder.name}/profile", f"--log-net-log={self.net_log}", *flags, "about:blank",
        ]
        self.process = subprocess.Popen(
            command, close_fds=False, preexec_fn=pipes, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.folder.name},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._lock = threading.Lock()
        self._next = 0
        self._answers: dict[int, dict] = {}
        self.pages: dict[str, Page] = {}
        self._contexts: dict[str, dict[int, dict]] = {}
        # Open choosers of files: the session, and the node that asks.
        self.choosers: list[tuple[str, int]] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.call("Target.setDiscoverTargets", {"discover": True})

    def _listen(self) -> None:
        rest = b""
        while piece := os.read(self._read, 1 << 16):
            *messages, rest = (rest + piece).split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message: dict) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        params, session = message["params"], message.get("sessionId", "")
        match message["method"]:
            case "Runtime.executionContextCreated":
                context = params["context"]
                self._contexts.setdefault(session, {})[context["id"]] = context
            case "Runtime.executionContextDestroyed":
                self._contexts.get(session, {}).pop(params["executionContextId"], None)
            case "Runtime.executionContextsCleared":
                self._contexts[session] = {}
            case "Target.attachedToTarget":
                child = params["sessionId"]
                self._contexts.setdefault(child, {})
                parent = self.pages.get(session)
                if parent:
                    parent.sessions.append(child)
                self._send("Runtime.enable", {}, child)
                self._send("Target.setAutoAttach", AUTO_ATTACH, child)
                self._send("Runtime.runIfWaitingForDebugger", {}, child)
            case "Target.detachedFromTarget":
                self._contexts.pop(params["sessionId"], None)
            case "Page.fileChooserOpened":
                self.choosers.append((session, params["backendNodeId"]))
            case "Page.javascriptDialogOpening":
                self._send("Page.handleJavaScriptDialog", {"accept": True}, session)

    def _send(self, method: str, params: dict, session: str = "") -> int:
        with self._lock:
            self._next += 1
            number = self._next
            message = {"id": number, "method": method, "params": params}
            if session:
                message["sessionId"] = session
            os.write(self._write, json.dumps(message).encode() + b"\0")
        return number

    def call(self, method: str, params: dict | None = None, session: str = "") -> dict:
        number = self._send(method, params or {}, session)
        answer = eventually(f"{method} is answered", lambda: self._answers.pop(number, None))
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, url: str) -> Page:
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, target, session)
        self.pages[session] = page
        self._contexts.setdefault(session, {})
        self.call("Page.enable", {}, session)
        self.call("Runtime.enable", {}, session)
        self.call("Target.setAutoAttach", AUTO_ATTACH, session)
        self.call("Page.navigate", {"url": url}, session)
        return page

    def windows(self) -> list[dict]:
        found = self.call("Target.getTargets")["targetInfos"]
        return [target for target in found if target["type"] == "page"]

    def end(self) -> None:
        """Ends the browser in order, so that its net log is whole."""
        if self.process.poll() is None:
            self._send("Browser.close", {})
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._write)
        self.log = self.net_log.read_text(errors="replace") if self.net_log.exists() else ""
        self.folder.cleanup()

    def names_looked_up(self) -> str:
        """What the browser wrote about its network; only after its end."""
        return self.log


AUTO_ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}


class Page:
    """A window."""

    def __init__(self, browser: Chromium, target: str, session: str):
        self.browser, self.target, self.session = browser, target, session
        self.sessions = [session]

    def _context(self, origin: str) -> tuple[str, int] | None:
        for session in self.sessions:
            for number, context in list(self.browser._contexts.get(session, {}).items()):
                if context["origin"] == origin and context["auxData"].get("isDefault"):
                    return session, number
        return None

    def runs(self, origin: str, script: str):
        """Runs a script, or the body of an async function, in the document of this origin, and gives what it returns."""
        session, context = eventually(f"a document of {origin}", lambda: self._context(origin))
        result = self.browser.call("Runtime.evaluate", {
            "expression": f"(async () => {{ {script} }})()", "contextId": context, "awaitPromise": True,
            "returnByValue": True, "userGesture": True,
        }, session)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def sees(self, origin: str, what: str, expression: str):
        """Waits until an expression is true in the document of this origin."""
        def look():
            try:
                return self.runs(origin, f"return {expression};")
            except AssertionError:
                return None
        return eventually(what, look)

    def comes_to_front(self, origin: str = "", shows: str = "document.body") -> None:
        """Windows behind others are not laid out; waits until something in the document of this origin is."""
        self.browser.call("Page.bringToFront", {}, self.session)
        if origin:
            self.sees(origin, f"{shows} has a place", f"{shows}.getBoundingClientRect().width > 0")

    def chooses(self, origin: str, files: list[Path], script: str):
        """Runs a script that asks for files, and picks these."""
        session, _ = eventually(f"a document of {origin}", lambda: self._context(origin))
        self.browser.call("Page.enable", {}, session)
        self.browser.call("Page.setInterceptFileChooserDialog", {"enabled": True}, session)
        self.browser.choosers.clear()
        self.runs(origin, f"window.chosen = null; (async () => {{ {script} }})().then((found) => {{ window.chosen = found; }});")
        session, node = eventually("a chooser of files", lambda: self.browser.choosers and self.browser.choosers.pop())
        self.browser.call("DOM.setFileInputFiles", {"files": [str(file) for file in files], "backendNodeId": node}, session)
        return self.sees(origin, "what was chosen", "window.chosen")

    def close(self) -> None:
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    def takes_picture(self, path: Path) -> None:
        import base64
        shot = self.browser.call("Page.captureScreenshot", {"format": "png"}, self.session)
        path.write_bytes(base64.b64decode(shot["data"]))
