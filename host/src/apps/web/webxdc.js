// window.webxdc, as the public webxdc specification describes it. The first line of the file that apps get defines what
// is known at once; everything else is asked of the origin of the app itself, or of the page around it.
"use strict";
(() => {
  const known = window.__webxdc;
  delete window.__webxdc;
  const ask = "/__webxdc__/";
  const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  // A browser has few connections for the windows of one app. What takes one for long is done by one of the windows for
  // all of them: by whoever holds the lock, and by the next one when that window is gone.
  const windows = navigator.locks ? new BroadcastChannel("__webxdc__") : null;
  const heard = { changed: () => {}, frame: () => {} };
  if (windows) windows.onmessage = ({ data: [kind, value] }) => heard[kind](value);

  function tell(kind, value) {
    if (windows) windows.postMessage([kind, value]);
    heard[kind](value);
  }

  async function lead(what, work, signal) {
    if (!windows) return work();
    return navigator.locks.request(`__webxdc__ ${what}`, { signal }, work);
  }

  // The app has ended: nothing is answered any more.
  let over = false;

  async function get(path, signal) {
    const answer = await fetch(ask + path, { cache: "no-store", signal });
    if (answer.ok) return answer;
    over ||= answer.status === 410;
    throw new Error(await answer.text());
  }

  // Tries again and again, after longer and longer pauses, until the app has ended.
  async function again(goesOn, work) {
    for (let pause = 250; goesOn(); ) {
      try {
        await work();
        pause = 250;
      } catch {
        if (over || !goesOn()) return;
        await later(pause);
        pause = Math.min(pause * 2, 10_000);
      }
    }
  }

  // Updates: one listener, which gets each update once, in the order of their numbers.
  let listening = 0;
  let following = false;

  function deliver(mine, found, listener, serial) {
    for (const update of found) {
      if (mine !== listening) return serial;
      serial = update.serial;
      try {
        listener(update);
      } catch (error) {
        console.error("webxdc: the update listener failed", error);
      }
    }
    return serial;
  }

  function follow() {
    if (following) return;
    following = true;
    let version = "";
    lead("updates", () => again(() => true, async () => {
      const now = await (await get(`changes?version=${version}`)).json();
      if (now === version) return;
      version = now;
      tell("changed");
    }));
  }

  async function setUpdateListener(listener, serial = 0) {
    const mine = ++listening;
    const fetched = async () => {
      const found = await (await get(`updates?after=${serial}`)).json();
      serial = deliver(mine, found, listener, serial);
    };
    let changed = false;
    let busy = true;
    // At most one request at a time: no update comes twice.
    const look = async () => {
      if (busy) return;
      busy = true;
      await again(() => changed && mine === listening, async () => {
        changed = false;
        await fetched().catch((error) => {
          changed = true;
          throw error;
        });
      });
      busy = false;
      // Something may have come between the last look and this line.
      if (changed && mine === listening && !over) look();
    };
    heard.changed = () => {
      changed = true;
      look();
    };
    follow();
    try {
      await fetched();
    } finally {
      busy = false;
    }
    look();
  }

  function sendUpdate(update, _description) {
    if (!update || typeof update !== "object" || update.payload === undefined) {
      throw new TypeError("sendUpdate: an update has a payload");
    }
    const text = JSON.stringify(update);
    if (new TextEncoder().encode(text).length > known.sendUpdateMaxSize) {
      throw new RangeError(`sendUpdate: an update has at most ${known.sendUpdateMaxSize} bytes`);
    }
    sending = sending.then(async () => {
      const answer = await fetch(`${ask}update`, { method: "POST", body: text });
      if (!answer.ok) console.error(`webxdc: the update was not sent: ${await answer.text()}`);
    }).catch((error) => console.error("webxdc: the update was not sent", error));
  }
  // One after the other: the order in which an app sends is kept.
  let sending = Promise.resolve();

  // The realtime channel: the app is in it while a window reads what comes.
  const maxFrame = 128_000;
  const maxWaiting = 256;
  let channel = null;
  heard.frame = (data) => {
    try {
      if (channel && channel.listener) channel.listener(data.slice());
    } catch (error) {
      console.error("webxdc: the realtime listener failed", error);
    }
  };

  function joinRealtimeChannel() {
    if (channel) throw new Error("joinRealtimeChannel: the app is in the channel");
    const mine = { listener: null, end: new AbortController(), waiting: 0 };
    channel = mine;
    const isIn = () => channel === mine;
    // It is read until the app leaves, whatever becomes of the connection.
    lead("realtime", () => again(isIn, async () => {
      const { body } = await get("realtime", mine.end.signal);
      await receive(isIn, body.getReader());
      await later(250);
    }), mine.end.signal).catch(() => {});
    // One after the other.
    let sending = Promise.resolve();
    const check = (what) => {
      if (!isIn()) throw new Error(`${what}: the app has left the channel`);
    };
    return {
      setListener(listener) {
        check("setListener");
        mine.listener = listener;
      },
      send(data) {
        check("send");
        if (!(data instanceof Uint8Array)) throw new TypeError("send: this is no Uint8Array");
        if (data.length > maxFrame) throw new RangeError(`send: at most ${maxFrame} bytes`);
        if (mine.waiting >= maxWaiting) return console.error("webxdc: data was not sent: too much waits");
        const body = data.slice();
        mine.waiting += 1;
        sending = sending.then(() => sendFrame(isIn, body)).catch((error) => {
          if (isIn()) console.error("webxdc: data was not sent", error);
        }).finally(() => { mine.waiting -= 1; });
      },
      leave() {
        check("leave");
        channel = null;
        mine.end.abort();
      },
    };
  }

  async function sendFrame(isIn, body) {
    for (let pause = 50; isIn(); pause = Math.min(pause * 2, 2_000)) {
      const answer = await fetch(`${ask}realtime`, { method: "POST", body });
      if (answer.ok) return;
      // The request that joins may be on its way.
      if (answer.status !== 409) throw new Error(await answer.text());
      await later(pause);
    }
  }

  async function receive(isIn, reader) {
    let held = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !isIn()) return;
      const joined = new Uint8Array(held.length + value.length);
      joined.set(held);
      joined.set(value, held.length);
      held = joined;
      while (held.length >= 4) {
        const length = new DataView(held.buffer, held.byteOffset).getUint32(0);
        if (held.length < 4 + length) break;
        const data = held.slice(4, 4 + length);
        held = held.slice(4 + length);
        tell("frame", data);
      }
    }
  }

  // What the page around the app does for it.
  const waiting = new Map();
  let asked = 0;

  function request(what) {
    const id = ++asked;
    const answered = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    window.top.postMessage({ webxdc: { ...what, id } }, known.page);
    return answered;
  }

  window.addEventListener("message", (event) => {
    if (event.origin !== known.page || !event.data || !event.data.webxdc) return;
    event.stopImmediatePropagation();
    const { id, error } = event.data.webxdc;
    const waits = waiting.get(id);
    waiting.delete(id);
    if (!waits) return;
    if (error) waits.reject(new Error(error));
    else waits.resolve();
  });

  async function contentOf(file) {
    const kinds = ["blob", "base64", "plainText"].filter((kind) => file[kind] !== undefined && file[kind] !== null);
    if (kinds.length !== 1) throw new TypeError("sendToChat: a file has one of blob, base64 and plainText");
    if (typeof file.name !== "string" || !file.name) throw new TypeError("sendToChat: a file has a name");
    if (kinds[0] === "blob") {
      if (!(file.blob instanceof Blob)) throw new TypeError("sendToChat: this is no Blob");
      return new Blob([file.blob]);
    }
    if (kinds[0] === "plainText") return new Blob([String(file.plainText)]);
    let bytes;
    try {
      bytes = atob(file.base64);
    } catch {
      throw new TypeError("sendToChat: this is no base64");
    }
    return new Blob([Uint8Array.from(bytes, (character) => character.charCodeAt(0))]);
  }

  async function sendToChat(content) {
    if (!content || (!content.file && !content.text)) throw new TypeError("sendToChat: neither file nor text");
    const text = content.text ? String(content.text) : undefined;
    const file = content.file ? { name: content.file.name, blob: await contentOf(content.file) } : undefined;
    return request({ chat: { text, file } });
  }

  function importFiles(filter = {}) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = Boolean(filter.multiple);
    input.accept = [...(filter.extensions || []), ...(filter.mimeTypes || [])].join(",");
    return new Promise((resolve) => {
      input.addEventListener("change", () => resolve([...input.files]));
      input.addEventListener("cancel", () => resolve([]));
      input.click();
    });
  }

  // Links out of the app: the page around it shows them and asks.
  function linkOf(event) {
    const link = event.composedPath().find((node) => node instanceof Element && node.matches("a[href], area[href]"));
    if (!link) return null;
    const url = new URL(link.href.baseVal ?? link.href, location.href);
    return url.origin !== location.origin && ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  }
  for (const kind of ["click", "auxclick"]) {
    window.addEventListener(kind, (event) => {
      const url = linkOf(event);
      if (!url) return;
      event.preventDefault();
      request({ link: url }).catch(() => {});
    }, true);
  }

  window.webxdc = {
    selfAddr: known.selfAddr,
    selfName: known.selfName,
    isAppSender: known.isAppSender,
    isBroadcast: known.isBroadcast,
    sendUpdateInterval: known.sendUpdateInterval,
    sendUpdateMaxSize: known.sendUpdateMaxSize,
    sendUpdate,
    setUpdateListener,
    joinRealtimeChannel,
    getAllUpdates: () => Promise.resolve([]),
    sendToChat,
    importFiles,
  };
})();
