"""What cannot be made again, in one file, and back out of it.

In it: the databases as they are in one moment, the reports, the copies of studies on their way (an upload lies nowhere
else), the key by which patients are known again, and the configuration to look at. Not in it: the share, compiled
models, the key of the page's sessions (all log in again), and passwords, which the configuration only names.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance import config
from appliance.adapters.backup_file import Manifest, pack, unpack, verify
from appliance.adapters.ledger import Ledger
from appliance.config import Config
from appliance.core.ledger_tables import SCHEMA_VERSION
from appliance.core.limits import MIB
from appliance.database import fault_of, snapshot
from appliance.errors import Code, InputError, SystemicError, UsageError, from_os
from appliance.recovery import alone

SCHEMA = "lumbarbox.backup/1"
LEDGER, LOCK = "ledger.db", "ledger.lock"
DATABASES = (LEDGER, "outbox.db", "register.db", "accounts.db", "tokens.db")
"""Copied in this order: a result that leaves the outbox in between was acknowledged, and one put there in between is put
again by the ledger's copy, under the same id."""
KEY, CONFIGURATION, REPORTS, SPOOL, SLICES = "register.key", "configuration.toml", "reports", "spool", "slices"
RESTORING = "restoring"
NOT_A_BOX = {RESTORING, LOCK, "lost+found"}
"""What may lie in a folder that counts as empty."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds."""

    file: Path
    manifest: Manifest

    @property
    def reports(self) -> int:
        return self._folders(REPORTS)

    @property
    def on_their_way(self) -> int:
        """Drops that were taken in and not filed yet."""
        return self._folders(SPOOL)

    def _folders(self, inside: str) -> int:
        paths = (name.split("/") for name in self.manifest.files)
        return len({path[1] for path in paths if path[0] == inside and len(path) > 2})


def save(settings: Config, target: Path, program: str, now: datetime, *, slices: bool = True) -> Saved:
    """Beside a running box too. `target` is a file that is not there yet, or a folder. Raises UsageError, SystemicError."""
    file = target / f"lumbarbox-{settings.box.node}-{now:%Y%m%d-%H%M%S}.tar.gz" if target.is_dir() else target
    if not (settings.data / LEDGER).is_file():
        raise UsageError(f"There is no box in {settings.data}.", "Name its folder with --data, or its --config.")
    if file.exists():
        raise UsageError(f"{file} is there already.", "Choose another name, or a folder: the name is then made.")
    facts = {
        "schema": SCHEMA, "made_at": now.isoformat(), "node": settings.box.node, "version": program,
        "ledger_schema": SCHEMA_VERSION, "slices": slices,
    }  # fmt: skip
    with _stage(settings.data) as stage:
        try:
            _gather(settings, stage, now, slices)
            _check_room(file.parent, sum(path.stat().st_size for path in stage.rglob("*") if path.is_file()))
        except OSError as exc:
            raise from_os(exc, f"The box's folder {settings.data}", Code.FAULT) from exc
        return Saved(file, pack(stage, file, facts))


def check(file: Path) -> Saved:
    """Read to its end. Raises InputError when it is damaged, no backup, or of a newer box."""
    manifest = verify(file)
    if manifest.facts.get("schema") != SCHEMA or int(manifest.facts.get("ledger_schema", 0)) > SCHEMA_VERSION:
        raise InputError(
            Code.UNSUPPORTED,
            f"{file} was made by Lumbarbox {manifest.facts.get('version', '?')}, which is newer than this one.",
            "Install that version, then restore.",
        )
    if LEDGER not in manifest.files:
        raise InputError(Code.UNSUPPORTED, f"{file} holds no ledger.", "Name a file that `lumbarbox backup` made.")
    return Saved(file, manifest)


def restore(file: Path, settings: Config) -> Saved:
    """Into an empty folder; whole, or another try begins anew. Raises UsageError, InputError, SystemicError."""
    data = settings.data
    _refuse_foreign(data)
    saved = check(file)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(data / LOCK):  # a box that is started in this moment waits
            _refuse_over_a_box(data)
            _check_room(data, saved.manifest.bytes + settings.disk.stop_mb * MIB)
            shutil.rmtree(data / RESTORING, ignore_errors=True)
            unpack(file, data / RESTORING)
            _look_through(data / RESTORING, file)
            _put_in_place(data)
    except OSError as exc:
        raise from_os(exc, f"The folder {data}", Code.FAULT) from exc
    return saved


