// Transfer progress and dragging; without this file the form works as it is.
"use strict";
const form = document.getElementById("upload");
const chosen = document.getElementById("chosen");
const sent = document.getElementById("sent");
const send = document.getElementById("send");
const drop = document.getElementById("drop");
const dragged = [];

for (const hint of document.querySelectorAll(".needs-js")) hint.hidden = false;

function files() {
  const found = dragged.slice();
  for (const input of form.querySelectorAll("input[type=file]")) {
    for (const file of input.files) found.push([file, file.webkitRelativePath || file.name]);
  }
  return found;
}

function tell() {
  const all = files();
  const bytes = all.reduce((sum, [file]) => sum + file.size, 0);
  const tooMuch = bytes > Number(form.dataset.most);
  const size = (bytes / 1048576).toFixed(1) + " MB";
  chosen.textContent = all.length === 0 ? "" : `${all.length} files, ${size}.` + (tooMuch ? " That is more than this box takes at once." : "");
  send.disabled = tooMuch;
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

drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) await walk(entry, "");
  tell();
});
form.addEventListener("change", tell);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const all = files();
  if (all.length === 0) { chosen.textContent = "Choose the study's files, its folder or its zip first."; return; }
  const body = new FormData();
  body.append("csrf", form.elements.csrf.value);
  body.append("name", form.elements.name.value);
  if (form.elements.several.checked) body.append("several", "1");
  for (const [file, path] of all) body.append("files", file, path);
  const request = new XMLHttpRequest();
  request.upload.onprogress = (step) => { if (step.lengthComputable) { sent.value = step.loaded / step.total; chosen.textContent = `Sending: ${Math.floor(100 * step.loaded / step.total)} %`; } };
  request.onload = () => {
    if (request.status < 400 && request.responseURL) { location.assign(request.responseURL); return; }
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const why = answer.querySelector(".alarm, main p, main h1");
    failed(why ? why.textContent.trim() : "The upload was refused.");
  };
  request.onerror = () => failed("The connection was lost. Nothing was kept; send it again.");
  request.open("POST", form.action);
  send.disabled = true;
  sent.hidden = false;
  request.send(body);
});

function failed(words) {
  chosen.textContent = words;
  chosen.classList.add("bad");
  send.disabled = false;
  sent.hidden = true;
}
