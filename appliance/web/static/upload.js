// Dragging, and sending in pieces that go on after a cut; without this file the form works as it is.
"use strict";
const form = document.getElementById("upload");
const chosen = document.getElementById("chosen");
const told = document.getElementById("told");
const sent = document.getElementById("sent");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const drop = document.getElementById("drop");
const MB = 1048576;
const LONGEST_WAIT_MS = 15000;
let dragged = [];
let running = null;

for (const hint of document.querySelectorAll(".needs-js")) hint.hidden = false;
drop.classList.add("own-words");

// -- what was chosen ---------------------------------------------------------------------------------------------------

function files() {
  const found = dragged.slice();
  for (const input of form.querySelectorAll("input[type=file]")) {
    for (const file of input.files) found.push([file, file.webkitRelativePath || file.name]);
  }
  return found;
}

function tooMuch(all) {
  const bytes = all.reduce((sum, [file]) => sum + file.size, 0);
  const large = all.find(([file]) => file.size > Number(form.dataset.fileBytes));
  if (all.length > Number(form.dataset.mostFiles)) return t("That is more than {count} files.", { count: form.dataset.mostFiles });
  if (bytes > Number(form.dataset.most)) return t("That is more than this box takes at once.");
  return large ? t("{file} is larger than this box takes.", { file: large[1] }) : "";
}

function tell() {
  const all = files();
  const bytes = all.reduce((sum, [file]) => sum + file.size, 0);
  const why = tooMuch(all);
  const count = all.length === 1 ? t("1 file") : t("{count} files", { count: all.length });
  chosen.textContent = all.length === 0 ? "" : `${count}, ${megabytes(bytes)}. ${why}`;
  chosen.classList.toggle("bad", why !== "");
  say("");
  send.disabled = why !== "";
}

async function walk(entry, path) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    dragged.push([file, path + file.name]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, path + entry.name + "/");
  }
}

for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (running) return;
  const items = [...event.dataTransfer.items];
  const entries = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  dragged = entries.length ? [] : [...event.dataTransfer.files].map((file) => [file, file.name]);
  try {
    for (const entry of entries) await walk(entry, "");
  } catch {
    dragged = [];
    say(t("That folder could not be read. Choose it with the button instead."), true);
    return;
  }
  tell();
});
form.addEventListener("change", tell);

// -- sending -----------------------------------------------------------------------------------------------------------

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const all = files();
  if (all.length === 0) { say(t("Choose the study's files, its folder or its zip first."), true); return; }
  running = { id: "", stopped: false, wake: () => {} };
  busy(true);
  try {
    await transfer(running, all);
  } catch (error) {
    if (running.id) post(`${form.action}/${running.id}/cancel`).catch(() => {});
    say(error.message, true);
  }
  running = null;
  busy(false);
});

stop.addEventListener("click", () => { if (running) { running.stopped = true; running.wake(); } });
window.addEventListener("pagehide", () => {
  if (!running || !running.id) return;
  const body = new FormData();
  body.append("csrf", form.elements.csrf.value);
  navigator.sendBeacon(`${form.action}/${running.id}/cancel`, body);
});
window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });

async function transfer(run, all) {
  const begun = await begin(run, all);
  const blob = new Blob(begun.order.map((number) => all[number][0]));
  const started = Date.now();
  let offset = 0;
  let wait = 1000;
  while (offset < begun.size) {
    if (run.stopped) throw new Error(t("Stopped. Nothing was kept."));
    const piece = blob.slice(offset, offset + begun.piece);
    const answer = await post(`${form.action}/${run.id}/bytes?offset=${offset}`, await readable(piece)).catch(() => null);
    if (!answer || answer.status >= 500) {
      say(t("The connection was lost. It goes on by itself; keep this page open."), true);
      await new Promise((done) => { run.wake = done; setTimeout(done, wait); });
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      continue;
    }
    if (answer.status === 404) throw new Error(t("The box was started anew meanwhile. Nothing was kept; press the button again."));
    const said = await answer.json().catch(() => ({}));
    if (answer.status !== 200 && answer.status !== 409) throw new Error(words(said, answer));
    offset = said.offset;
    wait = 1000;
    progress(offset, begun.size, started);
  }
  say(t("Everything has arrived."));
  const answer = await post(`${form.action}/${run.id}/end`);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(words(said, answer));
  run.id = "";
  running = null;
  location.assign(said.next);
}

async function begin(run, all) {
  const body = JSON.stringify({
    name: form.elements.name.value, several: form.elements.several.checked,
    files: all.map(([file, path]) => [path, file.size]),
  });
  let answer;
  try {
    answer = await post(form.dataset.begin, body, "application/json");
  } catch {
    throw new Error(t("The box cannot be reached. Check the network and press the button again."));
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(words(said, answer));
  run.id = said.id;
  return said;
}

async function readable(piece) {
  try {
    return await piece.arrayBuffer();
  } catch {
    throw new Error(t("A file can no longer be read: was the disc or stick taken out? Nothing was kept."));
  }
}

function post(url, body, type) {
  const headers = { "X-CSRF-Token": form.elements.csrf.value };
  if (body) headers["Content-Type"] = type || "application/octet-stream";
  return fetch(url, { method: "POST", body, headers });
}

// -- telling -----------------------------------------------------------------------------------------------------------

function words(said, answer) {
  if (said.message) return `${said.message} ${said.action || ""}`;
  return t(answer.status === 403 ? "You were logged out meanwhile. Log in and send it again." : "The upload was refused. Send it again.");
}

function progress(offset, size, started) {
  sent.value = offset / size;
  const seconds = (Date.now() - started) / 1000;
  const left = seconds > 2 ? `, ${about(seconds * (size - offset) / offset)}` : "";
  say(t("Sending: {percent} % of {size}", { percent: Math.floor(100 * offset / size), size: megabytes(size) }) + left);
}

function about(seconds) {
  if (seconds < 10) return t("a few seconds left");
  return seconds < 90 ? t("about {count} seconds left", { count: Math.round(seconds / 5) * 5 })
    : t("about {count} minutes left", { count: Math.round(seconds / 60) });
}

function megabytes(bytes) {
  if (bytes < MB / 10) return `${Math.ceil(bytes / 1024)} kB`;
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;
}

function say(text, bad) {
  told.textContent = text;
  told.classList.toggle("bad", Boolean(bad));
}

function busy(is) {
  send.disabled = is;
  stop.hidden = sent.hidden = !is;
  if (is) { sent.value = 0; say(t("Beginning …")); }
  for (const input of form.querySelectorAll("input:not([type=hidden])")) input.disabled = is;
}
