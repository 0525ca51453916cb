// A canvas on which everybody in the chat draws. Points go to the others at once over the realtime channel; when the
// pointer is lifted, the stroke is kept as one update, for those who come later.
"use strict";
const canvas = document.getElementById("canvas");
const live = document.getElementById("live");
const pen = canvas.getContext("2d");
// Strokes of others that are being drawn, by id.
const drawing = new Map();
// A stroke whose end never comes is not shown for ever.
const forgotten = 30_000;
const maxPoints = 10_000;
let strokes = 0;
let mine = null;

const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
const isStroke = ({ id, color, points }) => typeof id === "string" && /^#[0-9a-f]{6}$/.test(color)
  && Array.isArray(points) && points.length <= maxPoints && points.every(isPoint);

function draw(pen, { color, points }) {
  pen.strokeStyle = color;
  pen.lineWidth = 4;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  points.forEach(([x, y], at) => (at === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y)));
  pen.stroke();
}

function drawLive() {
  const pen = live.getContext("2d");
  pen.clearRect(0, 0, live.width, live.height);
  for (const [id, stroke] of drawing) {
    if (Date.now() - stroke.time > forgotten) drawing.delete(id);
    else draw(pen, stroke);
  }
}

function place(event) {
  const frame = canvas.getBoundingClientRect();
  const scale = (at, from, size, whole) => Math.round(((at - from) / size) * whole);
  return [
    scale(event.clientX, frame.left, frame.width, canvas.width),
    scale(event.clientY, frame.top, frame.height, canvas.height),
  ];
}

const channel = webxdc.joinRealtimeChannel();
// What others send may be anything.
channel.setListener((data) => {
  let part;
  try {
    part = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return;
  }
  if (!part || !isStroke(part)) return;
  const known = drawing.get(part.id) || { color: part.color, points: [] };
  known.points.push(...part.points.slice(0, maxPoints - known.points.length));
  drawing.set(part.id, { ...known, time: Date.now() });
  drawLive();
});

function tell(points) {
  channel.send(new TextEncoder().encode(JSON.stringify({ id: mine.id, color: mine.color, points })));
}

canvas.addEventListener("pointerdown", (event) => {
  if (!canvas.clientWidth) return;
  canvas.setPointerCapture(event.pointerId);
  mine = { id: `${Date.now()} ${Math.random()}`, color: document.getElementById("color").value, points: [place(event)] };
  tell(mine.points);
});

canvas.addEventListener("pointermove", (event) => {
  if (!mine || mine.points.length >= maxPoints) return;
  mine.points.push(place(event));
  draw(pen, { color: mine.color, points: mine.points.slice(-2) });
  tell(mine.points.slice(-1));
});

canvas.addEventListener("pointerup", () => {
  if (mine) webxdc.sendUpdate({ payload: mine, summary: `${strokes + 1} strokes` });
  mine = null;
});

document.getElementById("save").addEventListener("click", () => {
  canvas.toBlob((blob) => {
    webxdc.sendToChat({ file: { name: "canvas.png", blob } }).catch((error) => console.info(error.message));
  });
});

webxdc.setUpdateListener(({ payload }) => {
  if (!payload || !isStroke(payload)) return;
  draw(pen, payload);
  drawing.delete(payload.id);
  drawLive();
  strokes += 1;
  document.getElementById("strokes").textContent = `${strokes} strokes`;
});
