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
    getAllUpdates: () => Promise.resolve([]),
    sendToChat,
    importFiles,
  };
})();
