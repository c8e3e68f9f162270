"""The model cards, from what is recorded: `python -m export.model_card` writes `models_int8/*/MODEL_CARD.md` anew.

Run it after every `export.quantize` and `export.evaluate second`; `--check` only looks, and exits 1 when a card is
behind its weights. Reads MANIFEST.json, each model's own `rt_info` and `benchmarks/results/second-opinion.json`; needs
no torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.results import FOLDER, Table, load
from export.openvino_ir.gate import ALLOWED_DROP, LOWER_IS_BETTER, gate

MODELS = Path(__file__).resolve().parents[1] / "models_int8"
SECOND = "second-opinion"
SECOND_TABLES = ("What a second opinion changes", "Where the two disagree")


@dataclass(frozen=True, slots=True)
class Story:
    """What no number says: of every model of one kind that was trained as docs/train.md has it."""

    task: str
    takes: str
    gives: str
    trained_on: str
    split: str
    proves: str
    does_not_prove: str


DETECTOR = Story(
    task="Finds intervertebral discs, the lumbosacral disc, canal, foramina and recesses on one slice. It names no level: "
    "that is geometry, counted up from the sacrum (`appliance/core/numbering.py`).",
    takes="one grey slice, letterboxed to {input_size} × {input_size}; a sagittal one no finer than {finest_mm} mm a pixel",
    gives="boxes of {labels}; score at least {score_threshold}, overlap at most {iou_threshold}",
    trained_on="sagittal images of SPIDER (real patients; van der Graaf et al., CC BY 4.0) and synthetic studies of "
    "`export/phantom`, together. Boxes on SPIDER's mid-sagittal images are this project's own, drafted by a network "
    "and checked by eye, not by a radiologist; those on its SPACE slices come from SPIDER's masks. "
    "Axial images: synthetic only.",
    split="by patient: a patient whose number hashes into the held-out part is in no training picture "
    "(`export/datasets/spider.py`); synthetic studies by seed.",
    proves="on patients of SPIDER it never saw, discs are found and, with the numbering, rightly named, at these rates.",
    does_not_prove="other scanners, hospitals and implants; transitional vertebrae, of which there are few; anything on "
    "real axial images. Centre errors on mid-sagittal images flatter it, as the boxes' drafts came from a network. "
    "The numbering rules were tuned after some held-out failures had been seen.",
)
GRADER = Story(
    task="Grades one place as normal/mild, moderate or severe: {backbone} over each slice, pooled by gated attention.",
    takes="{slices} slices of the {region} place at most, a square of {crop_mm} mm cut to {input_size} × {input_size}, "
    "grey values by percentile {low_percentile} – {high_percentile}",
    gives="a probability for each of {labels} (temperature {temperature}), and each slice's share of the attention",
    trained_on="**synthetic studies only**, drawn by `export/phantom`: a digital spine whose narrowing is known because "
    "it was drawn. No real patient's grade was available where this was built.",
    split="by study: training, validation and test are ranges of the phantom's index (`export/grader/prepare.py`).",
    proves="narrowing that the phantom draws is graded as the phantom means it, on studies never trained on.",
    does_not_prove="**anything about patients.** A real stenosis need not look like a drawn one. The validation studies "
    "also chose the best checkpoint and set the temperature, so these numbers flatter the model; "
    "`python -m benchmarks.accuracy grades` reads studies that chose nothing.",
)
STORIES = {"detector": DETECTOR, "grader": GRADER}

METRICS = {
    "macro_f1": "macro F1 of the three severities",
    "accuracy": "accuracy",
    "weighted_f1": "weighted F1",
    "quadratic_kappa": "quadratic κ",
    "linear_kappa": "linear κ",
    "weighted_log_loss": "weighted log loss (less is better)",
    "calibration_error": "calibration error (less is better)",
    "same_grade": "places graded as by FP32",
    "real_t2_levels_right": "real T2: levels found and rightly named",
    "real_t2_other_fields_levels_right": "real T2 at fields of view of 250 to 400 mm: levels rightly named",
    "phantom_levels_right": "synthetic: levels rightly named",
    "real_t2_within_2_mm": "real T2: centres within 2 mm",
    "real_t2_other_fields_within_2_mm": "real T2 at other fields of view: centres within 2 mm",
    "phantom_within_2_mm": "synthetic: centres within 2 mm",
}
"""In words; a metric not named here is shown by its own name."""


def card(name: str, entry: Mapping[str, Any], facts: Mapping[str, str], second: Sequence[Table] = ()) -> str:
    """One card. `entry` is the manifest's, `facts` the model's `rt_info`, `second` what a second opinion was worth.

    Raises ValueError for weights not trained on synthetic studies that do not say in the manifest what they were
    trained on (`trained_on`, `split`, `proves`, `does_not_prove`): the usual words would then be untrue.
    """
    story = STORIES[entry["kind"]]
    told = {key: str(entry.get(key, getattr(story, key))) for key in ("trained_on", "split", "proves", "does_not_prove")}
    if "synthetic" not in entry["calibration_set"] and not {"trained_on", "proves"} <= entry.keys():
        raise ValueError(f"{name}: say in MANIFEST.json what it was trained on and what that proves")
    return "\n".join(
        [
            f"# {name} {entry['version']} ({entry['precision']})",
            "",
            "A computer pre-screening aid, never a diagnosis; not a medical device; not reviewed by a radiologist.",
            "",
            story.task.format(backbone=entry.get("backbone", "MobileNetV3-Large")),
            "",
            *_table(entry, story, facts),
            "",
            "## What it was trained on",
            "",
            f"- Data: {told['trained_on']}",
            f"- Split: {told['split']}",
            "",
            "## Numbers",
            "",
            f"Measured on {entry['measured_on']}, through the box's own adapter.",
            "",
            *_numbers(entry),
            "",
            *(_second_opinion(entry, facts["region"], second) if second and "region" in facts else ()),
            "More, with every case counted: [README](../../README.md) and [benchmarks](../../benchmarks/README.md).",
            "",
            "## What that proves, and what not",
            "",
            f"- Proves: {told['proves']}",
            f"- Does not prove: {told['does_not_prove']}",
            "",
            "Made by `python -m export.model_card` from `MANIFEST.json`; do not edit by hand.",
            "",
        ]
    )


def _table(entry: Mapping[str, Any], story: Story, facts: Mapping[str, str]) -> list[str]:
    shown = {**facts, "labels": ", ".join(facts.get("labels", "").split()).replace("_", " ")}
    rows = {
        "takes": story.takes.format_map(shown),
        "gives": story.gives.format_map(shown),
        "origin": entry["origin"],
        "calibrated on": entry["calibration_set"],
        "kept in floating point": entry["kept_in_floating_point"],
        "SHA-256": f"`{entry['sha256']}`",
        "licence": "AGPL-3.0",
    }
    return ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]


def _numbers(entry: Mapping[str, Any]) -> list[str]:
    fp32, int8 = entry["fp32"], entry["int8"]
    verdict = gate(fp32, int8, ALLOWED_DROP)
    shown = {m: "{:.3f}" if m.endswith("kappa") or m in LOWER_IS_BETTER else "{:.1%}" for m in fp32}
    rows = [
        f"| {METRICS.get(m, m)} | {form.format(fp32[m])} | {form.format(int8[m])} | {100 * (int8[m] - fp32[m]):+.1f} |"
        for m, form in shown.items()
    ]
    worst = f"{METRICS.get(verdict.worst, verdict.worst)} fell most, by {100 * verdict.drops[verdict.worst]:.1f} points"
    said = (
        "No metric became worse by more than half a point from FP32 to INT8: the accuracy gate held."
        if verdict.passed
        else f"**The accuracy gate (half a point) did not hold**: {worst}. These weights were shipped by force."
    )
    return ["| metric | FP32 | INT8 | change, points |", "|---|---|---|---|", *rows, "", said]


def _second_opinion(entry: Mapping[str, Any], region: str, tables: Sequence[Table]) -> list[str]:
    """What averaging this grader with the other kind changes in its region, and what that costs."""
    rows = []
    for changes, differing in ((a, b) for a, b in pairwise(tables) if (a.title, b.title) == SECOND_TABLES):
        first, other, both = ([r for r in changes.rows if r[:2] == (region, who)] for who in ("first", "second", "both"))
        share = next((r[2] for r in differing.rows if r[0] == region), "-")
        if first and other and both:
            rows.append(f"| {changes.data} | {first[0][4]} | {other[0][4]} | {both[0][4]} | {both[0][6]} | {share} |")
    cost = next((r for t in tables for r in t.rows if r[0] == f"grading, {region}"), None)
    told = f"Cost, in one run: {cost[1]} ms for this region alone, {cost[2]} ms with both ({cost[4]} times)." if cost else ""
    role = "second" if entry.get("role") == "second" else "first"
    if not rows:
        why = "[docs/second-opinion.md](../../docs/second-opinion.md)"
        return ["## A second opinion", "", f"Not measured in this region: no second grader was trained. {why}", ""]
    return [
        "## A second opinion",
        "",
        f"This is the {role} grader. `reader.second_opinion` (off unless switched on) averages the two; why it is off: "
        "[a second opinion](../../docs/second-opinion.md).",
        "",
        "| measured on | macro F1: first alone | second alone | both | both less the first, points | the two disagree |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        told,
        "",
    ]


def facts_of(model: Path) -> dict[str, str]:
    """What the weights say of themselves: `rt_info/lumbarbox` of model.xml."""
    found = ElementTree.parse(model / "model.xml").getroot().find("rt_info/lumbarbox")
    return {fact.tag: fact.attrib["value"] for fact in found} if found is not None else {}


def cards(models: Path) -> dict[Path, str]:
    """Every card as it must be, by its path."""
    manifest = json.loads((models / "MANIFEST.json").read_text("utf-8"))["models"]
    second = load(SECOND) if (FOLDER / f"{SECOND}.json").is_file() else ()
    return {
        models / name / "MODEL_CARD.md": card(name, entry, facts_of(models / name), second)
        for name, entry in manifest.items()
    }


def behind(models: Path) -> list[Path]:
    """Cards that are missing or not as they must be."""
    return [p for p, text in cards(models).items() if not p.is_file() or p.read_text("utf-8") != text]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.model_card", description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--check", action="store_true", help="only look; exit 1 when a card is behind")
    args = parser.parse_args(arguments)
    made, stale = cards(args.models), behind(args.models)
    for path in stale:
        print(f"{'behind' if args.check else 'written'}: {path}")
        if not args.check:
            path.write_text(made[path], "utf-8")
    return int(args.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
