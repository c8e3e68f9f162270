// Today's page without reloading: the server sends the same HTML it would have rendered, when it has changed.
"use strict";
const live = document.getElementById("live");
const stream = new EventSource(live.dataset.events);
stream.onmessage = (event) => { live.innerHTML = event.data; };
stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) location.reload(); };
