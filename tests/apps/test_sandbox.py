"""The sandbox for in-chat apps in a real browser: what apps can do, and every way out that they must not have.

    tests/apps/run VOLARY -k NAME
"""

from __future__ import annotations

import json
import unittest

from chromium import Chromium, eventually
from escapes import ESCAPES, NAVIGATIONS
from pages import JOINS, NO_NETWORK, PROBE, OnStage
from stage import Trap, app, app_origin, ask, packed, page_origin


def tries(page, origin: str, script: str) -> None:
    """Runs a script that may replace its document, by the error page of the browser if nothing else."""
    try:
        page.runs(origin, script)
    except AssertionError as gone:
        if not any(word in str(gone) for word in ("context", "navigated", "destroyed", "closed")):
            raise


class Sandbox(OnStage):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.locked = Chromium(*NO_NETWORK)
        cls.addClassCleanup(cls.locked.end)

    # What works

    def test_two_profiles_see_each_others_votes(self):
        mine, yours = self.shared_app(app("poll"), "poll")
        urls = self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours)
        alice, bob = (self.browser.open(url) for url in urls)
        first, second = map(app_origin, urls)
        alice.sees(first, "the form", "!document.getElementById('new').hidden")
        alice.runs(first, """
            document.getElementById('question').value = 'Tea?';
            document.getElementById('answers').value = 'yes\\nno';
            document.querySelector('#new button').click();""")
        bob.sees(second, "the question", "document.getElementById('asked').textContent === 'Tea?'")
        bob.runs(second, "document.querySelectorAll('#choices button')[0].click();")
        alice.sees(first, "Bob's vote", "document.querySelector('#choices button').textContent === 'yes: 1'")
        alice.runs(first, "document.querySelectorAll('#choices button')[0].click();")
        for page, origin in ((alice, first), (bob, second)):
            page.sees(origin, "both votes", "document.querySelector('#choices button').textContent === 'yes: 2'")
        alice.sees(page_origin(urls[0]), "the title", "document.title === 'Tea? – Poll'")
        bob.close()
        again = self.browser.open(urls[1])
        again.sees(second, "the state of before", "document.querySelector('#choices button').textContent === 'yes: 2'")
        alice.close(), again.close()

    def test_a_stroke_appears_on_the_other_canvas_while_it_is_drawn_and_stays(self):
        mine, yours = self.shared_app(app("canvas"), "canvas")
        urls = self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours)
        alice, bob = (self.browser.open(url) for url in urls)
        first, second = map(app_origin, urls)

        def inked(name: str) -> str:
            return f"document.getElementById('{name}').getContext('2d').getImageData(0, 0, 800, 600).data.some((value) => value)"
        alice.sees(first, "the app", "typeof channel === 'object'")
        bob.sees(second, "an empty canvas", f"typeof channel === 'object' && !{inked('canvas')} && !{inked('live')}")
        alice.comes_to_front(first, "canvas")
        alice.runs(first, """
            canvas.setPointerCapture = () => {};
            window.moves = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: 60 + x / 2 }));
            moves('pointerdown', 10);
            window.at = 10;""")

        def is_seen_live():
            alice.runs(first, "moves('pointermove', at += 2);")
            return bob.runs(second, f"return {inked('live')};")
        eventually("points that are drawn", is_seen_live)
        for profile, message in ((self.alice, mine), (self.bob, yours)):
            self.assertEqual(self.stage.call("get_webxdc_status_updates", profile, message, 0), "[]", "nothing is stored yet")
        self.assertFalse(bob.runs(second, f"return {inked('canvas')};"))
        alice.runs(first, "moves('pointerup', at);")
        bob.sees(second, "the stroke that is kept", f"{inked('canvas')} && !{inked('live')}")
        [update] = json.loads(self.stage.call("get_webxdc_status_updates", self.bob, yours, 0))
        self.assertEqual(update["summary"], "1 strokes")
        bob.runs(second, "channel.leave();")
        alice.close(), bob.close()

    def test_realtime_data_goes_from_page_to_page(self):
        mine, yours = self.shared_app(packed(PROBE), "realtime")
        urls = self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours)
        pages = [self.probe_in(self.browser, url) for url in urls]
        origins = [app_origin(url) for url in urls]
        one, other = zip(pages, origins)
        for page, origin in (one, other):
            page.runs(origin, JOINS)
        self.reaches(one, other, "1,2,3")
        self.reaches(other, one, "4,5,6")
        pages[0].runs(origins[0], "channel.send(new Uint8Array(128000).fill(7)); channel.send(new Uint8Array(0));")
        pages[1].sees(origins[1], "long and empty data", "heard.some((data) => data.length === 255999) && heard.includes('')")
        for bad in ("webxdc.joinRealtimeChannel()", "channel.send('text')", "channel.send(new Uint8Array(128001))"):
            pages[0].runs(origins[0], f"try {{ {bad}; }} catch {{ return; }} throw new Error('it was taken');")
        pages[0].runs(origins[0], "channel.leave();")
        for bad in ("channel.leave()", "channel.send(new Uint8Array(1))", "channel.setListener(null)"):
            pages[0].runs(origins[0], f"try {{ {bad}; }} catch {{ return; }} throw new Error('it was taken');")
        pages[0].runs(origins[0], JOINS)
        self.reaches(other, one, "7,8")
        for page in pages:
            page.close()

    def test_the_interface_is_complete(self):
        page, url, _ = self.probe("interface")
        origin = app_origin(url)
        members = page.runs(origin, "return Object.keys(webxdc).sort();")
        self.assertEqual(members, sorted([
            "selfAddr", "selfName", "isAppSender", "isBroadcast", "sendUpdateInterval", "sendUpdateMaxSize", "sendUpdate",
            "setUpdateListener", "getAllUpdates", "joinRealtimeChannel", "sendToChat", "importFiles"]))
        known = page.runs(origin, "return JSON.parse(JSON.stringify(webxdc));")
        self.assertEqual((known["selfName"], known["isAppSender"], known["isBroadcast"]), ("Alice", True, False))
        self.assertRegex(known["selfAddr"], "^[0-9a-f]{64}$")
        self.assertEqual((known["sendUpdateInterval"], known["sendUpdateMaxSize"]), (1000, 22806528))
        self.assertEqual(page.runs(origin, "return (await fetch('sub/a%20b.txt?x=1')).text();"), "in a folder")
        self.assertEqual(page.runs(origin, "return (await fetch('missing')).status;"), 404)
        for bad in ("undefined", "{}", "null", "{ payload: undefined }"):
            page.runs(origin, f"try {{ webxdc.sendUpdate({bad}); }} catch {{ return; }} throw new Error('it was taken');")
        page.close()

    def test_a_listener_gets_each_update_once_and_in_order(self):
        page, url, _ = self.probe("listener")
        origin = app_origin(url)
        page.runs(origin, """
            for (let at = 0; at < 30; at++) webxdc.sendUpdate({ payload: at });
            window.found = [];
            await webxdc.setUpdateListener((update) => found.push(update.payload));""")
        page.sees(origin, "all of them", "window.found.length === 30")
        self.assertEqual(page.runs(origin, "return window.found;"), list(range(30)))
        later = page.runs(origin, """
            window.later = [];
            let known;
            await webxdc.setUpdateListener((update) => { known ??= update.serial; });
            await webxdc.setUpdateListener((update) => later.push(update.payload), known + 9);
            return later;""")
        self.assertEqual(later, list(range(10, 30)))
        page.close()

    def test_what_an_app_gives_goes_into_a_chat_that_a_person_picked(self):
        page, url, _ = self.probe("to a chat")
        origin, around = app_origin(url), page_origin(url)
        page.runs(origin, """
            window.sent = 'waits';
            webxdc.sendToChat({ text: 'some text', file: { name: 'a.txt', plainText: 'content' } })
              .then(() => { window.sent = 'yes'; }, (error) => { window.sent = error.message; });""")
        page.sees(around, "the question", "document.getElementById('chat').open")
        self.assertEqual(page.runs(around, "return document.getElementById('chat-what').textContent;"), "a.txt (7 bytes)\nsome text")
        self.assertIsNone(self.stage.call("get_draft", self.alice, self.ours), "nothing happens before a person says so")
        page.runs(around, f"""
            document.getElementById('chat-list').value = '{self.ours}';
            document.getElementById('chat-yes').click();""")
        page.sees(origin, "the answer", "window.sent === 'yes'")
        draft = self.stage.call("get_draft", self.alice, self.ours)
        self.assertEqual((draft["text"], draft["fileName"]), ("some text", "a.txt"))
        self.stage.call("remove_draft", self.alice, self.ours)
        page.runs(origin, "webxdc.sendToChat({ text: 'again' }).catch((error) => { window.sent = error.message; });")
        page.sees(around, "the question", "document.getElementById('chat').open")
        page.runs(around, "document.getElementById('chat-no').click();")
        page.sees(origin, "the refusal", "window.sent === 'the user did not want to'")
        self.assertIsNone(self.stage.call("get_draft", self.alice, self.ours))
        page.close()

    def test_a_link_out_is_shown_whole_and_asked_for(self):
        trap = Trap()
        page, url, _ = self.probe("link out")
        origin, around = app_origin(url), page_origin(url)
        target = f"http://127.0.0.1:{trap.port}/out?" + "long=" + "x" * 500
        click = f"""
            const link = document.createElement('a');
            link.href = {json.dumps(target)};
            document.body.append(link);
            link.click();"""
        page.runs(origin, click)
        page.sees(around, "the question", "document.getElementById('link').open")
        self.assertEqual(page.runs(around, "return document.getElementById('link-url').textContent;"), target)
        page.runs(around, "document.getElementById('link-no').click();")
        page.sees(around, "the end of it", "!document.getElementById('link').open")
        self.assertEqual(trap.hits, [])
        page.runs(origin, click)
        page.sees(around, "the question", "document.getElementById('link').open")
        page.runs(around, "document.getElementById('link-yes').click();")
        eventually("the link is opened", lambda: any(hit.startswith("/out") for hit in trap.hits))
        page.sees(origin, "the app is still there", "document.title === 'Probe'")
        page.runs(origin, "const link = document.createElement('a'); link.href = 'javascript:parent.x=1'; link.click();")
        page.runs(origin, "window.top.postMessage({ webxdc: { id: 99, link: 'javascript:alert(1)' } }, '*');")
        self.assertFalse(page.runs(around, "return document.getElementById('link').open;"))
        page.close()

    def test_a_place_inside_the_app_is_opened_and_no_other(self):
        page, url, message = self.probe("places")
        page.close()
        places = {
            "other.html%3Fa%3D1%23b": "/other.html?a=1#b", "%23here": "/index.html#here", "": "/index.html",
            "https%3A%2F%2Fevil.test%2F": "/index.html", "%2F%2Fevil.test%2F": "/index.html",
            "javascript%3Aalert(1)": "/index.html", "__webxdc__%2Fupdates": "/index.html",
        }
        for href, expected in places.items():
            opened = self.stage.opens(self.alice, message, href)
            page = self.browser.open(opened)
            page.sees(app_origin(opened), f"{href} leads to {expected}", f"location.href === location.origin + {json.dumps(expected)}")
            page.close()

    # What ends

    def test_an_app_ends_with_its_message(self):
        page, url, message = self.probe("deleted")
        self.stage.call("delete_messages", self.alice, [message])
        page.sees(page_origin(url), "the end", "!document.getElementById('notice').hidden && !document.querySelector('iframe')")
        for address in (url, app_origin(url) + "/index.html", app_origin(url) + "/__webxdc__/updates?after=0"):
            self.assertEqual(ask(address, sec_fetch_dest="iframe", sec_fetch_site="same-origin")[0], 410, address)
        status, _ = self.stage.asks_list(f"/open?profile={self.alice}&message={message}", "POST")
        self.assertEqual(status, 400)
        page.close()

    def test_an_app_ends_with_its_chat_and_its_profile(self):
        carol = self.stage.profile("Carol")
        urls = []
        for _ in range(2):
            chat = self.stage.call("create_group_chat", carol, "Group", False)
            urls.append(self.stage.opens(carol, self.stage.sends(carol, chat, packed(PROBE), "ends")))
        pages = [self.probe_in(self.browser, url) for url in urls]
        self.stage.call("delete_chat", carol, chat)
        pages[1].sees(page_origin(urls[1]), "the end", "!document.querySelector('iframe')")
        self.assertEqual((ask(urls[0])[0], ask(urls[1])[0]), (200, 410))
        self.stage.call("remove_account", carol)
        pages[0].sees(page_origin(urls[0]), "the end", "!document.querySelector('iframe')")
        self.assertEqual(ask(urls[0])[0], 410)
        for page in pages:
            page.close()

    def test_an_app_ends_when_it_is_closed_and_finds_its_storage_again(self):
        page, url, message = self.probe("closed")
        page.runs(app_origin(url), "localStorage.setItem('kept', 'yes');")
        self.assertEqual(self.stage.asks_list(f"/close?profile={self.alice}&message={message}", "POST")[0], 204)
        page.sees(page_origin(url), "the end", "!document.querySelector('iframe')")
        self.assertEqual(ask(url)[0], 410)
        page.close()
        again = self.browser.open(self.stage.opens(self.alice, message))
        again.sees(app_origin(url), "its storage", "localStorage.getItem('kept') === 'yes'")
        again.close()

    # What must not work

    def test_no_way_out_reaches_anything(self):
        trap = Trap()
        constants = f"const TRAP = 'http://127.0.0.1:{trap.port}', UDP = {trap.udp_port}, APP = 'webxdc' in window;"

        def settles(page) -> None:
            if escape.name == "manifest":
                page.browser.call("Page.getAppManifest", {}, page.session)
        url = self.stage.opens(self.alice, self.stage.sends(self.alice, self.ours, packed(PROBE), "ways out"))
        for kind, browser in (("plain", self.browser), ("without network", self.locked)):
            page, windows = self.probe_in(browser, url), len(browser.windows())
            for escape in ESCAPES:
                if escape.by_browser and browser is self.browser:
                    continue
                with self.subTest(f"{escape.name} in a {kind} browser"):
                    trap.hits.clear()
                    page.runs(app_origin(url), constants + escape.script)
                    settles(page)
                    self.assertEqual(trap.requests(browser is self.locked), [])
            self.assertEqual(len(browser.windows()), windows, "no window was opened")
            page.close()
        free, origin = self.free_page(trap)
        for escape in ESCAPES:
            with self.subTest(f"{escape.name} in the open"):
                trap.hits.clear()
                free.runs(origin, constants + escape.script)
                settles(free)
                eventually("it gets out", lambda: escape.free in trap.hits, 10)
        free.close()

    def test_no_navigation_leaves_the_app(self):
        trap = Trap()
        constants = f"const TRAP = 'http://127.0.0.1:{trap.port}';"
        url = self.stage.opens(self.alice, self.stage.sends(self.alice, self.ours, packed(PROBE), "navigations"))
        for escape in NAVIGATIONS:
            for kind, browser in (("plain", self.browser), ("without network", self.locked)):
                with self.subTest(f"{escape.name} in a {kind} browser"):
                    page = self.probe_in(browser, url)
                    trap.hits.clear()
                    tries(page, app_origin(url), constants + escape.script)
                    self.assertEqual(trap.requests(browser is self.locked), [])
                    self.assertTrue(page.runs(page_origin(url), "return document.getElementById('stage') !== null;"))
                    page.close()
            with self.subTest(f"{escape.name} in the open"):
                free, origin = self.free_page(trap)
                trap.hits.clear()
                tries(free, origin, constants + escape.script)
                eventually("it gets out", lambda: escape.free in trap.hits, 10)
                free.close()

    def test_no_service_worker_outlives_the_app(self):
        page, url, _ = self.probe("service worker")
        refused = page.runs(app_origin(url), """
            try { await navigator.serviceWorker.register('/worker.js'); } catch (error) { return String(error); }""")
        self.assertTrue(refused, "a service worker was registered")
        page.close()

    def test_apps_and_profiles_share_nothing(self):
        mine, yours = self.shared_app(packed(PROBE), "shared by two")
        another = self.stage.sends(self.alice, self.ours, packed(PROBE), "another one")
        urls = [self.stage.opens(self.alice, mine), self.stage.opens(self.bob, yours), self.stage.opens(self.alice, another)]
        self.assertEqual(len({app_origin(url) for url in urls}), 3)
        pages = [self.browser.open(url) for url in urls]
        for at, (page, url) in enumerate(zip(pages, urls)):
            page.sees(app_origin(url), "the probe runs", "typeof window.webxdc === 'object'")
            page.runs(app_origin(url), f"""
                localStorage.setItem('of', '{at}'); sessionStorage.setItem('of', '{at}'); document.cookie = 'of={at}';
                await (await caches.open('of')).put('/x', new Response('{at}'));
                await new Promise((resolve) => {{ indexedDB.open('of{at}').onsuccess = resolve; }});""")
        for at, (page, url) in enumerate(zip(pages, urls)):
            found = page.runs(app_origin(url), """
                return [localStorage.of, sessionStorage.of, document.cookie, await (await caches.match('/x')).text(),
                        (await indexedDB.databases()).map((found) => found.name).join()];""")
            self.assertEqual(found, [str(at), str(at), f"of={at}", str(at), f"of{at}"])
        page, (own, *others) = pages[0], map(app_origin, urls)
        for other in others + [page_origin(urls[0]), page_origin(urls[1]), page_origin(self.stage.list_url)]:
            with self.subTest(other):
                reached = page.runs(own, f"""
                    const other = {json.dumps(other)}, reached = [];
                    for (const path of ['/index.html', '/apps', '/about', '/chats', '/__webxdc__/updates?after=0']) {{
                      try {{ await fetch(other + path); reached.push(path); }} catch {{}}
                      try {{ await fetch(other + path, {{ mode: 'no-cors' }}); reached.push('no-cors ' + path); }} catch {{}}
                    }}
                    const frame = document.createElement('iframe');
                    frame.src = other + '/index.html';
                    document.body.append(frame);
                    await new Promise((resolve) => {{ frame.onload = resolve; setTimeout(resolve, 1500); }});
                    try {{ frame.contentWindow.document.title && reached.push('its frame'); }} catch {{}}
                    return reached;""")
                self.assertEqual(reached, [])
        for expression in ("parent.document", "top.document", "top.localStorage", "top.find", "frameElement.id"):
            page.runs(own, f"try {{ if ({expression} === null) return; {expression}; }} catch {{ return; }} throw new Error('reached');")
        channel = pages[1].runs(app_origin(urls[1]), "window.heard = 0; new BroadcastChannel('x').onmessage = () => heard++; return 1;")
        page.runs(own, "new BroadcastChannel('x').postMessage('x');")
        self.assertEqual((channel, pages[1].runs(app_origin(urls[1]), "return window.heard;")), (1, 0))
        for page in pages:
            page.close()

    def test_the_host_answers_an_app_nothing_that_is_not_its_own(self):
        page, url, message = self.probe("the host")
        origin = app_origin(url)
        reached = page.runs(origin, """
            const found = [];
            for (const path of ['/about', '/chats', '/draft', '/apps', '/open', '/icon', '/..%2f..%2fvolary.redb', '/%2e%2e/apps.secret'])
              if ((await fetch(path)).status !== 404) found.push(path);
            for (const path of ['/about', '/draft?chat=10', '/close', '/open'])
              if ((await fetch(path, { method: 'POST', body: 'x' })).status !== 405) found.push('POST ' + path);
            return found;""")
        self.assertEqual(reached, [])
        page.close()
        fields = {"sec_fetch_site": "same-origin", "sec_fetch_dest": "empty"}
        # Whoever is not the app itself gets nothing of it, even with its address.
        self.assertEqual(ask(origin + "/index.html", sec_fetch_dest="document", sec_fetch_site="none")[0], 403)
        self.assertEqual(ask(origin + "/index.html")[0], 403)
        self.assertEqual(ask(origin + "/index.html", sec_fetch_dest="image", sec_fetch_site="cross-site")[0], 403)
        self.assertEqual(ask(origin + "/__webxdc__/update", "POST", sec_fetch_site="cross-site", origin="http://evil.test")[0], 403)
        self.assertEqual(ask(origin + "/__webxdc__/update", "POST", **fields, origin=page_origin(url))[0], 403)
        self.assertEqual(ask(page_origin(url) + "/chats", sec_fetch_site="same-site", origin=origin)[0], 403)
        self.assertEqual(ask(page_origin(url) + "/draft?chat=10", "POST", **fields, origin=origin)[0], 403)
        self.assertEqual(self.stage.asks_list("/open?profile=1&message=10", "POST", origin=origin, sec_fetch_site="cross-site")[0], 403)
        # A name of somebody else's that leads to this machine is no name of ours.
        port = origin.rsplit(":")[-1]
        for host in ("localhost", "127.0.0.1", "evil.test", "app.evil.test"):
            self.assertEqual(ask(f"http://{host}:{port}/", sec_fetch_dest="iframe")[0], 404)

    def test_a_window_without_network_looks_up_no_name(self):
        """Names are looked up ahead of need whatever a page's policy says: those who show apps switch that off."""
        trap = Trap()
        message = self.stage.sends(self.alice, self.ours, packed(PROBE), "no names")
        url = self.stage.opens(self.alice, message)
        script = f"""
            for (const rel of ['dns-prefetch', 'preconnect']) {{
              const link = document.createElement('link');
              link.rel = rel; link.href = 'http://' + rel + '.secret.test/';
              document.head.append(link);
            }}
            const link = document.createElement('link');
            link.rel = 'preconnect'; link.href = 'http://127.0.0.1:{trap.port}/';
            document.head.append(link);
            await new Promise((resolve) => setTimeout(resolve, 1500));"""
        browser = Chromium(*NO_NETWORK)
        try:
            page = browser.open(url)
            page.sees(app_origin(url), "the probe runs", "typeof window.webxdc === 'object'")
            page.runs(app_origin(url), script)
        finally:
            browser.end()
        self.assertEqual(trap.hits, [])
        looked = browser.names_looked_up()
        self.assertIn("localhost", looked, "the log of the browser is read")
        self.assertNotIn("secret.test", looked)


if __name__ == "__main__":
    unittest.main(verbosity=2)
