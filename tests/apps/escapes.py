"""Ways out of the sandbox. Each is a script that tries to reach `TRAP`, and settles when the browser has made up its mind.

`free` tells what the trap sees of it when a page without a sandbox tries the same: without that, a failure proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

WAIT = "await new Promise((resolve) => setTimeout(resolve, 700));"


@dataclass(frozen=True)
class Escape:
    name: str
    script: str
    free: str = ""
    # A page cannot forbid it: the browser has to, with the options of docs/apps.md.
    by_browser: bool = False


def element(tag: str, **properties: str) -> str:
    """An element that loads something; settles when it has, or has not."""
    sets = "".join(f"node.{name} = {value};" for name, value in properties.items())
    return f"""
        const node = document.createElement({tag!r});
        const over = new Promise((resolve) => {{ node.onload = node.onerror = resolve; setTimeout(resolve, 1500); }});
        {sets}
        document.body.append(node);
        await over;
    """


ESCAPES = [
    Escape("fetch", "await fetch(TRAP + '/fetch').catch(() => 0);", "/fetch"),
    Escape("fetch-no-cors", "await fetch(TRAP + '/no-cors', { mode: 'no-cors', method: 'POST', body: 'x' }).catch(() => 0);", "/no-cors"),
    Escape("xhr", """
        await new Promise((resolve) => {
          const request = new XMLHttpRequest();
          request.onloadend = resolve;
          request.open('GET', TRAP + '/xhr');
          request.send();
        });""", "/xhr"),
    Escape("websocket", """
        await new Promise((resolve) => {
          try {
            const socket = new WebSocket(TRAP.replace('http', 'ws') + '/websocket');
            socket.onclose = socket.onerror = resolve;
          } catch { resolve(); }
          setTimeout(resolve, 1500);
        });""", "/websocket"),
    Escape("eventsource", """
        await new Promise((resolve) => {
          const source = new EventSource(TRAP + '/eventsource');
          source.onerror = () => { source.close(); resolve(); };
        });""", "/eventsource"),
    Escape("beacon", "try { navigator.sendBeacon(TRAP + '/beacon', 'x'); } catch {}" + WAIT, "/beacon"),
    Escape("webrtc", """
        try {
          var connection = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:' + UDP }] });
          connection.createDataChannel('x');
          await connection.setLocalDescription(await connection.createOffer());
          await new Promise((resolve) => {
            connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
            setTimeout(resolve, 3000);
          });
        } catch {}
        if (connection) connection.close();""", "datagram", by_browser=True),
    Escape("webtransport", """
        try { await new WebTransport('https://127.0.0.1:' + UDP + '/x').ready; } catch {}""", "datagram"),
    Escape("image", element("img", src="TRAP + '/image'"), "/image"),
    Escape("style", element("link", rel="'stylesheet'", href="TRAP + '/style'"), "/style"),
    Escape("css-import", """
        const style = document.createElement('style');
        style.textContent = `@import url(${TRAP}/css-import);`;
        document.head.append(style);""" + WAIT, "/css-import"),
    Escape("css-image", "document.body.style.backgroundImage = `url(${TRAP}/css-image)`;" + WAIT, "/css-image"),
    Escape("font", "await new FontFace('x', `url(${TRAP}/font)`).load().catch(() => 0);", "/font"),
    Escape("script", element("script", src="TRAP + '/script'"), "/script"),
    Escape("import", "await import(TRAP + '/import').catch(() => 0);", "/import"),
    Escape("audio", element("audio", preload="'auto'", src="TRAP + '/audio'"), "/audio"),
    Escape("video-poster", element("video", poster="TRAP + '/poster'"), "/poster"),
    Escape("object", element("object", data="TRAP + '/object'"), "/object"),
    Escape("embed", element("embed", src="TRAP + '/embed'"), "/embed"),
    Escape("iframe", element("iframe", src="TRAP + '/iframe'"), "/iframe"),
    Escape("iframe-srcdoc", element("iframe", srcdoc="`<img src=\"${TRAP}/srcdoc\">`"), "/srcdoc"),
    Escape("iframe-data", element("iframe", src="'data:text/html,' + encodeURIComponent(`<img src=\"${TRAP}/data\">`)"), "/data"),
    Escape("iframe-blank", """
        const frame = document.createElement('iframe');
        document.body.append(frame);
        await frame.contentWindow.fetch(TRAP + '/blank').catch(() => 0);""", "/blank"),
    Escape("worker", """
        const code = `fetch('${TRAP}/worker').catch(() => 0).then(() => postMessage(0))`;
        await new Promise((resolve) => {
          const worker = new Worker(URL.createObjectURL(new Blob([code])));
          worker.onmessage = worker.onerror = resolve;
        });""", "/worker"),
    # In a worker from a file of the app: its policy comes with the file.
    Escape("shared-worker", """
        const worker = new SharedWorker(APP ? '/shared.js' : URL.createObjectURL(new Blob([
          'onconnect = ({ ports: [port] }) => port.onmessage = ({ data }) => fetch(data).catch(() => 0).then(() => port.postMessage(0));'])));
        const over = new Promise((resolve) => { worker.port.onmessage = worker.onerror = resolve; setTimeout(resolve, 1500); });
        worker.port.postMessage(TRAP + '/shared-worker');
        await over;""", "/shared-worker"),
    Escape("shared-worker-blob", """
        const worker = new SharedWorker(URL.createObjectURL(new Blob([
          `onconnect = ({ ports: [port] }) => fetch('${TRAP}/shared-blob').catch(() => 0).then(() => port.postMessage(0));`])));
        await new Promise((resolve) => { worker.port.onmessage = worker.onerror = resolve; setTimeout(resolve, 1500); });""", "/shared-blob"),
    Escape("ping", """
        const link = document.createElement('a');
        link.href = '#ping'; link.ping = TRAP + '/ping';
        document.body.append(link); link.click();""" + WAIT, "/ping"),
    Escape("prefetch", element("link", rel="'prefetch'", href="TRAP + '/prefetch'"), "/prefetch"),
    Escape("preload", element("link", rel="'preload'", **{"as": "'image'"}, href="TRAP + '/preload'"), "/preload"),
    Escape("modulepreload", element("link", rel="'modulepreload'", href="TRAP + '/modulepreload'"), "/modulepreload"),
    Escape("preconnect", element("link", rel="'preconnect'", href="TRAP"), "connection", by_browser=True),
    Escape("speculation", """
        const rules = document.createElement('script');
        rules.type = 'speculationrules';
        rules.textContent = JSON.stringify({ prefetch: [{ urls: [TRAP + '/speculation'], eagerness: 'immediate' }] });
        document.head.append(rules);""" + WAIT, "/speculation"),
    # Fetched when the browser asks itself what could be installed: the test asks it.
    Escape("manifest", """
        const link = document.createElement('link');
        link.rel = 'manifest'; link.href = TRAP + '/manifest';
        document.head.append(link);""" + WAIT, "/manifest"),
    Escape("icon", """
        const link = document.createElement('link');
        link.rel = 'icon'; link.href = TRAP + '/icon';
        document.head.append(link);""" + WAIT, "/icon"),
    Escape("form-frame", """
        const frame = document.createElement('iframe');
        frame.name = 'target';
        const form = document.createElement('form');
        form.action = TRAP + '/form'; form.method = 'post'; form.target = 'target';
        document.body.append(frame, form);
        form.submit();""" + WAIT, "/form"),
    Escape("open", "try { window.open(TRAP + '/open'); } catch {}" + WAIT, "/open"),
    Escape("open-noopener", "try { window.open(TRAP + '/noopener', '_blank', 'noopener'); } catch {}" + WAIT, "/noopener"),
    Escape("open-blank", """
        const opened = window.open('about:blank');
        if (opened) {
          const image = opened.document.createElement('img');
          image.src = TRAP + '/opened';
          opened.document.body.append(image);
        }""" + WAIT, "/opened"),
    Escape("link-blank", """
        const link = document.createElement('a');
        link.href = TRAP + '/blank-link'; link.target = '_blank';
        const path = new MouseEvent('click', { cancelable: true });
        document.body.append(link); link.dispatchEvent(path);""" + WAIT, "/blank-link"),
]

# Those that leave the page if they succeed: each gets a window of its own.
NAVIGATIONS = [
    Escape("location", "location.href = TRAP + '/location';" + WAIT, "/location"),
    Escape("replace", "location.replace(TRAP + '/replace');" + WAIT, "/replace"),
    Escape("top", "try { top.location.href = TRAP + '/top'; } catch {}" + WAIT, "/top"),
    Escape("parent", "try { parent.location.replace(TRAP + '/parent'); } catch {}" + WAIT, "/parent"),
    Escape("refresh", """
        const meta = document.createElement('meta');
        meta.httpEquiv = 'refresh'; meta.content = '0;url=' + TRAP + '/refresh';
        document.head.append(meta);""" + WAIT, "/refresh"),
    Escape("form", """
        const form = document.createElement('form');
        form.action = TRAP + '/form-self';
        document.body.append(form);
        form.submit();""" + WAIT, "/form-self?"),
    Escape("form-top", """
        const form = document.createElement('form');
        form.action = TRAP + '/form-top'; form.target = '_top';
        document.body.append(form);
        form.submit();""" + WAIT, "/form-top?"),
    Escape("link", """
        const link = document.createElement('a');
        link.href = TRAP + '/link';
        link.dispatchEvent(new MouseEvent('click'));""" + WAIT, "/link"),
    Escape("download", """
        const link = document.createElement('a');
        link.href = TRAP + '/download'; link.download = 'x';
        link.dispatchEvent(new MouseEvent('click'));""" + WAIT, "/download"),
    Escape("base", """
        const base = document.createElement('base');
        base.href = TRAP + '/';
        document.head.prepend(base);
        const link = document.createElement('a');
        link.setAttribute('href', 'base');
        link.dispatchEvent(new MouseEvent('click'));""" + WAIT, "/base"),
]
