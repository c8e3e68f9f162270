"""Technicians against the watched share: pieces in any order, kill -9, a share that goes away. Is anything lost?

    python -m benchmarks.soak [--studies 1000] [--kills 200] [--outages 50] [--seed 1]

Everything but the models is the real thing: share, spool, decoding process, ledger, outbox, filing, in a process of its
own that is killed with SIGKILL at random moments. The models are not what is tested here: in their place stands a
reader (`Box(settings, reader=...)`, the seam of `ports.Reader`) whose report lists the SOP Instance UIDs it was given.

The studies are synthetic: DICOM files of 16 x 16 pixels with a geometry and times that make them the three series.
At the end every study must have exactly one report that counts, with exactly its images; every result must be in the
outbox once; every file a technician ever dropped must lie on the share.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from appliance import config
from appliance.adapters.ledger import Ledger
from appliance.adapters.outbox import Outbox
from appliance.box import Box
from appliance.core.jobs import Job, State
from benchmarks.results import Table, save
from benchmarks.soak_reader import ListingReader

QUICK = {
    "inbox__poll_seconds": 0.1, "inbox__quiet_seconds": 0.3, "inbox__series_quiet_seconds": 0.5,
    "inbox__study_quiet_seconds": 3.0, "disk__warn_mb": 0, "disk__stop_mb": 0, "broker__enabled": False,
    "mqtt__host": "127.0.0.1", "mqtt__port": 1,
}  # fmt: skip
"""The same rules as on a box, with shorter times."""

SAGITTAL, AXIAL = [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 1, 0]
SERIES = (("t1", SAGITTAL, 600, 10), ("t2", SAGITTAL, 3500, 100), ("axial", AXIAL, 3500, 100))
"""Name, Image Orientation (Patient), TR and TE in ms."""


@dataclass
class Plan:
    """How much is done to the box."""

    studies: int = 1000
    kills: int = 200
    outages: int = 50
    slices: int = 3
    seed: int = 1
    seconds_between_kills: float = 4.0
    """On average; the box needs about one to start."""
    seconds_between_outages: float = 12.0


@dataclass
class Tally:
    """What was done, and what came of it."""

    drops: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    outages: int = 0
    released: int = 0
    files: set[str] = field(default_factory=set)
    """SHA-256 of every file that was dropped."""
    images: dict[str, set[str]] = field(default_factory=dict)
    """Study Instance UID to the SOP Instance UIDs that were dropped."""


class Share:
    """The technicians' side: whatever they do, they only ever write files."""

    def __init__(self, root: Path, tally: Tally, rng: random.Random) -> None:
        self.root, self._tally, self._rng = root, tally, rng
        self._away = root.with_name("share-away")
        self._number = 0

    def drop(self, pieces: list[tuple[str, str, bytes]]) -> None:
        """Study UID, SOP UID and bytes of some images, in one of the ways people choose."""
        way = self._rng.choice(("folder", "nested", "zip", "zip in folder", "loose", "slow folder"))
        self._number += 1
        name = f"drop {self._number}"
        files = {f"IM{n:05d}": data for n, (_, _, data) in enumerate(pieces)}
        if way == "zip":
            self._write(self.root / f"{name}.zip", zipped(files))
        elif way == "zip in folder":
            self._write(self.root / name / "study.zip", zipped(files))
        elif way == "loose":
            for number, data in enumerate(files.values()):
                self._write(self.root / f"L{self._number:06d}_{number}", data)
        else:
            below = self.root / name / ("DICOM/S0" if way == "nested" else "")
            for file, data in files.items():
                self._write(below / file, data, slowly=way == "slow folder" and self._rng.random() < 0.3)
        self._tally.drops[way] += 1
        for study, sop, _ in pieces:
            self._tally.images.setdefault(study, set()).add(sop)

    def take_away(self) -> None:
        self.root.rename(self._away)

    def bring_back(self) -> None:
        """What the box may have made at the empty place meanwhile would be seen here."""
        if self.root.exists():
            raise AssertionError(f"something was written to the empty mount point: {list(self.root.rglob('*'))}")
        self._away.rename(self.root)
        self._tally.outages += 1

    def _write(self, path: Path, data: bytes, slowly: bool = False) -> None:
        """Two halves with a pause between, when slow: what a bad network does."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.write(data[: len(data) // 2])
            if slowly:
                out.flush()
                time.sleep(0.05)
            out.write(data[len(data) // 2 :])
        self._tally.files.add(hashlib.sha256(data).hexdigest())


class Killed:
    """The box in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._command = [sys.executable, "-m", "benchmarks.soak", "--box", str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, env=_environment())

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


