"""`lumbarbox backup|restore`: what cannot be made again, in one file, and a box made from it."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from appliance import backup
from appliance.backup import Saved
from appliance.wiring import program_version, read_config

WELL = 0


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`backup` and `restore`."""
    saving = subparsers.add_parser("backup", help="the box's state into one file, also while it runs")
    saving.add_argument("target", type=Path, help="a file that is not there yet, or a folder")
    saving.add_argument("--without-slices", action="store_true", help="leave out the slices the page's viewer shows")
    saving.set_defaults(run=_backup)
    restoring = subparsers.add_parser("restore", help="a box from a backup, into an empty folder")
    restoring.add_argument("file", type=Path)
    restoring.add_argument("--check", action="store_true", help="only say whether the backup is whole")
    restoring.set_defaults(run=_restore)
    for parser in (saving, restoring):
        parser.add_argument("--data", metavar="DIR", help="the box's folder, over box.data")


def _backup(args: argparse.Namespace) -> int:
    settings, now = read_config(args.config, args.data), datetime.now().astimezone()
    saved = backup.save(settings, args.target, program_version(), now, slices=not args.without_slices)
    print(f"Saved in {saved.file}: {_told(saved)}.")
    secrets = [path for path in (settings.mqtt.password_file, settings.mqtt.key_file) if path]
    print(f"Not in it: what lies on the share, and the secrets{' (' + ', '.join(secrets) + ')' if secrets else ''}.")
    print("It holds study dates and identifiers: keep it as you keep patients' files.")
    return WELL


def _restore(args: argparse.Namespace) -> int:
    if args.check:
        print(f"{args.file} is whole: {_told(backup.check(args.file))}.")
        return WELL
    settings = read_config(args.config, args.data)
    saved = backup.restore(args.file, settings)
    print(f"Restored into {settings.data}: {_told(saved)}.")
    print(f"The configuration it ran with is in {settings.data / backup.CONFIGURATION}; the one used is yours as it is.")
    print("Start the box. Everybody logs in again.")
    return WELL


def _told(saved: Saved) -> str:
    facts = saved.manifest.facts
    made = datetime.fromisoformat(facts["made_at"])
    return (
        f"the box {facts['node']!r} on {made:%Y-%m-%d %H:%M}, {saved.reports} reports, "
        f"{saved.on_their_way} drops on their way, {saved.manifest.bytes / 1e6:.1f} MB unpacked"
    )
