"""The user manual, in the page."""

from __future__ import annotations

from flask import Blueprint, render_template

from appliance.web.services import services

pages = Blueprint("manual", __name__)


@pages.get("/manual")
def show() -> str:
    return render_template("manual.html", facts=services().facts())
