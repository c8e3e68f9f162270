"""Pictures as another scanner, another technician and another patient would give them.

The frame must not be learnable: fields of view, cuts through the spine, turns, mirroring and letterbox bands are all
drawn at random, and so are coil shading, contrast and noise. Truth travels along: a box stays on its structure, and the
lumbosacral disc keeps its name (a cut that takes it away does not make the next one lumbosacral).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.core.preprocessing import PAD_GREY, placed, window_of
from export.detector.data import Picture

MIN_VISIBLE = 0.45
"""A structure keeps its box when this share of it is still in the picture."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How far the drawing goes; the zero strength letterboxes and nothing else."""

    zoom: tuple[float, float] = (0.6, 1.6)
    """Times the size at which the whole picture just fits the square: 200 to 420 mm of a usual 280 mm field."""
    rotation: float = 15.0
    """Degrees, either way."""
    shear: float = 0.06
    stretch: float = 0.2
    """Log of the ratio between the axes' scales."""
    flip: float = 0.5
    plain: float = 0.15
    """Share of pictures that are only letterboxed, as most studies will be."""
    look: float = 0.85
    """Share of pictures whose intensities are changed at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A square picture and its boxes in the square's pixel edges (x0, y0, x1, y1 from 0 to size)."""

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the picture's content lies in the square (pixel edges), the rest being letterbox."""

    left: int
    top: int
    right: int
    bottom: int


def draw(picture: Picture, size: int, rng: np.random.Generator, strength: Strength | None = None) -> Drawn:
    """One augmented square of `size` pixels."""
    strength = strength or Strength()
    plain = rng.random() < strength.plain
    frame = _whole_frame(picture, size, picture.finest_mm) if plain else _random_frame(picture, size, rng)
    matrix = _fit(picture, frame) if plain else _random_fit(picture, frame, rng, strength)
    if rng.random() < strength.flip:
        matrix = np.array([[-1, 0, frame.left + frame.right], [0, 1, 0], [0, 0, 1]], dtype=np.float64) @ matrix
    pixels = _warp(picture.pixels, matrix, size, frame)
    if rng.random() < strength.look:
        content = pixels[frame.top : frame.bottom, frame.left : frame.right]
        pixels[frame.top : frame.bottom, frame.left : frame.right] = change_look(content, rng)
    boxes, kept = _move_boxes(picture.outlines, matrix, frame)
    return Drawn(pixels, boxes, picture.classes[kept])


def fit_plain(picture: Picture, size: int) -> Drawn:
    """The picture letterboxed as the appliance does, with its boxes."""
    frame = _whole_frame(picture, size, picture.finest_mm)
    matrix = _fit(picture, frame)
    boxes, kept = _move_boxes(picture.outlines, matrix, frame)
    return Drawn(_warp(picture.pixels, matrix, size, frame), boxes, picture.classes[kept])


def change_look(content: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Coil, sequence, sharpness, saturation bands and noise; then the appliance's percentile window again."""
    image: NDArray[np.float32] = content.astype(np.float32) / np.float32(255)
    if rng.random() < 0.5:
        image = _sequence(image, rng)
    if rng.random() < 0.5:
        image = np.power(image, np.float32(np.exp(rng.uniform(-0.6, 0.6))))
    if rng.random() < 0.5:
        image = image * _coil(image.shape, rng)
    if rng.random() < 0.25:
        image = _saturation_band(image, rng)
    if rng.random() < 0.4:
        image = _soften(image, rng)
    if rng.random() < 0.5:
        image = _rician(image, rng)
    return window_of(image).apply(image)


def _whole_frame(picture: Picture, size: int, finest_mm: float = 0.0) -> Frame:
    """As `appliance.core.preprocessing.letterbox` places it."""
    rows, columns = picture.pixels.shape
    top, left, height, width = placed(rows, columns, size, picture.pixel_mm, finest_mm)
    return Frame(left, top, left + width, top + height)


def _random_frame(picture: Picture, size: int, rng: np.random.Generator) -> Frame:
    """The picture's own shape, a square, or anything between 1:2 and 2:1, filling one side of the square."""
    kind = rng.random()
    if kind < 0.35:
        return _whole_frame(picture, size)
    ratio = 1.0 if kind < 0.7 else float(np.exp(rng.uniform(-0.65, 0.65)))
    width, height = (size, round(size / ratio)) if ratio > 1 else (round(size * ratio), size)
    left, top = (size - width) // 2, (size - height) // 2
    return Frame(left, top, left + width, top + height)


def _fit(picture: Picture, frame: Frame) -> NDArray[np.float64]:
    """Picture pixels (centres at whole numbers) to the square's pixel edges, filling the frame."""
    rows, columns = picture.pixels.shape
    sx, sy = (frame.right - frame.left) / columns, (frame.bottom - frame.top) / rows
    return np.array([[sx, 0, frame.left + sx / 2], [0, sy, frame.top + sy / 2], [0, 0, 1]])


def _random_fit(
    picture: Picture, frame: Frame, rng: np.random.Generator, strength: Strength
) -> NDArray[np.float64]:
    """Scale, turn, shear and place so that a random point of the anatomy falls on a random point of the frame."""
    rows, columns = picture.pixels.shape
    width, height = frame.right - frame.left, frame.bottom - frame.top
    fit = min(width / columns, height / (rows * picture.aspect))
    zoom = fit * float(np.exp(rng.uniform(*np.log(strength.zoom))))
    stretch = float(np.exp(rng.uniform(-strength.stretch, strength.stretch) / 2))
    angle = np.radians(rng.uniform(-strength.rotation, strength.rotation))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, rng.uniform(-strength.shear, strength.shear)], [0, 1]])
    linear = turn @ shear @ np.diag([zoom * stretch, zoom * picture.aspect / stretch])
    points = picture.outlines.reshape(-1, 2) if len(picture.outlines) else np.array([[columns / 2, rows / 2]])
    low, high = points.min(axis=0), points.max(axis=0)
    anchor = low + (high - low) * np.array([0.5, rng.uniform(-0.1, 1.1)])
    target = np.array([
        frame.left + width * rng.uniform(0.2, 0.8), frame.top + height * _opposite_end(anchor, low, high, rng)
    ])
    shift = target - linear @ anchor
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, shift
    return matrix


