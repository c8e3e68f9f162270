"""The images of a study for the page's viewer: what there is, what lies where on it, and the slices themselves.

A slice is sent as the box keeps it (adapters/slice_files.py): 16-bit numbers, gzipped. The browser windows and draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, jsonify, send_file

from appliance.core.spine import Condition, Level
from appliance.web.reports import job_of, note_pictures, report_job, report_of
from appliance.web.services import services
from appliance.web.told import told

pages = Blueprint("viewer", __name__, url_prefix="/study/<job_id>/images")

ROLES = {
    "sagittal_t2": "Sagittal T2", "sagittal_t1": "Sagittal T1", "sagittal_stir": "Sagittal STIR", "axial_t2": "Axial T2",
}  # fmt: skip
ORDER = tuple(ROLES)
TOWARDS = (("L", "R"), ("P", "A"), ("H", "F"))
"""DICOM's patient axes: +x left, +y posterior, +z head."""


@pages.get("")
def index(job_id: str) -> Response:
    """Series, slices and marks, in the pixels of each slice."""
    source, report = report_of(job_id)
    found = services().slices(services().reports.folder(source.id))
    if found is None:
        abort(404)
    note_pictures(source.id)
    uses = {(u["series_uid"], u["plane"]): u["role"] for u in report["series"]}
    marks = _marks(report)
    series = [_series(number, one, uses, marks) for number, one in enumerate(found["series"])]
    series.sort(key=lambda s: ORDER.index(s["role"]) if s["role"] in ORDER else len(ORDER))
    return jsonify({"series": series})


@pages.get("/<int:series>/<int:number>")
def picture(job_id: str, series: int, number: int) -> Response:
    """One slice, by its numbers in the index; no path is built from the request."""
    source = report_job(job_of(job_id))
    folder = services().reports.folder(source.id)
    found = services().slices(folder)
    try:
        name = found["series"][series]["slices"][number]["file"] if found else None
    except IndexError:
        name = None
    if name is None:
        abort(404)
    note_pictures(source.id)
    answer = send_file((folder / "slices" / name).resolve(), mimetype="application/octet-stream")
    answer.headers["Content-Encoding"] = "gzip"
    return answer


def _series(number: int, one: Mapping[str, Any], uses: Mapping[Any, str], marks: Mapping[Any, Any]) -> dict[str, Any]:
    role = uses.get((one["series_uid"], one["plane"]), "unused")
    plane = one["plane"].capitalize() or "Picture"
    return {
        "number": number,
        "role": role,
        "title": told(ROLES.get(role, f"{plane}, not used")),
        "low": one["low"],
        "step": one["step"],
        "window": one["window"],
        "slices": [_slice(s, marks) for s in one["slices"]],
    }


def _slice(one: Mapping[str, Any], marks: Mapping[Any, Any]) -> dict[str, Any]:
    plane = one["plane"]
    return {
        "sop_uid": one["sop_uid"],
        "frame": one["frame"],
        "rows": one["rows"],
        "columns": one["columns"],
        "aspect": plane["row_spacing"] / plane["column_spacing"] if plane else 1.0,
        "edges": _edges(plane) if plane else None,
        "marks": marks.get((one["sop_uid"], one["frame"]), []),
    }


def _edges(plane: Mapping[str, Any]) -> dict[str, str]:
    """The letters at the picture's edges: which way of the patient each looks."""
    right, down = _letters(plane["row_direction"]), _letters(plane["column_direction"])
    return {"right": right[0], "left": right[1], "bottom": down[0], "top": down[1]}


def _letters(direction: list[float]) -> tuple[str, str]:
    axis = max(range(3), key=lambda i: abs(direction[i]))
    there, back = TOWARDS[axis]
    return (there, back) if direction[axis] > 0 else (back, there)


def _marks(report: Mapping[str, Any]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Level boxes and the squares that were graded, by the slice they lie on."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for level in report["levels"]:
        mark = {"kind": "level", "box": level["box_px"], "text": Level(level["level"]).label, "tone": "neutral"}
        found.setdefault((level["sop_uid"], level["frame"]), []).append(mark)
    for f in report["findings"]:
        if f["evidence"] is not None:
            where = f["evidence"]["sop_uid"], f["evidence"]["frame"]
            found.setdefault(where, []).append(_place(f))
    return found


def _place(finding: Mapping[str, Any]) -> dict[str, Any]:
    condition, level = Condition(finding["condition"]), Level(finding["level"])
    side = f" {condition.side}" if condition.side else ""
    return {
        "kind": "place",
        "id": f"{condition.value}_{level.value}",
        "box": finding["evidence"]["box_px"],
        "text": told(f"{level.label} {condition.region.value}{side}"),
        "tone": finding["severity"],
    }
