"""A whole reading beside the bare inferences it makes, in one run: `python -m benchmarks.latency [STUDY]`.

Every inference of one reading is recorded, then repeated with nothing around it. Machines are noisy, so both are
repeated in turn and the medians compared; only the ratio means something.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.adapters.openvino_model import DETECTOR, GRADERS, load_models
from appliance.core.geometry import PixelMm
from appliance.core.models import DetectedBox, Detector, Grade, Grader
from appliance.core.preprocessing import letterbox
from appliance.pipeline import Models, read_study
from appliance.reading import read_path
from benchmarks.results import Table, save

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Recorder:
    """Stands before a model, keeps what it was asked and the same weights compiled with nothing around them."""

    model: Any
    bare: Callable[[NDArray[np.uint8]], object]
    size: int
    asked: list[Callable[[], object]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        square = letterbox(picture, self.size, pixel_mm)[0][None, None]
        self.asked.append(partial(self.bare, square))
        found: tuple[DetectedBox, ...] = self.model.detect(picture, pixel_mm, fill)
        return found

    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        self.asked.append(partial(self.bare, crops))
        grade: Grade = self.model.grade(crops)
        return grade


def recorded(models: Models, folder: Path) -> tuple[Models, list[Callable[[], object]]]:
    """The same models, and the list that fills with their bare inferences."""
    asked: list[Callable[[], object]] = []
    detector: Detector = Recorder(models.detector, *_bare(folder / DETECTOR), asked)
    graders: dict[Any, Grader] = {
        region: Recorder(g, *_bare(folder / GRADERS[region]), asked) for region, g in models.graders.items()
    }
    return Models(detector, graders, models.device, models.fallback), asked


def _bare(folder: Path) -> tuple[Callable[[NDArray[np.uint8]], object], int]:
    """One model with the box's own settings and none of its code: infer, and the side of its input."""
    import openvino as ov  # here: openvino_model has shut its telemetry up by now

    core = ov.Core()
    core.set_property("CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    compiled = core.compile_model(str(folder / "model.xml"), "CPU")
    request = compiled.create_infer_request()
    return (lambda given: request.infer({0: given})), int(compiled.input(0).partial_shape[-1].get_length())


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(path: Path, models_folder: Path, repeats: int) -> dict[str, float]:
    """Median seconds of the reading (files to report), its bare inferences, and the whole command."""
    loaded = load_models(models_folder)
    models = Models(loaded.detector, loaded.graders, loaded.device, loaded.fallback)
    spied, asked = recorded(models, models_folder)
    now = datetime.now(UTC)
    read_study(read_path(path), spied, now)
    bare = list(asked)

    def reading() -> object:
        return read_study(read_path(path), models, now)

    def inferences() -> object:
        return [ask() for ask in bare]

    reading(), inferences()
    pairs = [(seconds(reading), seconds(inferences)) for _ in range(repeats)]
    return {
        "inferences": float(len(bare)),
        "reading_s": median(r for r, _ in pairs),
        "bare_s": median(b for _, b in pairs),
        "ratio": median(r / b for r, b in pairs),
        "command_s": median(command(path) for _ in range(max(1, repeats // 3))),
        "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def command(path: Path) -> float:
    """Seconds of `lumbarbox read PATH` in a process of its own, interpreter and model loading included."""
    with tempfile.TemporaryDirectory() as out:
        ask = [sys.executable, "-m", "appliance", "read", str(path), "--out", out]
        return seconds(lambda: subprocess.run(ask, check=False, capture_output=True, cwd=ROOT))


def table(numbers: dict[str, float], path: Path) -> Table:
    rows = (
        ("inferences made", f"{numbers['inferences']:.0f}"),
        ("bare inferences, s", f"{numbers['bare_s']:.2f}"),
        ("whole reading (files to report), s", f"{numbers['reading_s']:.2f}"),
        ("reading / bare inferences", f"{numbers['ratio']:.2f}"),
        ("`lumbarbox read`, from start to exit, s", f"{numbers['command_s']:.2f}"),
        ("peak memory of `lumbarbox read`, MB", f"{numbers['peak_mb']:.0f}"),
    )
    where = f"one synthetic study ({path.name}), {platform.machine()}, OpenVINO on CPU"
    return Table("Latency and memory", where, "make bench", ("what", "measured"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", type=Path, default=ROOT / "appliance" / "golden" / "study.zip")
    parser.add_argument("--models", type=Path, default=ROOT / "models_int8")
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    made = table(measure(args.study, args.models, args.repeats), args.study)
    for what, number in made.rows:
        print(f"{what:44} {number}")
    save("latency", [made])


if __name__ == "__main__":
    main()
