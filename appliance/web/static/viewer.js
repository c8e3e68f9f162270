// The images of a study on a canvas: 16-bit slices as the box keeps them, windowed here. Nothing is stored in the browser.
"use strict";
const viewer = document.getElementById("viewer");
const canvas = document.getElementById("canvas");
const paper = canvas.getContext("2d");
const where = document.getElementById("where");
const tabs = document.getElementById("series");
const control = Object.fromEntries(
  ["slice", "level", "contrast", "zoom", "boxes", "names", "reset"].map((id) => [id, document.getElementById(id)]));
const TONES = { neutral: "#7cc0ff", normal_mild: "#5adc82", moderate: "#ffbe3c", severe: "#ff6b6b" };
const MOST_KEPT = 60;
const state = { series: 0, slice: 0, x: 0, y: 0, place: "" };
const kept = new Map();
const picture = document.createElement("canvas");
let index = [];
let drawn = "";

start();

async function start() {
  const answer = await fetch(viewer.dataset.index);
  if (!answer.ok) return;
  index = (await answer.json()).series;
  if (index.length === 0) return;
  viewer.hidden = false;
  index.forEach((series, number) => {
    series.levels = series.slices.flatMap((slice) => slice.marks.filter((mark) => mark.kind === "level"));
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = series.title + " ";
    const count = document.createElement("small");
    count.textContent = String(series.slices.length);
    tab.append(count);
    tab.addEventListener("click", () => choose(number));
    tabs.append(tab);
  });
  choose(0);
}

function choose(number, slice) {
  const series = index[number];
  state.series = number;
  state.slice = slice ?? Math.floor((series.slices.length - 1) / 2);
  state.place = "";
  control.slice.max = series.slices.length - 1;
  [...tabs.children].forEach((tab, at) => tab.setAttribute("aria-pressed", String(at === number)));
  recentre();
  show();
}

function recentre() {
  control.zoom.value = 0;
  state.x = state.y = 0;
}

async function show() {
  const series = index[state.series];
  const slice = series.slices[state.slice];
  control.slice.value = state.slice;
  const wanted = key(state.series, state.slice);
  try {
    await load(state.series, state.slice);
  } catch {
    where.textContent = t("This slice could not be loaded. Is the box still on?");
    return;
  }
  if (wanted !== key(state.series, state.slice)) return;
  where.textContent = t("{series}, slice {number} of {count}", { series: series.title, number: state.slice + 1, count: series.slices.length });
  canvas.setAttribute("aria-label", where.textContent + said(slice));
  paint();
  for (const near of [1, -1, 2, -2]) if (series.slices[state.slice + near]) load(state.series, state.slice + near).catch(() => {});
}

function said(slice) {
  return slice.marks.map((mark) => `; ${mark.text}${mark.kind === "place" ? " " + t(mark.tone.replace("_", "/")) : ""}`).join("");
}

function key(series, slice) { return `${series}/${slice}`; }

function load(series, slice) {
  const name = key(series, slice);
  if (!kept.has(name)) {
    const loading = fetch(`${viewer.dataset.index}/${index[series].number}/${slice}`).then(async (answer) => {
      if (!answer.ok) throw new Error(answer.statusText);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const half = bytes.length / 2;
      const numbers = new Uint16Array(half);
      for (let i = 0; i < half; i++) numbers[i] = bytes[i] | bytes[half + i] << 8;
      return numbers;
    });
    loading.catch(() => kept.delete(name));
    kept.set(name, loading);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  }
  const found = kept.get(name);
  kept.delete(name);
  kept.set(name, found);
  return found;
}

// -- drawing ---------------------------------------------------------------------------------------------------------

function bounds(series) {
  const [low, high] = series.window.map((value) => (value - series.low) / series.step);
  const width = Math.max(high - low, 1) * 2 ** (-control.contrast.value / 40);
  const middle = (low + high) / 2 - (control.level.value / 100) * (high - low);
  return [middle - width / 2, width];
}

async function develop() {
  const series = index[state.series];
  const slice = series.slices[state.slice];
  const [from, width] = bounds(series);
  const name = [key(state.series, state.slice), from, width].join();
  if (name === drawn) return;
  const numbers = await load(state.series, state.slice);
  picture.width = slice.columns;
  picture.height = slice.rows;
  const pen = picture.getContext("2d");
  const image = pen.createImageData(slice.columns, slice.rows);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < numbers.length; i++) {
    const grey = Math.max(0, Math.min(255, Math.round((numbers[i] - from) * 255 / width)));
    words[i] = 0xff000000 | grey << 16 | grey << 8 | grey;
  }
  pen.putImageData(image, 0, 0);
  drawn = name;
}

function layout(slice) {
  const dots = window.devicePixelRatio || 1;
  const wide = Math.round(canvas.clientWidth * dots), high = Math.round(canvas.clientHeight * dots);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  const fit = Math.min(wide / slice.columns, high / (slice.rows * slice.aspect));
  const scale = fit * zoom();
  const sx = scale, sy = scale * slice.aspect;
  return { dots, sx, sy, left: (wide - slice.columns * sx) / 2 + state.x * dots, top: (high - slice.rows * sy) / 2 + state.y * dots };
}

function zoom() { return 8 ** (control.zoom.value / 100); }

