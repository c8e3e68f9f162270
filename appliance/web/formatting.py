"""How values are shown, in the page's language: the templates' filters."""

from __future__ import annotations

from datetime import datetime

from flask import Flask

from appliance.core.jobs import Job, State
from appliance.core.spine import Condition, Level, Severity
from appliance.core.words import in_words, next_step
from appliance.web.services import services
from appliance.web.told import here, told


def add_filters(app: Flask) -> None:
    app.add_template_filter(told)
    app.add_template_filter(lambda job: told(in_words(job, services().clock())), "in_words")
    app.add_template_filter(lambda job: told(next_step(job)), "next_step")
    app.add_template_filter(number)
    app.add_template_filter(percent)
    app.add_template_filter(moment)
    app.add_template_filter(when)
    app.add_template_filter(study_day)
    app.add_template_filter(megabytes)
    app.add_template_filter(level_name)
    app.add_template_filter(condition_name)
    app.add_template_filter(severity_name)
    app.add_template_filter(pill)


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
    if count >= 2 << 30:
        return f"{number(count / (1 << 30))} GB"
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
