// A poll: the first question counts, everybody has one vote and may change it.
"use strict";
const find = (id) => document.getElementById(id);
let poll = null;
const votes = new Map();

function counts() {
  return poll.answers.map((_, at) => [...votes.values()].filter((vote) => vote === at).length);
}

function show() {
  find("new").hidden = Boolean(poll);
  find("poll").hidden = !poll;
  if (!poll) return;
  find("asked").textContent = poll.question;
  const most = Math.max(1, ...counts());
  find("choices").replaceChildren(...poll.answers.map((answer, at) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const bar = document.createElement("div");
    const count = counts()[at];
    button.textContent = `${answer}: ${count}`;
    button.onclick = () => vote(at);
    bar.className = "bar";
    bar.style.width = `${(100 * count) / most}%`;
    item.append(button, bar);
    return item;
  }));
  find("total").textContent = `${votes.size} of those in the chat have voted`;
}

function vote(at) {
  const others = [...votes.keys()].filter((who) => who !== webxdc.selfAddr).length;
  webxdc.sendUpdate({
    payload: { vote: at, by: webxdc.selfAddr },
    info: `${webxdc.selfName} voted`,
    summary: `${others + 1} votes`,
  });
}

find("new").addEventListener("submit", (event) => {
  event.preventDefault();
  const answers = find("answers").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const question = find("question").value;
  webxdc.sendUpdate({ payload: { question, answers }, info: `${webxdc.selfName} asks: ${question}`, document: question });
});

find("share").addEventListener("click", () => {
  const text = poll.answers.map((answer, at) => `${answer}: ${counts()[at]}`).join("\n");
  webxdc.sendToChat({ text: `${poll.question}\n${text}` }).catch((error) => console.info(error.message));
});

webxdc.setUpdateListener(({ payload }) => {
  if (!poll && typeof payload.question === "string" && Array.isArray(payload.answers)) poll = payload;
  if (poll && Number.isInteger(payload.vote) && payload.vote in poll.answers) votes.set(String(payload.by), payload.vote);
  show();
}).then(show);