async function paint() {
  const wanted = key(state.series, state.slice);
  await develop();
  if (wanted !== key(state.series, state.slice)) return;
  const slice = index[state.series].slices[state.slice];
  const at = layout(slice);
  paper.fillStyle = "#000";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.imageSmoothingEnabled = true;
  paper.imageSmoothingQuality = "high";
  paper.drawImage(picture, at.left, at.top, slice.columns * at.sx, slice.rows * at.sy);
  paper.font = `${13 * at.dots}px system-ui, sans-serif`;
  // A level's box lies on the slice it is best seen on; its name helps on every other slice of the same stack.
  for (const mark of index[state.series].levels) if (!slice.marks.includes(mark)) draw(mark, at, false);
  for (const mark of slice.marks) draw(mark, at, true);
  if (slice.edges) letters(slice.edges, at.dots);
  canvas.dataset.shown = wanted;
}

function draw(mark, at, boxed) {
  const chosen = mark.id === state.place;
  // Where nothing was chosen, normal places would hide the spine under their squares.
  if (!chosen && mark.kind === "place" && (state.place || mark.tone === "normal_mild")) return;
  const [x0, y0, x1, y1] = mark.box;
  const left = at.left + (x0 + 0.5) * at.sx, top = at.top + (y0 + 0.5) * at.sy;
  const wide = (x1 - x0) * at.sx, high = (y1 - y0) * at.sy;
  paper.strokeStyle = TONES[mark.tone];
  paper.lineWidth = (chosen ? 2.5 : 1.5) * at.dots;
  if (boxed && control.boxes.checked) paper.strokeRect(left, top, wide, high);
  if (!control.names.checked) return;
  const words = mark.kind === "place" ? `${mark.text}: ${t(mark.tone.replace("_", "/"))}` : mark.text;
  const high2 = 18 * at.dots, room = paper.measureText(words).width + 8 * at.dots;
  const x = mark.kind === "level" ? Math.max(0, left - room - 2 * at.dots) : left;
  const y = mark.kind === "level" ? top + (high - high2) / 2 : Math.max(0, top - high2);
  paper.fillStyle = "rgb(0 0 0 / 72%)";
  paper.fillRect(x, y, room, high2);
  paper.fillStyle = TONES[mark.tone];
  paper.textAlign = "left";
  paper.textBaseline = "middle";
  paper.fillText(words, x + 4 * at.dots, y + high2 / 2);
}

function letters(edges, dots) {
  const gap = 12 * dots;
  const places = [["left", gap, canvas.height / 2], ["right", canvas.width - gap, canvas.height / 2],
    ["top", canvas.width / 2, gap], ["bottom", canvas.width / 2, canvas.height - gap]];
  paper.textAlign = "center";
  paper.textBaseline = "middle";
  for (const [edge, x, y] of places) {
    paper.fillStyle = "#000";
    paper.fillText(edges[edge], x + dots, y + dots);
    paper.fillStyle = "#ffe27a";
    paper.fillText(edges[edge], x, y);
  }
}

// -- what a person does ------------------------------------------------------------------------------------------------

function go(by) {
  const most = index[state.series].slices.length - 1;
  const next = Math.max(0, Math.min(most, state.slice + by));
  if (next === state.slice) return;
  state.slice = next;
  state.place = "";
  show();
}

function nudge(slider, by) {
  slider.value = Number(slider.value) + by;
  paint();
}

function reset() {
  control.level.value = control.contrast.value = 0;
  state.place = "";
  recentre();
  paint();
}

control.slice.addEventListener("input", () => go(Number(control.slice.value) - state.slice));
for (const id of ["level", "contrast", "zoom", "boxes", "names"]) control[id].addEventListener("input", paint);
control.reset.addEventListener("click", reset);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.ctrlKey) nudge(control.zoom, event.deltaY < 0 ? 5 : -5);
  else go(Math.sign(event.deltaY));
}, { passive: false });

const KEYS = {
  ArrowUp: () => go(-1), ArrowDown: () => go(1), PageUp: () => go(-5), PageDown: () => go(5),
  ArrowLeft: () => nudge(control.level, -5), ArrowRight: () => nudge(control.level, 5),
  ",": () => nudge(control.contrast, -5), ".": () => nudge(control.contrast, 5),
  "+": () => nudge(control.zoom, 5), "=": () => nudge(control.zoom, 5), "-": () => nudge(control.zoom, -5), 0: reset,
};
canvas.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key]();
});

let held = null;
canvas.addEventListener("pointerdown", (event) => {
  held = { x: event.clientX, y: event.clientY, travelled: 0 };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!held) return;
  const dx = event.clientX - held.x, dy = event.clientY - held.y;
  held.x = event.clientX;
  held.y = event.clientY;
  if (event.shiftKey || event.buttons === 2) {
    control.level.value = Number(control.level.value) - dy / 2;
    control.contrast.value = Number(control.contrast.value) + dx / 2;
    paint();
  } else if (zoom() > 1) {
    state.x += dx;
    state.y += dy;
    paint();
  } else {
    held.travelled += event.pointerType === "touch" ? dx : dy;
    const steps = Math.trunc(held.travelled / 12);
    if (steps) { held.travelled -= steps * 12; go(steps); }
  }
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());
new ResizeObserver(() => { if (index.length) paint(); }).observe(canvas);

document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest("a[data-sop]");
  if (!link || index.length === 0) return;
  const frame = Number(link.dataset.frame);
  for (const [number, series] of index.entries()) {
    const slice = series.slices.findIndex((one) => one.sop_uid === link.dataset.sop && one.frame === frame);
    if (slice < 0) continue;
    event.preventDefault();
    choose(number, slice);
    state.place = link.dataset.place;
    viewer.scrollIntoView({ block: "start" });
    canvas.focus({ preventScroll: true });
    return;
  }
});
