// A canvas on which everybody in the chat draws. A stroke is one update, sent when the pointer is lifted.
"use strict";
const canvas = document.getElementById("canvas");
const pen = canvas.getContext("2d");
let strokes = 0;
let mine = null;

function draw({ color, points }) {
  pen.strokeStyle = /^#[0-9a-f]{6}$/.test(color) ? color : "#000000";
  pen.lineWidth = 4;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  points.forEach(([x, y], at) => (at === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y)));
  pen.stroke();
}

function place(event) {
  const frame = canvas.getBoundingClientRect();
  const scale = (at, from, size, whole) => Math.round(((at - from) / size) * whole);
  return [
    scale(event.clientX, frame.left, frame.width, canvas.width),
    scale(event.clientY, frame.top, frame.height, canvas.height),
  ];
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  mine = { color: document.getElementById("color").value, points: [place(event)] };
});

canvas.addEventListener("pointermove", (event) => {
  if (!mine) return;
  mine.points.push(place(event));
  draw({ color: mine.color, points: mine.points.slice(-2) });
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
  if (!Array.isArray(payload.points)) return;
  draw(payload);
  strokes += 1;
  document.getElementById("strokes").textContent = `${strokes} strokes`;
});