def run(plan: Plan, folder: Path, tell: Any = print) -> dict[str, Any]:
    """Do it, wait for the end, and look. Raises AssertionError when anything was lost, doubled or left."""
    rng, tally = random.Random(plan.seed), Tally()
    started = time.monotonic()
    box = Box(settings_of(folder), ListingReader(lambda files: ()))
    box.inbox.create()
    box.close()
    share, killed = Share(folder / "share", tally, rng), Killed(folder)
    killed.start()
    try:
        torment = Torment(plan, tally, share, killed, rng)
        pieces = _pieces(plan, rng)
        # As slow as the kills need, so that each of them finds work to interrupt.
        pause = max(0.07, plan.kills * plan.seconds_between_kills / len(pieces))
        for step, piece in enumerate(pieces):
            share.drop(piece)
            torment()
            time.sleep(rng.uniform(0.0, 2 * pause))
            if step % 200 == 199:
                tell(f"{step + 1} drops, {tally.kills} kills, {tally.outages} outages, {time.monotonic() - started:.0f} s")
        while not torment.is_over:
            torment()
            time.sleep(0.05)
        _settle(folder, tally, killed, tell)
    finally:
        killed.stop()
    found = _verdict(folder, tally)
    return {**found, "seconds": round(time.monotonic() - started)}


def _pieces(plan: Plan, rng: random.Random) -> list[list[tuple[str, str, bytes]]]:
    """Every image of every study once, in random pieces and order; one piece in twenty a second time."""
    pieces = []
    for number in range(plan.studies):
        images = list(study(number, plan.slices))
        rng.shuffle(images)
        while images:
            size = rng.choice((1, 2, 3, len(images)))
            pieces.append((number + rng.uniform(0, 6), images[:size]))
            images = images[size:]
    pieces += [(when + rng.uniform(0, 10), piece) for when, piece in pieces if rng.random() < 0.05]
    pieces.sort(key=lambda p: p[0])  # a study's pieces come within the time of some six studies
    return [piece for _, piece in pieces]


class Torment:
    """Now and then the power goes, now and then the cable: at random moments, some seconds apart."""

    def __init__(self, plan: Plan, tally: Tally, share: Share, killed: Killed, rng: random.Random) -> None:
        self._plan, self._tally, self._share, self._killed, self._rng = plan, tally, share, killed, rng
        self._kill_at = self._soon(plan.seconds_between_kills)
        self._cut_at = self._soon(plan.seconds_between_outages)

    def __call__(self) -> None:
        """Do what is due."""
        if time.monotonic() > self._kill_at and self._tally.kills < self._plan.kills:
            self._killed.kill()
            self._tally.kills += 1
            self._killed.start()
            self._kill_at = self._soon(self._plan.seconds_between_kills)
        if time.monotonic() > self._cut_at and self._tally.outages < self._plan.outages:
            self._share.take_away()
            time.sleep(self._rng.uniform(0.3, 2.0))
            self._share.bring_back()
            self._cut_at = self._soon(self._plan.seconds_between_outages)

    @property
    def is_over(self) -> bool:
        return self._tally.kills >= self._plan.kills and self._tally.outages >= self._plan.outages

    def _soon(self, mean: float) -> float:
        return time.monotonic() + 0.2 + self._rng.expovariate(1 / mean)


def _settle(folder: Path, tally: Tally, killed: Killed, tell: Any, patience: float = 7200) -> None:
    """Until nothing is on its way and nothing lies in the drop area. A quarantined study is released, as a person would."""
    end, calm, told = time.monotonic() + patience, 0, 0.0
    ledger = Ledger(folder / "box" / "ledger.db")
    while calm < 12:
        assert time.monotonic() < end, f"it does not come to rest: {ledger.in_state(*_OPEN)[:3]}"
        killed.start()
        waiting = ledger.count(*_OPEN) + len(ledger.unfinished_business())
        left = [p for p in (folder / "share").iterdir() if not p.name.startswith((".", "_", "~"))]
        calm = 0 if waiting or left else calm + 1
        for job in ledger.in_state(State.QUARANTINED):
            if job.filed:
                _release(folder, job)
                tally.released += 1
        if time.monotonic() > told + 30:
            told = time.monotonic()
            tell(f"waiting: {waiting} jobs, {len(left)} entries")
        time.sleep(0.5)
    ledger.close()


_OPEN = (State.RECEIVED, State.SETTLING, State.QUEUED, State.READING, State.QUARANTINED)


def _release(folder: Path, job: Job) -> None:
    box = Box(settings_of(folder), ListingReader(lambda files: ()))
    box.try_again(job)
    box.close()


