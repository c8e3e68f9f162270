"""History: every study that came to an end, newest first, a page at a time."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from appliance.core.jobs import State
from appliance.web.services import services

pages = Blueprint("history", __name__)

PER_PAGE = 50
ENDED = (State.DONE, State.FAILED, State.QUARANTINED)


@pages.get("/history")
def show() -> str:
    total = services().ledger.count(*ENDED)
    last = max(1, -(-total // PER_PAGE))
    page = min(max(request.args.get("page", 1, type=int), 1), last)
    jobs = services().ledger.newest(PER_PAGE, (page - 1) * PER_PAGE, *ENDED)
    return render_template("history.html", jobs=jobs, page=page, last=last, total=total)
