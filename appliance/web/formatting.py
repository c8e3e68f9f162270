"""How values are shown, in the page's language: the templates' filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Flask
from jinja2 import pass_context
from jinja2.runtime import Context

from appliance.core.jobs import Job, State
from appliance.core.spine import Condition, Level, Severity
from appliance.core.words import in_words, next_step
from appliance.web.services import services
from appliance.web.told import here, told


def add_filters(app: Flask) -> None:
    for show in (told, number, percent, moment, when, study_day, megabytes, level_name, condition_name, severity_name, pill):
        _add(app, show, show.__name__)
    _add(app, lambda job: told(in_words(job, services().clock())), "in_words")
    _add(app, lambda job: told(next_step(job)), "next_step")


def _add(app: Flask, show: Callable[..., object], name: str) -> None:
    """Asked anew each time: Jinja works a filter on a constant out once, in the language of whoever came first."""

    @pass_context
    def shown(context: Context, *args: object) -> object:
        return show(*args)

    app.add_template_filter(shown, name)


def when(at: datetime) -> str:
    return here().when(at)


def moment(text: str) -> str:
    return here().moment(text)


def study_day(text: str) -> str:
    return here().day(text)


def number(value: float, digits: int = 0) -> str:
    return here().number(value, digits)


def percent(share: float, digits: int = 0) -> str:
    return here().percent(share, digits)


def megabytes(count: int) -> str:
    if count >= 1 << 30:
        return f"{number(count / (1 << 30), 0 if count % (1 << 30) == 0 or count >= 10 << 30 else 1)} GB"
    return f"{number(count / (1 << 20), 0 if count >= 10 << 20 else 1)} MB"


def level_name(value: str) -> str:
    return Level(value).label


def condition_name(value: str) -> str:
    return told(Condition(value).label)


def severity_name(value: str) -> str:
    return told(Severity(value).label)


def pill(job: Job) -> tuple[str, str]:
    """The short word on a job's card, and the class that colours it. The word alone says everything."""
    if job.state is not State.DONE or job.result is None:
        settling = "gathering" if job.is_claimed else "arriving"
        words = {State.RECEIVED: "arriving", State.SETTLING: settling, State.QUEUED: "waiting"}
        return told(words.get(job.state, job.state.value)), job.state.value
    if not job.result.graded:
        return told("not evaluable"), "failed"
    return told(Severity(job.result.worst).label.lower()), job.result.worst
