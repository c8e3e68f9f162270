// What scripts say, in the page's language; English where the page brings no other words. `{name}` is filled in.
"use strict";
const WORDS = JSON.parse(document.body.dataset.words || "{}");

function t(text, values) {
  return Object.entries(values || {}).reduce((said, [name, value]) => said.replaceAll(`{${name}}`, value), WORDS[text] || text);
}