def _verdict(folder: Path, tally: Tally) -> dict[str, Any]:
    ledger, outbox = Ledger(folder / "box" / "ledger.db"), Outbox(folder / "box" / "outbox.db")
    jobs = ledger.newest(1_000_000)
    failed = [j for j in jobs if j.state is not State.DONE]
    assert not failed, f"not done: {failed[:3]}"
    reports = [j for j in jobs if not j.duplicate_of]
    final = [j for j in reports if not j.superseded_by]
    doubled = [uid for uid, count in Counter(j.study_uid for j in final).items() if count > 1]
    lost = [uid for uid in tally.images if uid not in {j.study_uid for j in final}]
    incomplete = [j.id for j in final if _listed(folder, j) != tally.images[j.study_uid]]
    results = Counter((w.body["rid"], w.body["revision"]) for w in outbox.oldest(1_000_000))
    unsent = [j.id for j in reports if results[j.id, j.result.revision if j.result else 0] != 1]
    on_share = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "share").rglob("*") if p.is_file()}
    missing = tally.files - on_share
    found = {
        "studies": len(tally.images),
        "drops": dict(tally.drops),
        "files_dropped": len(tally.files),
        "kills": tally.kills,
        "share_outages": tally.outages,
        "jobs": len(jobs),
        "reports_written": len(reports),
        "revisions": len(reports) - len(final),
        "drops_recognised_as_read_before": sum(1 for j in jobs if j.duplicate_of),
        "drops_joined": ledger.count(State.JOINED),
        "quarantined_and_released": tally.released,
        "final_reports": len(final),
        "studies_lost": len(lost),
        "studies_doubled": len(doubled),
        "studies_incomplete": len(incomplete),
        "results_not_in_the_outbox_once": len(unsent),
        "technicians_files_missing": len(missing),
    }
    assert not (lost or doubled or incomplete or unsent or missing), found
    return found


def _listed(folder: Path, job: Job) -> set[str]:
    report = json.loads((folder / "box" / "reports" / job.id / "report.json").read_text("utf-8"))
    return set(report["warnings"])


def study(number: int, slices: int) -> Iterator[tuple[str, str, bytes]]:
    """Study UID, SOP UID and file of every image of one synthetic study."""
    uid = generate_uid(entropy_srcs=["soak", str(number)])
    for series, direction, tr, te in SERIES:
        for index in range(slices):
            dataset = _dataset(uid, series, index, direction)
            dataset.RepetitionTime, dataset.EchoTime = tr, te
            out = io.BytesIO()
            dataset.save_as(out, enforce_file_format=True)
            yield uid, str(dataset.SOPInstanceUID), out.getvalue()


def _dataset(uid: str, series: str, index: int, direction: list[int]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = MRImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[uid, series, str(index)])
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = uid, generate_uid(entropy_srcs=[uid, series])
    made.Modality, made.PatientID, made.InstanceNumber = "MR", uid[-8:], index + 1
    made.ImageOrientationPatient, made.ImagePositionPatient = direction, [index * 4.0, 0.0, index * 4.0]
    made.PixelSpacing, made.Rows, made.Columns = [1.0, 1.0], 16, 16
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 0
    made.PixelData = np.full((16, 16), index, np.uint16).tobytes()
    return made


def settings_of(folder: Path) -> config.Config:
    return config.load(None, {}, box__data=str(folder / "box"), inbox__path=str(folder / "share"), **QUICK)


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": root}


def serve(folder: Path) -> None:
    """The box that is killed: intake and reader, until a signal."""
    from appliance.running import Running

    settings = settings_of(folder)
    box = Box(settings, ListingReader(lambda files: ()))
    box.reader = ListingReader(box.inspector.inspect)
    running = Running(box, ("intake", "reader"))
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    running.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--box", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--outages", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything there, to look at")
    args = parser.parse_args()
    if args.box:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        serve(args.box)
        return
    folder = args.folder or Path(tempfile.mkdtemp(prefix="lumbarbox-soak-"))
    found = run(Plan(args.studies, args.kills, args.outages, seed=args.seed), folder)
    print(json.dumps(found, indent=2))
    save("soak", [_table(found, args)])
    if not args.folder:
        shutil.rmtree(folder)


def _table(found: dict[str, Any], args: argparse.Namespace) -> Table:
    command = f"python -m benchmarks.soak --studies {args.studies} --kills {args.kills} --outages {args.outages}"
    rows = [(name.replace("_", " "), str(value)) for name, value in found.items() if name != "drops"]
    rows += [(f"dropped as {way}", str(count)) for way, count in found["drops"].items()]
    data = f"synthetic DICOM files of 16 x 16 pixels, seed {args.seed}; a reader that lists what it is given, no models"
    return Table("Soak of the watched share", data, f"{command} --seed {args.seed}", ("what", "count"), tuple(rows))


if __name__ == "__main__":
    main()
