"""What a browser can give a page beyond the network. An app gets none of it, even where a person has allowed all of it.

    tests/apps/run VOLARY -k NAME
"""

from __future__ import annotations

import unittest
from pathlib import Path

from chromium import Chromium, eventually
from pages import OnStage
from stage import Trap, app_origin, page_origin

# What is granted: to the page around the app, as if somebody had done so, and to a page without a sandbox.
GRANTED = ["geolocation", "videoCapture", "audioCapture", "clipboardReadWrite"]
# The page around the app never asks for these. If it had them, so would the app: a frame gets them from the page.
NOT_ASKED = ["notifications"]
# Scripts that return true when they got what they wanted. A dialog that waits for somebody counts as nothing.
WAITS = "const late = new Promise((_, reject) => setTimeout(reject, 3000)); "
POWERS = {
    "camera": WAITS + "const got = await Promise.race([late, navigator.mediaDevices.getUserMedia({ video: true })]); return got.getTracks().length > 0;",
    "microphone": WAITS + "const got = await Promise.race([late, navigator.mediaDevices.getUserMedia({ audio: true })]); return got.getTracks().length > 0;",
    "position": """
        return new Promise((resolve) => {
          navigator.geolocation.getCurrentPosition(() => resolve(true), () => resolve(false), { timeout: 3000 });
          setTimeout(() => resolve(false), 4000);
        });""",
    "notifications": WAITS + "return await Promise.race([late, Notification.requestPermission()]) === 'granted';",
    "clipboard": WAITS + "window.focus(); return typeof await Promise.race([late, navigator.clipboard.readText()]) === 'string';",
}


def gets(page, origin: str, script: str) -> bool:
    return page.runs(origin, f"""
        try {{ return Boolean(await (async () => {{ {script} }})()); }} catch {{ return false; }}""")


class Powers(OnStage):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Devices that are there on every machine, and nobody who is asked.
        cls.generous = Chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        cls.addClassCleanup(cls.generous.end)

    def test_an_app_gets_no_devices_no_position_no_clipboard_and_notifies_nobody(self):
        trap = Trap()
        _, url, _ = self.probe("powers")
        for origin, more in ((page_origin(url), []), (f"http://127.0.0.1:{trap.port}", NOT_ASKED)):
            self.generous.call("Browser.grantPermissions", {"origin": origin, "permissions": GRANTED + more})
        free, open_origin = self.free_page(trap, self.generous)
        page = self.probe_in(self.generous, url)
        for window in (free, page):
            self.generous.call("Emulation.setGeolocationOverride", {"latitude": 1, "longitude": 2, "accuracy": 3}, window.session)
        for power, script in POWERS.items():
            with self.subTest(power):
                self.generous.call("Page.bringToFront", {}, page.session)
                self.assertFalse(gets(page, app_origin(url), script))
                self.generous.call("Page.bringToFront", {}, free.session)
                self.assertTrue(gets(free, open_origin, script), "a page without a sandbox gets it")
        free.close(), page.close()

    def test_an_app_opens_no_chooser_of_files_by_another_way_than_a_field(self):
        page, url, _ = self.probe("choosers")
        for chooser in ("showOpenFilePicker", "showSaveFilePicker", "showDirectoryPicker"):
            refused = page.runs(app_origin(url), f"try {{ await window.{chooser}(); }} catch (error) {{ return error.name; }}")
            self.assertEqual(refused, "SecurityError", chooser)
        page.close()

    def test_an_app_downloads_nothing(self):
        trap = Trap()
        folder = Path(self.stage.folder.name) / "downloads"
        folder.mkdir()
        self.browser.call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
        page, url, _ = self.probe("downloads")
        free, origin = self.free_page(trap)
        ways = {
            "blob": "link.href = URL.createObjectURL(new Blob(['x']));",
            "data": "link.href = 'data:application/octet-stream,x';",
            "own file": "link.href = location.origin + '/other.html';",
        }
        for way, sets in ways.items():
            with self.subTest(way):
                script = f"""
                    const link = document.createElement('a');
                    {sets}
                    link.download = '{way}';
                    document.body.append(link);
                    link.click();"""
                page.runs(app_origin(url), script + "await new Promise((resolve) => setTimeout(resolve, 1000));")
                self.assertEqual(list(folder.iterdir()), [])
                free.runs(origin, script)
                eventually("a page without a sandbox downloads it", lambda: list(folder.iterdir()))
                eventually("it is whole", lambda: not any(file.suffix == ".crdownload" for file in folder.iterdir()))
                for file in folder.iterdir():
                    file.unlink()
        page.close(), free.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
