"""Motion drawn as it comes about: the lines of k-space are measured at different places of the patient. Pure.

A sequence fills k-space shot by shot; between shots the patient is shifted and turned. Each line is taken from the
picture as it lay at its shot, and the magnitude of the whole is what the scanner shows. Turbo spin echo measures, in
each shot, lines spread over k-space (`INTERLEAVED`: ghosts); a plain spin echo line after line (`SEQUENTIAL`: doubled
edges). Nothing outside the picture is known: its edge is carried on. Only rigid motion in the plane, and the phase of
the signal is lost before we get it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

Image32 = NDArray[np.float32]
Course = NDArray[np.float64]

AMOUNTS_MM: Mapping[str, float] = {"light": 0.5, "moderate": 1.5, "heavy": 3.0}
"""Deviation of the place between shots, RMS."""
ACROSS_SHARE = 0.4
"""Motion along the frequency direction, of that along the phase."""
DEGREES_PER_MM = 0.35
"""Turning that goes with shifting."""


class Order(StrEnum):
    INTERLEAVED = "interleaved"
    SEQUENTIAL = "sequential"


def _tremor(shots: int, rng: np.random.Generator) -> Course:
    """At each shot another place."""
    return rng.normal(0, 1, shots)


def _moves(shots: int, rng: np.random.Generator) -> Course:
    """One to three changes of position, and still between them."""
    course = np.zeros(shots)
    for at in rng.integers(shots // 6, shots - shots // 6, rng.integers(1, 4)):
        course[at:] += rng.normal()
    return course


def _breathing(shots: int, rng: np.random.Generator) -> Course:
    """Two to seven shots a breath: 10 to 20 s of shots of 3 s."""
    return np.sin(2 * np.pi * np.arange(shots) / rng.uniform(2.2, 7) + rng.uniform(0, 2 * np.pi))


def _sliding(shots: int, rng: np.random.Generator) -> Course:
    """A random walk."""
    return np.cumsum(rng.normal(0, 1, shots))


@dataclass(frozen=True, slots=True)
class Motion:
    """How the patient moves and how the sequence meets it. `axis`: 0, phase encoded from head to feet; 1, across."""

    course: Callable[[int, np.random.Generator], Course]
    order: Order
    shots: int
    axis: int = 0


MOTIONS: Mapping[str, Motion] = {
    "tremor, phase head-feet": Motion(_tremor, Order.INTERLEAVED, 20, 0),
    "tremor, phase front-back": Motion(_tremor, Order.INTERLEAVED, 20, 1),
    "breathing, phase head-feet": Motion(_breathing, Order.INTERLEAVED, 16, 0),
    "changes of position, interleaved": Motion(_moves, Order.INTERLEAVED, 20, 0),
    "changes of position, line after line": Motion(_moves, Order.SEQUENTIAL, 60, 1),
    "sliding, line after line": Motion(_sliding, Order.SEQUENTIAL, 60, 0),
}


def any_motion(rng: np.random.Generator) -> Motion:
    """What the check is fitted to: all courses, both axes, interleaved twice as often."""
    courses = (_tremor, _tremor, _moves, _breathing, _sliding)
    orders = (Order.INTERLEAVED, Order.INTERLEAVED, Order.SEQUENTIAL)
    return Motion(courses[rng.integers(5)], orders[rng.integers(3)], int(rng.choice([8, 12, 16, 24])), int(rng.integers(2)))


def poses(motion: Motion, amount_mm: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(shots, 3): mm along the phase, mm across it, degrees; the first deviates by `amount_mm` (RMS) round its mean."""
    each = [_unit(motion.course(motion.shots, rng)) for _ in range(3)]
    scale = amount_mm * np.array([1.0, ACROSS_SHARE, DEGREES_PER_MM])
    return np.stack(each, axis=1) * scale


def moved(pixels: Image32, spacing: tuple[float, float], motion: Motion, at: NDArray[np.float64]) -> Image32:
    """The picture (rows, columns; mm between them in `spacing`) measured while it lay as `at` says, shot by shot."""
    count = pixels.shape[motion.axis]
    line = np.fft.fftfreq(count) * count
    rank = np.argsort(np.argsort(line))
    shot = rank % motion.shots if motion.order is Order.INTERLEAVED else rank * motion.shots // count
    wave = np.exp(-2j * np.pi * np.outer(line, np.arange(count)) / count).astype(np.complex64)
    found, which = np.unique(at, axis=0, return_inverse=True)
    k_space = np.zeros(pixels.shape if motion.axis == 0 else pixels.T.shape, np.complex64)
    for index, pose in enumerate(found):
        lines = np.flatnonzero(which.ravel()[shot] == index)
        lying = _lying(pixels, spacing, motion.axis, pose)
        k_space[lines] = wave[lines] @ (lying if motion.axis == 0 else lying.T)
    picture = np.abs(np.fft.ifft(k_space, axis=0)).astype(np.float32)
    return picture if motion.axis == 0 else np.ascontiguousarray(picture.T)


def _lying(pixels: Image32, spacing: tuple[float, float], axis: int, pose: NDArray[np.float64]) -> Image32:
    """Shifted and turned about its middle, in millimetres."""
    along, across, degrees = (float(v) for v in pose)
    down, right = (along, across) if axis == 0 else (across, along)
    rows, columns = pixels.shape
    to_mm = np.diag([spacing[1], spacing[0], 1.0])
    to_mm[:2, 2] = -(columns - 1) / 2 * spacing[1], -(rows - 1) / 2 * spacing[0]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, sin, right], [-sin, cos, down], [0, 0, 1]])
    matrix = (np.linalg.inv(to_mm) @ turn @ to_mm)[:2]
    return cv2.warpAffine(pixels, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _unit(course: Course) -> Course:
    """Round its mean, of standard deviation 1; where it stands still, one step in its middle."""
    if course.std() < 1e-6:
        course = (np.arange(len(course)) >= len(course) // 2).astype(float)
    course = course - course.mean()
    return course / course.std()
