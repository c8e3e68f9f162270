"""How values are shown: the templates' filters."""

from __future__ import annotations

from datetime import datetime

from flask import Flask

from appliance.core.jobs import Job, State
from appliance.core.spine import Condition, Level, Severity
from appliance.core.words import in_words, next_step
from appliance.web.services import services

CONDITION_HEADS = {
    Condition.SPINAL_CANAL_STENOSIS: ("Spinal canal", ""),
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING: ("Foramen", "left"),
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING: ("Foramen", "right"),
    Condition.LEFT_SUBARTICULAR_STENOSIS: ("Subarticular", "left"),
    Condition.RIGHT_SUBARTICULAR_STENOSIS: ("Subarticular", "right"),
}


def add_filters(app: Flask) -> None:
    app.add_template_filter(lambda job: in_words(job, services().clock()), "in_words")
    app.add_template_filter(next_step)
    app.add_template_filter(when)
    app.add_template_filter(study_day)
    app.add_template_filter(megabytes)
    app.add_template_filter(level_name)
    app.add_template_filter(condition_name)
    app.add_template_filter(severity_name)
    app.add_template_filter(pill)


def when(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def study_day(text: str) -> str:
    """DICOM's 20260302 as people write it; anything else as it stands."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def megabytes(count: int) -> str:
    if count >= 2 << 30:
        return f"{count / (1 << 30):.0f} GB"
    return f"{count / (1 << 20):.0f} MB" if count >= 10 << 20 else f"{count / (1 << 20):.1f} MB"


def level_name(value: str) -> str:
    return Level(value).label


def condition_name(value: str) -> str:
    return Condition(value).label


def severity_name(value: str) -> str:
    return Severity(value).label


def pill(job: Job) -> tuple[str, str]:
    """The short word on a job's card, and the class that colours it. The word alone says everything."""
    if job.state is not State.DONE or job.result is None:
        settling = "gathering" if job.is_claimed else "arriving"
        words = {State.RECEIVED: "arriving", State.SETTLING: settling, State.QUEUED: "waiting"}
        return words.get(job.state, job.state.value), job.state.value
    if not job.result.graded:
        return "not evaluable", "failed"
    return f"{Severity(job.result.worst).label.lower()}", job.result.worst
