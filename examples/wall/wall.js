// What the wall shows. Everything received is untrusted text: it goes to the page by textContent only.
"use strict";

const MOST_RESULTS = 100;
const SILENT_MINUTES = 3;
const CONDITIONS = {
  spinal_canal_stenosis: "Canal", left_neural_foraminal_narrowing: "Left foramen",
  right_neural_foraminal_narrowing: "Right foramen", left_subarticular_stenosis: "Left subarticular",
  right_subarticular_stenosis: "Right subarticular",
};
const LEVELS = { l1_l2: "L1/L2", l2_l3: "L2/L3", l3_l4: "L3/L4", l4_l5: "L4/L5", l5_s1: "L5/S1" };
const SEVERITIES = { normal_mild: "normal/mild", moderate: "moderate", severe: "severe" };

const boxes = new Map(); // node -> { availability, health, alarms: Map, last }
const shown = new Set(); // result ids: a result may come twice
let listener = null;

const find = (selector, inside = document) => inside.querySelector(selector);

function tell(topic, payload) {
  const [, node, ...rest] = topic.split("/");
  if (!boxes.has(node)) boxes.set(node, { alarms: new Map() });
  const box = boxes.get(node);
  const kind = rest[0];
  if (kind === "availability") box.availability = payload;
  else if (kind === "alarm" && !payload) box.alarms.delete(rest[1]);
  else {
    const body = parsed(payload);
    if (!body) return;
    if (kind === "health") box.health = body;
    else if (kind === "alarm") box.alarms.set(rest[1], body);
    else if (kind === "last_result") { box.last = body; addResult(body); }
    else if (kind === "study" && rest[2] === "result") addResult(body);
  }
  drawBox(node, box);
}

function parsed(payload) {
  try {
    const body = JSON.parse(payload);
    return body && typeof body === "object" ? body : null;
  } catch {
    return null;
  }
}

function drawBox(node, box) {
  let card = [...document.querySelectorAll(".box")].find((one) => one.dataset.node === node);
  if (!card) {
    card = find("#box").content.firstElementChild.cloneNode(true);
    card.dataset.node = node;
    const after = [...document.querySelectorAll(".box")].find((one) => one.dataset.node > node);
    find("#boxes").insertBefore(card, after || null);
  }
  const here = box.availability === "online";
  const silent = here && box.health && Date.now() - Date.parse(box.health.at) > SILENT_MINUTES * 60000;
  card.className = `box ${here ? (box.health || {}).status || "" : "offline"}${silent ? " silent" : ""}`;
  find("h2", card).textContent = node;
  find(".availability", card).textContent = (box.availability || "not heard of yet") + (silent ? ", but silent" : "");
  find(".health", card).textContent = box.health ? healthLine(box.health) : "";
  const alarms = [...box.alarms.values()].map((alarm) => `${alarm.message} ${alarm.action}`);
  list(find(".alarms", card), alarms);
  find(".last", card).textContent = box.last ? `Last study ${when(box.last.read_at)}: ${severity(box.last.worst)}` : "";
}

function healthLine(health) {
  const parts = [health.status, `${health.queue + health.reading} to read`, `${health.outbox} to send`];
  if (health.paused) parts.push("paused");
  if (health.clock_synced === false) parts.push("its clock is not set");
  return parts.join(" · ");
}

function addResult(body) {
  if (!Array.isArray(body.findings) || shown.has(body.id)) return;
  shown.add(body.id);
  const item = find("#result").content.firstElementChild.cloneNode(true);
  item.classList.toggle("historical", Boolean(body.is_historical));
  item.dataset.readAt = body.read_at;
  find("time", item).textContent = when(body.read_at);
  find(".worst", item).textContent = severity(body.worst);
  find(".worst", item).classList.add(body.worst || "none");
  find(".who", item).textContent = `${body.node}, study ${body.rid}`;
  find(".mark", item).textContent = marks(body).join(" · ");
  list(find(".alerts", item), body.alerts.map((alert) => alert.message));
  matrix(find("table", item), body.findings);
  const results = find("#results");
  const older = [...results.children].find((one) => one.dataset.readAt < body.read_at);
  results.insertBefore(item, older || null);
  while (results.children.length > MOST_RESULTS) results.lastElementChild.remove();
  find("#nothing").hidden = true;
}

function marks(body) {
  const found = [];
  if (body.is_historical) found.push("delivered late");
  if (body.outcome !== "read") found.push("not every place could be assessed");
  if (body.clock_synced === false) found.push("time uncertain");
  return found;
}

function matrix(table, findings) {
  const head = table.insertRow();
  for (const name of ["", ...Object.values(LEVELS)]) head.append(cell("th", name));
  for (const [condition, name] of Object.entries(CONDITIONS)) {
    const row = table.insertRow();
    row.append(cell("th", name));
    for (const level of Object.keys(LEVELS)) {
      const one = findings.find((f) => f.condition === condition && f.level === level) || {};
      row.append(cell("td", severity(one.severity), one.severity || "none"));
    }
  }
}

function cell(kind, content, className = "") {
  const made = document.createElement(kind);
  made.textContent = content;
  if (className) made.className = className;
  return made;
}

function list(parent, lines) {
  parent.replaceChildren(...lines.map((line) => cell("li", line)));
}

const severity = (word) => SEVERITIES[word] || "not assessed";
const when = (text) => { const at = new Date(text); return isNaN(at) ? "" : at.toLocaleString(); };

function start(broker, user, password) {
  if (listener) listener.close();
  listener = new MqttListener(broker, ["lumbarbox/#"], { user, password }, {
    state: (word, detail) => { const line = find("#state"); line.className = word; line.textContent = `${word} (${detail})`; },
    message: tell,
  });
}

const login = find("#login");
const wanted = new URLSearchParams(location.search);
login.broker.value = wanted.get("broker") || "ws://127.0.0.1:9001";
login.user.value = wanted.get("user") || "";
login.addEventListener("submit", (event) => {
  event.preventDefault();
  start(login.broker.value, login.user.value, login.password.value);
});
if (wanted.has("broker") && !wanted.has("user")) start(login.broker.value, "", "");
setInterval(() => boxes.forEach((box, node) => drawBox(node, box)), 30000);
