"""`lumbarbox read`: one study or image, now."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from appliance.adapters.decoder import Decoder
from appliance.adapters.report_files import json_bytes, write_report
from appliance.config_keys import Config
from appliance.core.limits import MIB, Limits
from appliance.core.report import Outcome, Report
from appliance.core.report_text import to_text
from appliance.core.study import Study
from appliance.pipeline import Models, read_study
from appliance.progress import ProgressLine
from appliance.reading import ReadFile, read_file, read_path
from appliance.report_folder import Leaves, write_dicom
from appliance.typeface import typeface
from appliance.web.speech import speech_of
from appliance.wiring import limits_of, models_of, program_version, read_config

WELL, DEGRADED = 0, 4

STAGES = {
    "levels": "finding the levels",
    "canal on axial": "centring on the axial slices",
    "canal": "grading the canal",
    "foraminal": "grading the foramina",
    "subarticular": "grading the recesses",
}


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`read`."""
    parser = subparsers.add_parser("read", help="read one study (folder, zip, DICOM file) or picture (PNG, JPEG) now")
    parser.add_argument("path", type=Path)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the report and marked pictures there")
    parser.add_argument("--dicom", action="store_true", help="with --out: the report as DICOM objects too (SR and SC)")
    parser.add_argument("--json", action="store_true", help="print report.json instead of the matrix")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=_run, misuse=parser.error)


def _run(args: argparse.Namespace) -> int:
    if args.dicom and args.out is None:
        args.misuse("--dicom needs --out DIR")
    settings = read_config(args.config)
    decoder = Decoder(settings.limits.decode_memory_mb * MIB)
    show = ProgressLine(StringIO() if args.quiet else sys.stderr)
    try:
        study, report = read(args.path, limits_of(settings), lambda: models_of(settings), show, decoder.pictures)
    finally:
        decoder.close()
        show.close()
    if args.out is not None:
        write_report(report, study, args.out, speech_of(settings.output.language), typeface())
        _write_dicom(study, report, settings, args)
    _print(report, args)
    return WELL if report.outcome is Outcome.READ else DEGRADED


def _write_dicom(study: Study, report: Report, settings: Config, args: argparse.Namespace) -> None:
    wanted = args.dicom or settings.output.dicom
    leaves = Leaves(dicom=wanted, names=settings.privacy.keep_identifiers, software=program_version())
    if not write_dicom(report, args.out, leaves, study.patient):
        print("No DICOM objects were written: these images are none themselves.", file=sys.stderr)


def read(path: Path, limits: Limits, models: Any, show: Any, decode: ReadFile = read_file) -> tuple[Study, Report]:
    """The study is looked at before the models are loaded: a refusal needs none."""
    study = read_path(path, limits, decode=decode, progress=lambda files: show("reading files", files, 0))
    show("loading the models", 0, 0)
    loaded: Models = models()
    now = datetime.now().astimezone()
    report = read_study(study, loaded, now, progress=lambda stage, n, of: show(STAGES[stage], n, of))
    return study, report


def _print(report: Report, args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(json_bytes(report).decode())
        return
    sys.stdout.write(to_text(report, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    if args.out is not None:
        print(f"Written to {args.out}")
