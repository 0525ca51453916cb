// The page around an app: shows the app in its frame, asks before a link out is opened, puts into a chat what the app
// gives after a person has picked the chat.
"use strict";
const find = (id) => document.getElementById(id);
let app = "";
let busy = false;
let ended = false;

function show(about) {
  document.title = about.document ? `${about.document} – ${about.name}` : about.name;
  find("name").textContent = about.name;
  find("labels").textContent = [about.document, about.summary].filter(Boolean).join(" – ");
  find("place").textContent = [about.user, about.chat].filter(Boolean).join(" → ");
}

// A place inside the app, whatever it says: nothing else is ever shown in the frame.
function start() {
  const wanted = new URLSearchParams(location.search).get("href") || "";
  let place = new URL("/index.html", app);
  try {
    const found = new URL(wanted.startsWith("#") ? `/index.html${wanted}` : wanted || "/index.html", app);
    if (found.origin === app && !found.pathname.startsWith("/__webxdc__/")) place = found;
  } catch {
    // It is no address: the app begins at its start.
  }
  const frame = document.createElement("iframe");
  frame.id = "app";
  frame.setAttribute("sandbox", find("stage").dataset.sandbox);
  frame.allow = "fullscreen";
  frame.referrerPolicy = "no-referrer";
  frame.src = place.href;
  find("stage").append(frame);
}

function end(text) {
  if (ended) return;
  ended = true;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  find("stage").replaceChildren();
  find("notice").textContent = text;
  find("notice").hidden = false;
  if (app) wipe();
}

// The answer to this makes the browser remove what the app kept, if the app was deleted. If it was only closed, nothing
// happens.
function wipe() {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.setAttribute("sandbox", "allow-same-origin");
  frame.src = `${app}/__webxdc__/wipe`;
  frame.onload = () => frame.remove();
  document.body.append(frame);
}

function take(about) {
  if (about.ended) return end("This app has ended.");
  if (!app) {
    app = about.app;
    find("stage").dataset.sandbox = about.sandbox;
    start();
  }
  show(about);
}

async function ask(version) {
  const answer = await fetch(`/about?version=${version}`);
  return answer.ok ? answer.json() : { ended: true };
}

// Waits for changes on behalf of all windows of this app in this browser, which has few connections for each of them.
async function follow(tell) {
  for (let version = ""; !ended; ) {
    try {
      const about = await ask(version);
      version = about.version;
      tell(about);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

function begin() {
  if (!navigator.locks) return follow(take);
  const windows = new BroadcastChannel("about");
  windows.onmessage = ({ data }) => take(data);
  navigator.locks.request("about", () => follow((about) => {
    windows.postMessage(about);
    take(about);
  }));
  // Another window may have heard of the last change before this one was there.
  ask("").then(take).catch(() => {});
}

// Shows a dialog until one of its two buttons is pressed; one dialog at a time, so that an app cannot pile them up.
function decide(name) {
  const dialog = find(name);
  dialog.showModal();
  return new Promise((resolve) => {
    const settle = (yes) => {
      dialog.close();
      resolve(yes);
    };
    find(`${name}-yes`).onclick = () => settle(true);
    find(`${name}-no`).onclick = () => settle(false);
    dialog.oncancel = () => settle(false);
    dialog.onclose = () => resolve(false);
  });
}

async function link(address) {
  const url = new URL(address);
  if (!["http:", "https:", "mailto:"].includes(url.protocol)) throw new Error("this link is not opened");
  find("link-question").textContent = url.protocol === "mailto:"
    ? "This app wants to write a mail:" : "This app wants to open a page outside the chat:";
  // Whole, as the browser will take it: names of hosts in ASCII, nothing hidden.
  find("link-url").textContent = url.href;
  if (await decide("link")) window.open(url.href, "_blank", "noopener,noreferrer");
}

async function chat(content) {
  const list = find("chat-list");
  const chats = await (await fetch("/chats")).json();
  list.replaceChildren(...chats.map((found) => new Option(found.name, found.id)));
  const { text, file } = content;
  if (file && !(file.blob instanceof Blob)) throw new Error("there is no file");
  find("chat-what").textContent = [file && `${file.name} (${file.blob.size} bytes)`, text].filter(Boolean).join("\n");
  if (!(await decide("chat"))) throw new Error("the user did not want to");
  const given = new TextEncoder().encode(JSON.stringify({ text, name: file && file.name }));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, given.length);
  const parts = file ? [length.buffer, given, file.blob] : [length.buffer, given];
  const answer = await fetch(`/draft?chat=${list.value}`, { method: "POST", body: new Blob(parts) });
  if (!answer.ok) throw new Error(await answer.text());
}

window.addEventListener("message", async (event) => {
  if (!app || event.origin !== app || !event.data || !event.data.webxdc) return;
  const { id, link: address, chat: content } = event.data.webxdc;
  const answer = (error) => event.source && event.source.postMessage({ webxdc: { id, error } }, app);
  if (busy) return answer("another question is open");
  busy = true;
  try {
    if (typeof address === "string") await link(address);
    else if (content) await chat(content);
    answer();
  } catch (error) {
    answer(String(error.message || error));
  } finally {
    busy = false;
  }
});

begin();
