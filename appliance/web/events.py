"""Server-sent events, one short answer at a time: the browser asks again after `retry`, and no thread is held.

So any number of pages may be left open on walls and desks.
"""

from __future__ import annotations

import hashlib

from flask import Response, request


def event(live: str, ask_again_ms: int) -> Response:
    """The HTML of a page's live part; nothing but `retry` when it is what the browser has already."""
    mark = hashlib.sha256(live.encode()).hexdigest()[:16]
    lines = [f"retry: {ask_again_ms}"]
    if request.headers.get("Last-Event-ID") != mark:
        lines += [f"id: {mark}", *(f"data: {line}" for line in live.splitlines())]
    return Response("\n".join(lines) + "\n\n", mimetype="text/event-stream")


def ended() -> Response:
    """There is something else to see now: the browser loads the page anew."""
    return Response("event: ended\ndata: \n\n", mimetype="text/event-stream")