@contextmanager
def _stage(data: Path) -> Iterator[Path]:
    """A folder on the box's own disk, so that files come into it by links: at once, and retention cannot take them."""
    try:
        (data / "tmp").mkdir(mode=0o700, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix="backup-", dir=data / "tmp"))
    except OSError as exc:
        raise from_os(exc, f"The box's folder {data}", Code.FAULT) from exc
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _gather(settings: Config, stage: Path, now: datetime, slices: bool) -> None:
    data = settings.data
    there = [name for name in DATABASES if (data / name).is_file()]
    _check_room(data, sum((data / name).stat().st_size for name in there))
    for name in there:
        snapshot(data / name, stage / name)
    ledger = Ledger(stage / LEDGER)
    try:
        needed = ledger.spool_needed(now)
    finally:
        ledger.close()
    for ending in ("-wal", "-shm"):
        (stage / f"{LEDGER}{ending}").unlink(missing_ok=True)
    for folder in (data / REPORTS).iterdir():
        if folder.is_dir() and folder.suffix != ".part":
            _link_folder(folder, stage / REPORTS / folder.name, () if slices else (SLICES,))
    for drop in needed:
        _link_folder(data / SPOOL / drop, stage / SPOOL / drop)
        if (data / SPOOL / f"{drop}.json").is_file() and (stage / SPOOL / drop).is_dir():
            os.link(data / SPOOL / f"{drop}.json", stage / SPOOL / f"{drop}.json")
    if (data / KEY).is_file():
        shutil.copyfile(data / KEY, stage / KEY)
    (stage / CONFIGURATION).write_text(config.to_toml(settings), "utf-8")


def _link_folder(source: Path, target: Path, without: tuple[str, ...] = ()) -> None:
    """The files of a folder that is only ever put in place or taken away whole; again, where that happened meanwhile."""
    for _ in range(5):
        try:
            inode = source.stat().st_ino
            shutil.copytree(source, target, copy_function=os.link, ignore=lambda _, names: set(names) & set(without))
            if source.stat().st_ino == inode:
                return
        except FileNotFoundError:
            pass
        except shutil.Error as exc:
            if not all("No such file" in str(why) for _, _, why in exc.args[0]):
                raise
        shutil.rmtree(target, ignore_errors=True)


def _refuse_foreign(data: Path) -> None:
    """What root unpacks the box could not open."""
    if data.is_dir() and os.geteuid() == 0 and data.stat().st_uid != 0:
        raise UsageError(f"{data} belongs to another user.", f"Run this as that user: sudo -u '#{data.stat().st_uid}' …")


def _refuse_over_a_box(data: Path) -> None:
    if (data / LEDGER).exists():
        raise UsageError(
            f"There is a box in {data}: nothing is restored over it.",
            "Stop it (systemctl stop lumbarbox), move its folder aside, and try again; or name an empty folder with --data.",
        )
    others = {path.name for path in data.iterdir()} - NOT_A_BOX
    if others and not (data / RESTORING).exists():
        raise UsageError(f"{data} is not empty: {', '.join(sorted(others)[:5])}.", "Name an empty folder.")


def _look_through(folder: Path, file: Path) -> None:
    for name in DATABASES:
        fault = fault_of(folder / name) if (folder / name).exists() else ""
        if fault:
            raise InputError(Code.CORRUPT, f"{name} in {file} is damaged: {fault}.", "Take another backup.")
    ledger = Ledger(folder / LEDGER)
    ledger.set_fact("inbox", None)  # the drop area inside the box's folder is made anew
    ledger.close()


def _put_in_place(data: Path) -> None:
    """The ledger last: until it is there this folder is no box."""
    parts = sorted((data / RESTORING).iterdir(), key=lambda path: path.name == LEDGER)
    for part in parts:
        if (data / part.name).is_dir():
            shutil.rmtree(data / part.name)  # of a try that was cut off
        part.rename(data / part.name)
    (data / RESTORING).rmdir()


def _check_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise SystemicError(
            Code.NO_SPACE, f"{folder} has {free // MIB} MB free; {wanted // MIB + 1} MB are needed.", "Make room first."
        )
