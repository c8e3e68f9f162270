// The live part of a page without reloading: the server sends the same HTML it would have rendered, when it has changed.
// Only what differs is replaced, so that a focused link stays focused and a reader is not told everything again.
"use strict";
const live = document.getElementById("live");
const lost = document.getElementById("lost");
const stream = new EventSource(live.dataset.events);
const PATIENCE_MS = 10000;
let heard = Date.now();

stream.onopen = () => { heard = Date.now(); if (lost) lost.hidden = true; };
stream.onmessage = (event) => {
  const wanted = document.createElement("template");
  wanted.innerHTML = event.data;
  renew(live, wanted.content);
};
stream.addEventListener("ended", () => { stream.close(); location.reload(); });
stream.onerror = () => {
  if (stream.readyState === EventSource.CLOSED) location.reload();
  if (lost && Date.now() - heard > PATIENCE_MS) lost.hidden = false;
};

function aim(control) { return control.getAttribute("href") || control.getAttribute("formaction") || control.textContent; }

function renew(now, wanted) {
  const keyed = new Map([...now.children].map((child) => [child.dataset.key || child.outerHTML, child]));
  const next = [...wanted.children].map((child) => {
    const old = keyed.get(child.dataset.key || child.outerHTML);
    if (!old || old.tagName !== child.tagName) return child;
    if (old.outerHTML === child.outerHTML) return old;
    const inner = child.querySelector(":scope > ul");
    if (child.tagName === "SECTION" && inner) {
      renew(old.querySelector(":scope > ul"), inner);
      old.querySelector("h2").replaceWith(child.querySelector("h2"));
      return old;
    }
    const held = old.contains(document.activeElement) && aim(document.activeElement);
    old.replaceWith(child);
    if (held) for (const one of child.querySelectorAll("a, button")) if (aim(one) === held) one.focus();
    return child;
  });
  for (const child of [...now.children]) if (!next.includes(child)) child.remove();
  next.forEach((child, at) => { if (now.children[at] !== child) now.insertBefore(child, now.children[at] || null); });
}
