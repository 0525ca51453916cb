// window.webxdc, as the public webxdc specification describes it. The first line of the file that apps get defines what
// is known at once; everything else is asked of the origin of the app itself, or of the page around it.
"use strict";
(() => {
  const known = window.__webxdc;
  delete window.__webxdc;
  const ask = "/__webxdc__/";
  const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  // Updates: one listener, which gets each update once, in the order of their numbers.
  let listening = 0;

  async function updates(after, wait) {
    const answer = await fetch(`${ask}updates?after=${after}${wait ? "&wait=1" : ""}`, { cache: "no-store" });
    if (!answer.ok) {
      const error = new Error(await answer.text());
      error.ended = answer.status === 410;
      throw error;
    }
    return answer.json();
  }

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

  async function follow(mine, listener, serial) {
    for (let pause = 250; mine === listening; ) {
      try {
        serial = deliver(mine, await updates(serial, true), listener, serial);
        pause = 250;
      } catch (error) {
        if (error.ended) return;
        await later(pause);
        pause = Math.min(pause * 2, 10_000);
      }
    }
  }

  async function setUpdateListener(listener, serial = 0) {
    const mine = ++listening;
    const reached = deliver(mine, await updates(serial, false), listener, serial);
    follow(mine, listener, reached);
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

  // The realtime channel: the app is in it while it reads what comes.
  const maxFrame = 128_000;
  let channel = null;

  function joinRealtimeChannel() {
    if (channel) throw new Error("joinRealtimeChannel: the app is in the channel");
    const mine = { listener: null, end: new AbortController() };
    channel = mine;
    const answered = fetch(`${ask}realtime`, { signal: mine.end.signal, cache: "no-store" }).then(async (answer) => {
      if (!answer.ok) throw new Error(await answer.text());
      return answer.body;
    });
    const ended = (error) => {
      if (channel === mine) console.error("webxdc: the realtime channel has ended", error);
    };
    answered.then((body) => receive(mine, body.getReader())).catch(ended);
    // One after the other, and none before the channel is there.
    let sending = answered;
    const check = (what) => {
      if (channel !== mine) throw new Error(`${what}: the app has left the channel`);
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
        const body = data.slice();
        sending = sending.then(async () => {
          if (channel !== mine) return;
          const answer = await fetch(`${ask}realtime`, { method: "POST", body });
          if (!answer.ok) console.error(`webxdc: data was not sent: ${await answer.text()}`);
        }).catch((error) => {
          if (channel === mine) console.error("webxdc: data was not sent", error);
        });
      },
      leave() {
        check("leave");
        channel = null;
        mine.end.abort();
      },
    };
  }

  async function receive(mine, reader) {
    let held = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || mine !== channel) return;
      const joined = new Uint8Array(held.length + value.length);
      joined.set(held);
      joined.set(value, held.length);
      held = joined;
      while (held.length >= 4) {
        const length = new DataView(held.buffer, held.byteOffset).getUint32(0);
        if (held.length < 4 + length) break;
        const data = held.slice(4, 4 + length);
        held = held.slice(4 + length);
        try {
          if (mine === channel && mine.listener) mine.listener(data);
        } catch (error) {
          console.error("webxdc: the realtime listener failed", error);
        }
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
