"""What all tests of the sandbox stand on: two profiles that know each other, a browser, and an app that does nothing."""

from __future__ import annotations

import os
import unittest

from chromium import Chromium, eventually
from stage import Stage, app_origin, packed

PROBE = {
    "index.html": "<!DOCTYPE html><title>Probe</title><script src=webxdc.js></script><body>probe</body>",
    "other.html": "<!DOCTYPE html><title>Other</title><body>other</body>",
    "worker.js": "onfetch = (event) => event.respondWith(fetch(event.request));",
    "shared.js": "onconnect = ({ ports: [port] }) => port.onmessage = ({ data }) => fetch(data).catch(() => 0).then(() => port.postMessage(0));",
    "sub/a b.txt": "in a folder",
    "manifest.toml": 'name = "Probe"\n',
}
# What docs/apps.md asks of those who show apps: no name and no address but our own leads anywhere.
NO_NETWORK = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost", "--webrtc-ip-handling-policy=disable_non_proxied_udp")
# Joins the channel of an app and notes what it hears.
JOINS = """
    window.heard = [];
    window.channel = webxdc.joinRealtimeChannel();
    channel.setListener((data) => heard.push(data.join()));"""


class OnStage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(os.environ["VOLARY"])
        cls.addClassCleanup(cls.stage.end)
        cls.alice, cls.bob = cls.stage.profile("Alice"), cls.stage.profile("Bob")
        cls.ours, cls.theirs = cls.stage.meet(cls.alice, cls.bob)
        cls.browser = Chromium()
        cls.addClassCleanup(cls.browser.end)

    def shared_app(self, archive: bytes, text: str) -> tuple[int, int]:
        """An app that Alice sent to Bob; her message and his."""
        mine = self.stage.sends(self.alice, self.ours, archive, text)
        return mine, self.stage.receives(self.bob, self.theirs, text)

    def probe(self, text: str):
        """A probe of Alice's in a window."""
        message = self.stage.sends(self.alice, self.ours, packed(PROBE), text)
        url = self.stage.opens(self.alice, message)
        return self.probe_in(self.browser, url), url, message

    def probe_in(self, browser: Chromium, url: str):
        page = browser.open(url)
        page.sees(app_origin(url), "the probe runs", "typeof window.webxdc === 'object'")
        return page

    def reaches(self, sender, receiver, data: str):
        """One window sends until the other hears: what is sent before the two are connected is lost."""
        (page, origin), (other, there) = sender, receiver

        def arrives():
            page.runs(origin, f"channel.send(new Uint8Array([{data}]));")
            return other.runs(there, f"return heard.includes('{data}');")
        eventually(f"{data} is heard", arrives)

    def free_page(self, trap, browser: Chromium | None = None):
        """A page without a sandbox."""
        origin = f"http://127.0.0.1:{trap.port}"
        page = (browser or self.browser).open(origin + "/control")
        page.sees(origin, "a page without a sandbox", "document.title === 'free'")
        return page, origin
