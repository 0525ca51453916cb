// The list of apps.
"use strict";
async function open(app) {
  // At once, while the browser knows that somebody clicked.
  const shown = window.open("about:blank", "_blank");
  const answer = await fetch(`/open?profile=${app.profile}&message=${app.message}`, { method: "POST" });
  if (!answer.ok) {
    if (shown) shown.close();
    throw new Error(await answer.text());
  }
  const { url } = await answer.json();
  if (shown) shown.location = url;
  else location.assign(url);
}

function complain(error) {
  const notice = document.getElementById("notice");
  notice.textContent = String(error.message || error);
  notice.hidden = false;
}

function row(app) {
  const row = document.createElement("tr");
  const labels = [app.document, app.summary].filter(Boolean).join(" – ");
  for (const text of [app.user || `profile ${app.profile}`, app.chat, app.name, labels]) {
    row.insertCell().textContent = text;
  }
  const button = document.createElement("button");
  button.textContent = "Open";
  button.onclick = () => open(app).catch(complain);
  row.insertCell().append(button);
  return row;
}

(async () => {
  const apps = await (await fetch("/apps")).json();
  document.getElementById("apps").replaceChildren(...apps.map(row));
  if (apps.length === 0) complain("There is no app in any chat yet.");
})().catch(complain);