def _opposite_end(
    anchor: NDArray[np.floating], low: NDArray[np.floating], high: NDArray[np.floating], rng: np.random.Generator
) -> float:
    """Where, down the frame, the anchor goes: mostly where it would lie in a centred field, sometimes anywhere."""
    if rng.random() < 0.3:
        return float(rng.uniform(0.1, 0.9))
    along = (anchor[1] - low[1]) / max(float(high[1] - low[1]), 1.0)
    return float(np.clip(0.12 + 0.76 * along + rng.normal(0, 0.12), 0.02, 0.98))


def _warp(pixels: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, frame: Frame) -> NDArray[np.uint8]:
    """Resample into the square; outside the picture is air, outside the frame is letterbox grey."""
    source, to_square = pixels, matrix
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if scale < 0.7:  # area-average first, so that nothing aliases
        f = max(scale, 0.05) * 1.15
        source = np.asarray(cv2.resize(pixels, None, fx=f, fy=f, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        fy, fx = source.shape[0] / pixels.shape[0], source.shape[1] / pixels.shape[1]
        shrink = np.array([[fx, 0, fx / 2 - 0.5], [0, fy, fy / 2 - 0.5], [0, 0, 1]])
        to_square = matrix @ np.linalg.inv(shrink)
    half_pixel = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    warped = cv2.warpAffine(
        source, (half_pixel @ to_square)[:2], (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
    )
    square = np.full((size, size), PAD_GREY, dtype=np.uint8)
    inside = (slice(frame.top, frame.bottom), slice(frame.left, frame.right))
    square[inside] = warped[inside]
    return square


def _move_boxes(
    outlines: NDArray[np.float32], matrix: NDArray[np.float64], frame: Frame
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Boxes of the moved outlines, cut at the frame; and which of them are still visible enough."""
    if not len(outlines):
        return np.zeros((0, 4), np.float32), np.zeros(0, bool)
    moved = outlines @ matrix[:2, :2].T + matrix[:2, 2]
    whole = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    cut = np.clip(whole, [frame.left, frame.top] * 2, [frame.right, frame.bottom] * 2)
    area, left_area = _area(whole), _area(cut)
    kept = (left_area >= MIN_VISIBLE * area) & (left_area > 4)
    return cut[kept].astype(np.float32), np.asarray(kept)


def _area(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _sequence(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another contrast: a random smooth curve through the greys; half of them turn the bright end dark, as T1 does."""
    knots = np.linspace(0, 1, 5)
    values = np.cumsum(np.concatenate([[0], rng.uniform(0.05, 1, 4)]))
    values = values / values[-1]
    kind = rng.random()
    if kind < 0.35:
        values[-1] = values[-2] * rng.uniform(0.0, 0.9)  # fluid dark: T1-like
    elif kind < 0.45:
        values[1:] = values[1:][::-1] * 0.9 + 0.05  # body inverted, air dark
    curve = np.interp(np.linspace(0, 1, 256), knots, values).astype(np.float32)
    return np.asarray(curve[(image * 255).astype(np.uint8)])


def _coil(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Brighter towards one side by 2 to 6 times across the picture (surface coil), and a smooth ripple of 30 %."""
    rows, columns = shape
    y, x = np.mgrid[-1:1:rows * 1j, -1:1:columns * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.3 else rng.choice([0.0, np.pi]) + rng.normal(0, 0.3)
    fall = np.log(rng.uniform(1, 6)) / 2
    ripple = 0.3 * rng.uniform(-1, 1) * np.cos(np.pi * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1)))
    end = 1 - rng.uniform(0, 0.7) * np.abs(y) ** rng.uniform(3, 8) if rng.random() < 0.4 else 1.0
    return np.asarray(np.exp(fall * (x * np.cos(angle) + y * np.sin(angle))) * (1 + ripple) * end, dtype=np.float32)


def _saturation_band(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A dark oblique band, as laid in front of the spine against breathing ghosts."""
    rows, columns = image.shape
    y, x = np.mgrid[-1:1:rows * 1j, -1:1:columns * 1j].astype(np.float32)
    angle, offset = rng.normal(0, 0.3), rng.choice([-1, 1]) * rng.uniform(0.45, 1.0)
    distance = np.abs(x * np.cos(angle) + y * np.sin(angle) - offset) - rng.uniform(0.05, 0.25)
    return np.asarray(image * (1 - rng.uniform(0.5, 0.95) / (1 + np.exp(distance * 30))), dtype=np.float32)


def _soften(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A blur, or an acquisition of fewer pixels."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.4))))
    rows, columns = image.shape
    f = rng.uniform(0.4, 0.9)
    small = cv2.resize(image, (max(8, int(columns * f)), max(8, int(rows * f))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC).clip(0))


def _rician(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Magnitude of a signal with noise in both channels, sigma 1 to 8 % of the white end."""
    sigma = float(np.exp(rng.uniform(np.log(0.01), np.log(0.08))))
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * sigma
    return np.asarray(np.hypot(image + noise[0], noise[1]), dtype=np.float32)
