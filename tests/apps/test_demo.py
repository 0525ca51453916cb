"""`volary demo --apps`: both sides of a poll and of a canvas, as the text of the demo says. Also makes the picture of it:

    APPS_PICTURE=docs/apps.png tests/apps/run VOLARY -k demo
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from chromium import Chromium
from stage import app_origin

# Draws a wave with a pointer.
DRAWS = """
    canvas.setPointerCapture = () => {};
    document.getElementById('color').value = COLOR;
    const frame = canvas.getBoundingClientRect();
    const moves = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind, {
      clientX: frame.left + x, clientY: frame.top + HEIGHT + 40 * Math.sin(x / 40) }));
    moves('pointerdown', 40);
    for (let x = 44; x < 560; x += 4) moves('pointermove', x);
    moves('pointerup', 560);"""


def strokes(count: int) -> str:
    return f"document.getElementById('strokes').textContent === '{count} strokes'"


class Demo(unittest.TestCase):
    def test_the_demo_shows_both_sides_of_its_apps(self):
        # Without a browser that it could open: the windows are opened here.
        env = {**os.environ, "PATH": "/nonexistent", "NO_COLOR": "1", "RUST_LOG": "warn"}
        demo = subprocess.Popen([os.environ["VOLARY"], "demo", "--apps"], stdout=subprocess.PIPE, text=True, env=env)
        self.addCleanup(demo.wait)
        self.addCleanup(demo.kill)
        self.addCleanup(demo.stdout.close)
        lines = []
        for line in demo.stdout:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        text = "\n".join(lines)
        self.assertIn("Open the links in a browser", text)
        self.assertNotIn("windows open in a browser", text)
        self.assertNotRegex(text, "shows a code: (poll|canvas)")
        urls = re.findall(r"(\w+) shows the (\w+) at\n(http://\S+)", text)
        self.assertEqual([found[:2] for found in urls], [(who, app) for app in ("poll", "canvas") for who in ("Alice", "Bob")], text)
        browser = Chromium("--window-size=640,480")
        self.addCleanup(browser.end)
        polls, canvases = [[(browser.open(url), app_origin(url)) for _, app, url in urls if app == name] for name in ("poll", "canvas")]
        self.asks_and_votes(*polls)
        for page, origin in canvases:
            page.sees(origin, "the canvas", "typeof channel === 'object'")
        for at, height in enumerate((80, 140, 200, 260)):
            page, origin = canvases[at % 2]
            page.comes_to_front(origin, "canvas")
            color = ("'#2266cc'", "'#cc4422'")[at % 2]
            page.runs(origin, DRAWS.replace("COLOR", color).replace("HEIGHT", str(height)))
            for other, there in canvases:
                other.sees(there, "all strokes", strokes(at + 1))
        if picture := os.environ.get("APPS_PICTURE"):
            self.takes_picture(browser, [page for page, _ in polls + canvases], Path(picture))
        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(60), 0)

    def asks_and_votes(self, alice, bob):
        (page, origin), (other, there) = alice, bob
        page.sees(origin, "the form", "document.getElementById('new') && !document.getElementById('new').hidden")
        page.runs(origin, """
            document.getElementById('question').value = 'Where do we meet?';
            document.getElementById('answers').value = 'At the lake\\nIn the park\\nAt home';
            document.querySelector('#new button').click();""")
        other.sees(there, "the question", "document.getElementById('asked').textContent === 'Where do we meet?'")
        other.runs(there, "document.querySelectorAll('#choices button')[0].click();")
        page.sees(origin, "the vote", "document.querySelector('#choices button').textContent === 'At the lake: 1'")
        page.runs(origin, "document.querySelectorAll('#choices button')[0].click();")
        for window, place in (alice, bob):
            window.sees(place, "both votes", "document.querySelector('#choices button').textContent === 'At the lake: 2'")

    def takes_picture(self, browser: Chromium, pages, path: Path):
        """All windows side by side, as the demo places them."""
        shots = []
        for page in pages:
            size = {"width": 640, "height": 440, "deviceScaleFactor": 1, "mobile": False}
            browser.call("Emulation.setDeviceMetricsOverride", size, page.session)
            page.comes_to_front()
            shots.append(browser.call("Page.captureScreenshot", {"format": "png"}, page.session)["data"])
        sheet = browser.open("about:blank")
        size = {"width": 1288, "height": 888, "deviceScaleFactor": 1, "mobile": False}
        browser.call("Emulation.setDeviceMetricsOverride", size, sheet.session)
        images = "".join(f"<img src='data:image/png;base64,{shot}'>" for shot in shots)
        style = "body { margin: 0; display: grid; grid-template-columns: 640px 640px; gap: 8px; background: #556; }"
        html = f"<!DOCTYPE html><style>{style}</style>{images}"
        frame = browser.call("Page.getFrameTree", {}, sheet.session)["frameTree"]["frame"]["id"]
        browser.call("Page.setDocumentContent", {"frameId": frame, "html": html}, sheet.session)
        browser.call("Runtime.evaluate", {
            "expression": "Promise.all([...document.images].map((image) => image.decode()))", "awaitPromise": True}, sheet.session)
        sheet.takes_picture(path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
