"""Windows of apps in a real browser: several at once, what they give and get, and what is left when they are gone.

    tests/apps/run VOLARY -k NAME
"""

from __future__ import annotations

import base64
import json
import unittest
from pathlib import Path

from chromium import eventually
from pages import JOINS, PROBE, OnStage
from stage import Trap, answer, app_origin, ask, packed, page_origin

# Keeps something in every place that a browser has for it.
KEEPS = """
    localStorage.setItem('kept', 'yes');
    document.cookie = 'kept=yes; max-age=9999';
    await (await caches.open('kept')).put('/x', new Response('x'));
    await new Promise((resolve) => { indexedDB.open('kept').onsuccess = ({ target }) => { target.result.close(); resolve(); }; });"""
# What is kept, as the origin of an app sees it.
KEPT = """
    return [Boolean(localStorage.kept), document.cookie.includes('kept'), (await caches.keys()).length > 0,
            (await indexedDB.databases()).length > 0];"""


class Windows(OnStage):
    def kept(self, origin: str) -> list[bool]:
        """What a browser keeps of an app that is not open: its origin answers no more than that."""
        page = self.browser.open(origin + "/look")
        page.sees(origin, "an answer", "document.body.textContent.includes('not open')")
        found = page.runs(origin, KEPT)
        page.close()
        return found

    def test_many_windows_of_one_app_do_not_wait_for_each_other(self):
        mine, yours = self.shared_app(packed(PROBE), "many windows")
        url, theirs = self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours)
        origin = app_origin(url)
        bob = self.probe_in(self.browser, theirs), app_origin(theirs)
        bob[0].runs(bob[1], JOINS)
        pages = [self.probe_in(self.browser, url) for _ in range(8)]
        for page in pages:
            page.runs(origin, JOINS + """
                window.found = [];
                await webxdc.setUpdateListener((update) => found.push(update.payload));""")

        def all_hear(number: int):
            for page in pages:
                self.reaches(bob, (page, origin), str(number))
            bob[0].runs(bob[1], f"webxdc.sendUpdate({{ payload: {number}, document: 'number {number}' }});")
            for page in pages:
                page.sees(origin, "the update, once", f"found.filter((payload) => payload === {number}).length === 1")
                page.sees(page_origin(url), "the title", f"document.title.startsWith('number {number}')")
                self.assertEqual(page.runs(origin, "return (await fetch('other.html')).status;"), 200)
        all_hear(1)
        # The first does for all what takes long. When it is gone another one does.
        for number in (2, 3):
            pages.pop(0).close()
            all_hear(number)
        # The last ones speak, too.
        self.reaches((pages[-1], origin), bob, "9")
        for page in pages:
            page.close()
        bob[0].close()

    def test_a_window_is_in_its_channel_again_after_a_pause(self):
        mine, yours = self.shared_app(packed(PROBE), "pauses")
        urls = self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours)
        one, other = ((self.probe_in(self.browser, url), app_origin(url)) for url in urls)
        for page, origin in (one, other):
            page.runs(origin, JOINS)
        self.reaches(other, one, "1")
        # Alice says nothing herself, which would join again.
        self.stage.call("stop_io", self.alice)
        self.stage.call("start_io", self.alice)
        self.reaches(other, one, "2")
        self.stage.call("set_config", self.alice, "webxdc_realtime_enabled", "0")
        self.stage.call("set_config", self.alice, "webxdc_realtime_enabled", "1")
        self.reaches(other, one, "3")
        self.reaches(one, other, "4")
        for page, _ in (one, other):
            page.close()

    def test_a_window_that_cannot_join_yet_joins_when_it_can(self):
        mine, yours = self.shared_app(packed(PROBE), "later")
        urls = self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours)
        one, other = ((self.probe_in(self.browser, url), app_origin(url)) for url in urls)
        other[0].runs(other[1], JOINS)
        self.stage.call("stop_io", self.alice)
        one[0].runs(one[1], JOINS + "channel.send(new Uint8Array([7]));")
        refused = one[0].runs(one[1], "try { webxdc.joinRealtimeChannel(); } catch (error) { return String(error); }")
        self.assertIn("is in the channel", refused)
        self.stage.call("start_io", self.alice)
        self.reaches(other, one, "1")
        self.reaches(one, other, "2")
        for page, _ in (one, other):
            page.close()

    def test_what_an_app_kept_goes_with_its_message_while_its_page_is_open(self):
        page, url, message = self.probe("kept, open")
        other, another, _ = self.probe("kept by another")
        for window, address in ((page, url), (other, another)):
            window.runs(app_origin(address), KEEPS)
        self.stage.asks_list(f"/close?profile={self.alice}&message={message}", "POST")
        page.sees(page_origin(url), "the end", "!document.querySelector('iframe')")
        page.close()
        self.assertEqual(self.kept(app_origin(url)), [True] * 4, "closing removes nothing")
        page = self.probe_in(self.browser, self.stage.opens(self.alice, message))
        self.stage.call("delete_messages", self.alice, [message])
        page.sees(page_origin(url), "the end", "!document.getElementById('notice').hidden")
        eventually("nothing is kept", lambda: self.kept(app_origin(url)) == [False] * 4)
        self.assertEqual(other.runs(app_origin(another), KEPT), [True] * 4, "another app keeps what it has")
        page.close(), other.close()

    def test_what_an_app_kept_goes_with_the_next_page_that_is_opened(self):
        gone = []
        for text in ("kept, one", "kept, two", "kept, three"):
            page, url, message = self.probe(text)
            page.runs(app_origin(url), KEEPS)
            page.close()
            gone.append((app_origin(url), message))
        stays = self.stage.sends(self.alice, self.ours, packed(PROBE), "stays")
        self.stage.call("delete_messages", self.alice, [gone[0][1]])
        # The others are deleted while no apps are served.
        with self.stage.pause():
            self.stage.starts(apps=False)
            self.stage.call("delete_messages", self.alice, [message for _, message in gone[1:]])
            self.stage.stops()
        self.assertEqual(self.kept(gone[0][0]), [True] * 4)
        lines = {f"{self.alice} {message} gone" for _, message in gone}
        eventually("it is known what is gone", lambda: lines <= set((self.stage.data / "apps.opened").read_text().splitlines()))
        opened = self.stage.opens(self.alice, stays, "other.html%3Fa%3D1%23b")
        page = self.browser.open(opened)
        page.sees(app_origin(opened), "the place that was wanted", "location.href === location.origin + '/other.html?a=1#b'")
        for origin, _ in gone:
            self.assertEqual(self.kept(origin), [False] * 4)
        page.close()

    def test_nobody_is_led_astray(self):
        _, url, message = self.probe("astray")
        origin, around = app_origin(url), page_origin(url)
        self.stage.call("delete_messages", self.alice, [message])
        eventually("it is gone", lambda: ask(url)[0] == 410)
        # What is no browser is asked nothing, and nobody is sent to places that are not ours.
        self.assertEqual(ask(origin + "/__webxdc__/wipe")[0], 410)
        status, fields, _ = answer(origin + "/__webxdc__/wipe?to=evil.test&place=//evil.test/", sec_fetch_dest="document")
        self.assertEqual((status, fields["clear-site-data"]), (303, '"storage", "cookies"'))
        self.assertTrue(fields["location"].startswith(self.stage.list_url), fields["location"])
        self.assertEqual(ask(around + "/__webxdc__/wipe", sec_fetch_dest="document")[0], 410)

    def test_cookies_for_the_page_around_do_not_lock_it(self):
        page, url, _ = self.probe("cookies")
        origin, around = app_origin(url), page_origin(url)
        host = around.removeprefix("http://").rsplit(":")[0]
        count = page.runs(origin, f"""
            for (let at = 0; at < 200; at++) document.cookie = `c${{at}}=${{'x'.repeat(4000)}}; Domain={host}; max-age=9999`;
            for (const domain of ['localhost', '.localhost']) document.cookie = `everywhere=1; Domain=${{domain}}`;
            return document.cookie.split('; ').length;""")
        self.assertGreater(count, 100, "the browser takes them")
        self.assertNotIn("everywhere", page.runs(origin, "return document.cookie;"))
        page.close()
        again = self.probe_in(self.browser, url)
        self.assertGreater(len(again.runs(around, "return document.cookie;")), 400_000, "the page gets them")
        again.runs(origin, f"""
            for (let at = 0; at < 200; at++) document.cookie = `c${{at}}=; Domain={host}; max-age=0`;""")
        again.close()

    def test_an_icon_that_cannot_be_shown_is_replaced(self):
        for name, content in (("icon.png", b"no picture"), ("icon.jpg", b""), ("other.png", b"")):
            message = self.stage.sends(self.alice, self.ours, packed(PROBE | {name: content}), name)
            url = self.stage.opens(self.alice, message)
            page = self.browser.open(url)
            page.sees(page_origin(url), "the default icon", "document.querySelector('header img').naturalWidth === 256")
            page.close()

    def test_all_forms_of_a_file_go_into_a_chat(self):
        page, url, _ = self.probe("forms of files")
        origin, around = app_origin(url), page_origin(url)
        picture = bytes(range(256))
        forms = {
            f"base64: '{base64.b64encode(picture).decode()}'": picture,
            "blob: new Blob([new Uint8Array([0, 1, 255])])": b"\x00\x01\xff",
            "blob: new Blob([])": b"", "base64: ''": b"", "plainText: ''": b"", "plainText: 'ü'": "ü".encode(),
        }
        for form, content in forms.items():
            with self.subTest(form):
                page.runs(origin, f"""
                    window.sent = null;
                    webxdc.sendToChat({{ file: {{ name: 'a.bin', {form} }} }})
                      .then(() => {{ window.sent = 'yes'; }}, (error) => {{ window.sent = error.message; }});""")
                page.sees(around, "the question", "document.getElementById('chat').open")
                page.runs(around, f"""
                    document.getElementById('chat-list').value = '{self.ours}';
                    document.getElementById('chat-yes').click();""")
                self.assertEqual(page.sees(origin, "the answer", "window.sent"), "yes")
                draft = self.stage.call("get_draft", self.alice, self.ours)
                self.assertEqual((draft["fileName"], Path(draft["file"]).read_bytes()), ("a.bin", content))
                self.stage.call("remove_draft", self.alice, self.ours)
        refused = (
            "undefined", "{}", "{ text: '' }", "{ file: {} }", "{ file: { name: 'a' } }", "{ file: { plainText: 'a' } }",
            "{ file: { name: '', plainText: 'a' } }", "{ file: { name: 'a', base64: '=not base64=' } }",
            "{ file: { name: 'a', blob: 'text' } }", "{ file: { name: 'a', plainText: 'a', base64: 'YQ==' } }",
        )
        for content in refused:
            with self.subTest(content):
                page.runs(origin, f"""
                    await webxdc.sendToChat({content}).then(() => {{ throw new Error('it was taken'); }}, (error) => {{
                      if (!(error instanceof TypeError)) throw error;
                    }});""")
        self.assertFalse(page.runs(around, "return document.getElementById('chat').open;"))
        self.assertIsNone(self.stage.call("get_draft", self.alice, self.ours))
        page.close()

    def test_an_app_imports_files_that_a_person_picked(self):
        page, url, _ = self.probe("imports")
        origin = app_origin(url)
        folder = Path(self.stage.folder.name)
        files = [folder / "one.txt", folder / "two.csv"]
        for file in files:
            file.write_text(f"content of {file.name}")
        reads = "return Promise.all(found.map(async (file) => [file.name, await file.text()]));"
        found = page.chooses(origin, files, f"""
            const found = await webxdc.importFiles({{ extensions: ['.txt', '.csv'], mimeTypes: ['text/plain'], multiple: true }}); {reads}""")
        self.assertEqual(found, [[file.name, f"content of {file.name}"] for file in files])
        found = page.chooses(origin, files[:1], f"const found = await webxdc.importFiles(); {reads}")
        self.assertEqual(found, [["one.txt", "content of one.txt"]])
        asked = page.runs(origin, """
            const asked = [];
            HTMLInputElement.prototype.click = function () { asked.push([this.accept, this.multiple]); this.dispatchEvent(new Event('cancel')); };
            const none = await webxdc.importFiles({ extensions: ['.a', '.b'], mimeTypes: ['image/*'], multiple: true });
            await webxdc.importFiles();
            return [...asked, none];""")
        self.assertEqual(asked, [[".a,.b,image/*", True], ["", False], []])
        page.close()

    # From outside

    def test_the_list_is_asked_by_programs(self):
        _, url, message = self.probe("asked by programs")
        address = self.stage.list_url
        self.assertTrue(address.endswith("/"))
        for path in ("apps", "/apps"):
            status, answer = ask(address + path)
            listed = [app for app in json.loads(answer) if app["message"] == message]
            self.assertEqual((status, listed[0]["name"], listed[0]["user"]), (200, "Probe", "Alice"))
        close = f"/close?profile={self.alice}&message={message}"
        self.assertEqual(self.stage.asks_list(close, "POST")[0], 204)
        self.assertEqual(self.stage.asks_list(close, "POST"), (404, b"This app is not open."))
        self.assertEqual(self.stage.asks_list("/close?profile=999&message=1", "POST")[0], 404)
        self.assertEqual(ask(url)[0], 410)

    def test_the_app_for_maps_is_not_listed_and_has_no_network_either(self):
        trap = Trap()
        file = Path(self.stage.folder.name) / "map.xdc"
        file.write_bytes(packed(PROBE | {"manifest.toml": 'name = "Map"\nrequest_integration = "map"\n'}))
        self.stage.call("set_webxdc_integration", self.alice, str(file))
        message = self.stage.call("init_webxdc_integration", self.alice, None)
        self.assertTrue(self.stage.call("get_webxdc_info", self.alice, message)["internetAccess"])
        listed = [app["message"] for app in json.loads(self.stage.asks_list("/apps")[1]) if app["profile"] == self.alice]
        self.assertNotIn(message, listed)
        url = self.stage.opens(self.alice, message)
        page = self.probe_in(self.browser, url)
        page.runs(app_origin(url), f"await fetch('http://127.0.0.1:{trap.port}/map').catch(() => 0);")
        self.assertEqual(trap.requests(False), [])
        page.close()

    def test_an_app_ends_with_the_token_that_opened_it(self):
        token = self.stage.runs("token", "add", "kiosk", "--profiles", str(self.alice)).strip()
        mine, yours = self.shared_app(packed(PROBE), "by token")

        def opens(profile: int, message: int, shown: str) -> tuple[int, bytes]:
            fields = {"authorization": f"Bearer {shown}"}
            return self.stage.asks_list(f"/open?profile={profile}&message={message}", "POST", **fields)
        self.assertEqual(opens(self.alice, mine, "volary_unknown")[0], 401)
        self.assertEqual(opens(self.bob, yours, token)[0], 403)
        status, answer = opens(self.alice, mine, token)
        self.assertEqual(status, 200)
        page = self.probe_in(self.browser, url := json.loads(answer)["url"])
        both = self.stage.sends(self.alice, self.ours, packed(PROBE), "by both")
        goes_on = [self.stage.opens(self.bob, yours), self.stage.opens(self.alice, both)]
        self.assertEqual(opens(self.alice, both, token)[0], 200)
        self.stage.runs("token", "remove", "kiosk")
        page.sees(page_origin(url), "the end", "!document.getElementById('notice').hidden")
        self.assertEqual(ask(url)[0], 410)
        self.assertEqual([ask(address)[0] for address in goes_on], [200, 200], "what the owner opened goes on")
        page.close()

    def test_the_command_line_asks_a_running_process_and_reads_a_folder(self):
        mine, yours = self.shared_app(packed(PROBE), "command line")
        alice, message = str(self.alice), str(mine)
        self.assertIn(f"{alice} {message}: Probe (Alice in Bob)\n", self.stage.runs("apps", "list"))
        url = self.stage.runs("apps", "open", alice, message, "--href", "other.html#a b").strip()
        page = self.browser.open(url)
        page.sees(app_origin(url), "the place", "location.pathname + location.hash === '/other.html#a%20b'")
        self.stage.runs("apps", "close", alice, message)
        page.sees(page_origin(url), "the end", "!document.getElementById('notice').hidden")
        page.close()
        self.assertIn("not open", self.stage.runs("apps", "close", alice, message, fails=True))
        self.assertIn("name: Probe\n", self.stage.runs("apps", "info", alice, message))
        self.stage.runs("apps", "send", alice, message, '{"payload": [0]}')
        first = eventually("an update arrives", lambda: json.loads(self.stage.call("get_webxdc_status_updates", self.bob, yours, 0)))
        self.assertEqual([update["payload"] for update in first], [[0]])

        with self.stage.pause():
            self.works_on_the_folder(alice, message)
        second = eventually("the update arrives", lambda: json.loads(self.stage.call("get_webxdc_status_updates", self.bob, yours, first[0]["serial"])))
        self.assertEqual(second[0]["payload"], [1])

    def works_on_the_folder(self, alice: str, message: str):
        self.assertIn(f"{alice} {message}: Probe (Alice in Bob)\n", self.stage.runs("apps", "list"))
        self.assertIn("no process shows apps", self.stage.runs("apps", "close", alice, message, fails=True))
        self.stage.runs("apps", "send", alice, message, '{"payload": [1], "summary": "one"}')
        self.assertIn("Failed to parse", self.stage.runs("apps", "send", alice, message, "{}", fails=True))
        about = self.stage.runs("apps", "info", alice, message)
        for line in ("name: Probe\n", "summary: one\n", "own app: yes\n"):
            self.assertIn(line, about)
        first, update = json.loads(self.stage.runs("apps", "updates", alice, message))
        self.assertEqual((first["payload"], update["payload"]), ([0], [1]))
        self.assertEqual(self.stage.runs("apps", "updates", alice, message, "--after", str(update["serial"])), "[]\n")
        self.assertEqual(self.stage.runs("apps", "file", alice, message, "sub/a b.txt"), "in a folder")
        with self.stage.shows("apps", "open", alice, message) as url:
            self.assertEqual(ask(url)[0], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
