"""Ask: questions answered from the written passages only. A question is neither kept nor logged."""

from __future__ import annotations

from itertools import groupby

from flask import Blueprint, abort, render_template, request

from appliance.core.assistant import Answer, Kind
from appliance.core.retrieval import LONGEST_QUESTION
from appliance.web.services import services

pages = Blueprint("assistant", __name__, url_prefix="/ask")


@pages.route("", methods=["GET", "POST"])
def ask() -> str:
    """By POST, so that a question stands in no address, history or log."""
    question = request.form.get("question", "").strip()[:LONGEST_QUESTION]
    return _page(question, services().assistant.answer(question) if question else None)


@pages.get("/<passage_id>")
def passage(passage_id: str) -> str:
    """One passage, by its name."""
    found = services().assistant.find(passage_id)
    if found is None:
        abort(404)
    return _page("", Answer(Kind.ANSWERED, (found,)))


def _page(question: str, answer: Answer | None) -> str:
    topics = [(topic, list(found)) for topic, found in groupby(services().assistant.passages, lambda p: p.topic)]
    shown = {"question": question, "answer": answer, "topics": topics, "longest": LONGEST_QUESTION}
    return render_template("ask.html", **shown)
