"""Upload: files, a folder, a zip; one study or several at once. What breaks leaves nothing behind."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.drops import is_ignored
from appliance.core.jobs import Job
from appliance.errors import LumbarboxError
from appliance.web.services import services, settings

pages = Blueprint("upload", __name__)

Group = dict[str, list[FileStorage]]


@pages.get("/upload")
def show() -> str:
    return render_template("upload.html", most=settings().upload_bytes, error=None)


@pages.post("/upload")
def receive() -> AnyResponse | tuple[str, int]:
    """One job a study. The page that follows shows them all; a script is told in JSON where to go."""
    files = [f for f in request.files.getlist("files") if f.filename and not is_ignored(_last(f.filename))]
    name = request.form.get("name", "").strip()
    groups = by_study(files) if request.form.get("several") else {_title(name, files): files}
    try:
        jobs = [_accept(title, found) for title, found in groups.items()]
    except LumbarboxError as exc:
        return render_template("upload.html", most=settings().upload_bytes, error=exc), 400
    for job in jobs:
        services().accounts.note(g.user.name, f"uploaded {job.id}", services().clock())
    return redirect(url_for("study.show", job_id=jobs[0].id) if len(jobs) == 1 else url_for("today.show"))


def by_study(files: list[FileStorage]) -> Group:
    """Several studies: each folder below the chosen one is a study, and each file that lies in none."""
    groups: Group = {}
    for file in files:
        parts = PurePosixPath((file.filename or "").replace("\\", "/")).parts
        title = parts[1] if len(parts) > 2 else parts[0] if len(parts) == 2 else _last(file.filename or "")
        groups.setdefault(title, []).append(file)
    return groups


def _accept(title: str, files: list[FileStorage]) -> Job:
    named = ((file.filename or "", file.stream) for file in files)
    return services().uploads.accept(title, named, request.content_length or 0, services().clock())


def _title(name: str, files: list[FileStorage]) -> str:
    """What the person called it, else the chosen folder or the first file."""
    first = PurePosixPath((files[0].filename or "").replace("\\", "/")).parts if files else ()
    return name or (first[0] if first else "upload")


def _last(filename: str) -> str:
    return filename.replace("\\", "/").rsplit("/", 1)[-1]
