"""Upload: files, a folder, a zip, a picture; one study or several at once. What breaks leaves nothing behind.

With JavaScript in pieces that go on after a cut (`transfers.py`); without it as one form.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, TypeVar

from flask import Blueprint, abort, g, jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.drops import is_ignored
from appliance.core.jobs import Job
from appliance.errors import LumbarboxError
from appliance.transfers import Transfer, WrongOffsetError
from appliance.web.services import services, settings
from appliance.web.told import told

pages = Blueprint("upload", __name__)

File = TypeVar("File")
Named = tuple[str, File]
"""What the browser calls a file, folders included, and the file."""
Answer = AnyResponse | tuple[AnyResponse, int]

PIECE_BYTES = 4 << 20


@pages.get("/upload")
def show() -> str:
    return _page(None)


@pages.post("/upload")
def receive() -> AnyResponse | tuple[str, int]:
    """The whole form at once. The page that follows shows the study, or all of them."""
    files = wanted([(f.filename, f) for f in request.files.getlist("files") if f.filename])
    try:
        jobs = [_accept(title, found) for title, found in _studies(request.form, files).items()]
    except LumbarboxError as exc:
        return _page(exc), 400
    return redirect(_after(jobs))


@pages.post("/upload/begin")
def begin() -> Answer:
    """`{"name", "several", "files": [[name, bytes], ...]}`: what is about to be sent. Refused before a byte is.

    The answer's `order` names the files wanted, by their place in the list, as their bytes are to follow each other.
    """
    told: Any = request.get_json(silent=True)
    try:
        named = [(str(name), (number, int(size))) for number, (name, size) in enumerate(told["files"])]
        studies = _studies(told, wanted(named))
    except (AttributeError, KeyError, TypeError, ValueError):
        abort(400)
    if any(size < 0 for _, (_, size) in named):
        abort(400)
    sizes = [(title, [(name, size) for name, (_, size) in files]) for title, files in studies.items()]
    try:
        made = services().transfers.begin(g.user.name, sizes, services().clock())
    except LumbarboxError as exc:
        return _refused(exc)
    order = [number for files in studies.values() for _, (number, _) in files]
    return jsonify({"id": made.id, "size": made.size, "piece": PIECE_BYTES, "order": order})


@pages.post("/upload/<transfer_id>/bytes")
def piece(transfer_id: str) -> Answer:
    """The next bytes, from `?offset=`. 409 tells where the box really is."""
    transfer, offset = _transfer(transfer_id), request.args.get("offset", -1, type=int)
    if (request.content_length or 0) > PIECE_BYTES:
        abort(413, "A piece is larger than agreed.")
    try:
        return jsonify({"offset": services().transfers.add(transfer, offset, request.get_data(), services().clock())})
    except WrongOffsetError as exc:
        return jsonify({"offset": exc.offset}), 409
    except LumbarboxError as exc:
        services().transfers.cancel(transfer)
        return _refused(exc)


@pages.post("/upload/<transfer_id>/end")
def end(transfer_id: str) -> Answer:
    try:
        jobs = services().transfers.finish(_transfer(transfer_id), services().clock())
    except WrongOffsetError as exc:
        return jsonify({"offset": exc.offset}), 409
    except LumbarboxError as exc:
        return _refused(exc)
    return jsonify({"next": _after(jobs)})


@pages.post("/upload/<transfer_id>/cancel")
def cancel(transfer_id: str) -> Answer:
    services().transfers.cancel(_transfer(transfer_id))
    return jsonify({})


def by_study(files: Sequence[Named[File]]) -> dict[str, list[Named[File]]]:
    """Several studies: each folder below the chosen one is a study, and each file that lies in none."""
    groups: dict[str, list[Named[File]]] = {}
    for name, file in files:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        title = parts[1] if len(parts) > 2 else parts[0] if len(parts) == 2 else _last(name)
        groups.setdefault(title, []).append((name, file))
    return groups


def wanted(files: Sequence[Named[File]]) -> list[Named[File]]:
    """Without what no study is made of: hidden files, thumbnails, half downloads."""
    return [(name, file) for name, file in files if not is_ignored(_last(name))]


def _studies(told: Any, files: Sequence[Named[File]]) -> dict[str, list[Named[File]]]:
    return by_study(files) if told.get("several") and files else {_title(str(told.get("name") or ""), files): [*files]}


def _accept(title: str, files: Sequence[Named[FileStorage]]) -> Job:
    named = ((name, file.stream) for name, file in files)
    return services().uploads.accept(title, named, request.content_length or 0, services().clock())


def _after(jobs: Sequence[Job]) -> str:
    for job in jobs:
        services().accounts.note(g.user.name, f"uploaded {job.id}", services().clock())
    return url_for("study.show", job_id=jobs[0].id) if len(jobs) == 1 else url_for("today.show")


def _transfer(transfer_id: str) -> Transfer:
    found = services().transfers.find(transfer_id, g.user.name)
    if found is None:
        abort(404)
    return found


def _refused(error: LumbarboxError) -> Answer:
    return jsonify({"message": told(error.message), "action": told(error.action)}), 400


def _page(error: LumbarboxError | None) -> str:
    most = settings()
    return render_template(
        "upload.html", most=most.upload_bytes, most_files=most.upload_files, file_bytes=most.file_bytes, error=error
    )


def _title(name: str, files: Sequence[Named[File]]) -> str:
    """What the person called it, else the chosen folder or the first file."""
    first = PurePosixPath(files[0][0].replace("\\", "/")).parts if files else ()
    return name.strip() or (first[0] if first else "upload")


def _last(filename: str) -> str:
    return filename.replace("\\", "/").rsplit("/", 1)[-1]
