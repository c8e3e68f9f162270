"""Real texture under a drawn stenosis: the canal of a real SPIDER stack, made narrower or wider at its discs.

The masks give the sac's walls. At one disc they are moved towards each other or apart; what lies before (disc) and
behind (ligament, fat, arch) is stretched or pressed to follow, and nothing moves farther off. The same map moves
pictures and masks, so the new depth is measured, on the moved mask, as every real one is (`spider_canal.depths`).

A stack's frame: rows grow downward, columns backward, `SPACING_MM` each; millimetres are LPS as in `Stack.discs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from appliance.core.crops import spine_axes
from appliance.core.spine import Level
from export.datasets.spider_canal import CANAL, SPACING_MM, Stack, depths, middle_at
from export.phantom.grades import CANAL as AREA
from export.phantom.sac import LARGEST_DEPTH, section

Array = NDArray[np.float32]

SAC_WIDTH_MM, OPEN_RECESS_MM = 17.5, 5.0
"""The phantom's usual sac: it turns a depth into the area that the phantom grades by."""
_GOOD_MM, _ALLOWED_MM, _TRIES = 0.15, 0.3, 8
"""From the asked depth: good enough to stop trying, and still taken after so many tries (a pixel is 0.47 mm)."""
_WINDOW_MM = ((-60.0, 60.0), (-20.0, 80.0))
"""Rows and columns about a disc's centre."""
_AHEAD_MM, _BEHIND_MM = 18.0, 15.0
"""How far before and behind the sac tissue gives way: half of a disc; ligament, fat and the arch's root."""
_WALL_MM = np.arange(-30.0, 45.0, 0.25)
"""Where walls are looked for, from the disc's centre to the back."""
_ALONG_MM = np.arange(-32.0, 32.1, 0.5)
_STRAY_MM, _SMOOTH_MM = 5.5, 1.5
"""Along the spine: shorter notches of a wall are a mask's stray pixels; and the smoothing, for masks are stepped."""
_ROOTS = 0.40
"""Grey of roots over grey of CSF on T2 [lumbar-mri.md]."""
_STRANDS, _FADE_MM = 0.35, 1.5
"""How much the roots' grey varies, as a share of it; how softly the loss of CSF begins along the spine."""
_CROWDED_FROM, _CROWDED_OVER = 112.0, 60.0
"""mm2 of sac under which CSF begins to be pushed out, and over which it is gone: the phantom's (`canal._blend`)."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One disc's new canal. `hold_mm` of it along the spine, on either side, is as deep as asked; past `reach_mm`
    nothing moves. `front_share` of the change comes from the disc, the rest from behind."""

    depth_mm: float
    hold_mm: float = 3.0
    reach_mm: float = 11.0
    front_share: float = 0.5
    darken: float = 1.0
    """How much of the CSF's light goes where it is pushed out: 0 none, 1 as in the phantom."""
    seed: int = 0
    """Of the crowded roots' strands."""


def area_of_depth(depth_mm: float) -> float:
    """mm2 of the phantom's usual sac that is so deep in the midline: what its grades are made of."""
    deep, areas = _usual_sacs()
    slope = (areas[-1] - areas[-2]) / (deep[-1] - deep[-2])
    return float(np.interp(depth_mm, deep, areas) + max(depth_mm - deep[-1], 0.0) * slope)


@cache
def _usual_sacs() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depths and areas of usual sacs, up to the phantom's deepest."""
    areas = np.arange(0.5, AREA.largest, 0.5)
    sections = [section(a, OPEN_RECESS_MM, OPEN_RECESS_MM, SAC_WIDTH_MM, 0.42, 2.0) for a in areas]
    deep = np.array([s.front + s.back for s in sections])
    rising = deep < LARGEST_DEPTH - 1e-3
    return deep[rising], areas[rising]


def warped(stack: Stack, asked: Mapping[Level, Narrowing]) -> Stack:
    """The stack with a new canal at each level of `asked`, each within 0.3 mm of the depth asked for.

    A level whose sac cannot be measured, or cannot be brought there, stays as it is. Discs keep their places.
    """
    for level, wish in asked.items():
        found = _brought_to(stack, level, wish)
        stack = stack if found is None else found
    return stack


def _brought_to(stack: Stack, level: Level, wish: Narrowing) -> Stack | None:
    """Tries until the measured depth is the asked one: chords are measured aslant, walls are drawn straight."""
    if level not in depths(stack):
        return None
    drawn, best = wish.depth_mm, (_ALLOWED_MM, None)
    for _ in range(_TRIES):
        moved = _Map.of(stack, level, replace(wish, depth_mm=drawn))
        now = depths(replace(stack, masks=moved.apply(stack.masks, cv2.INTER_NEAREST))).get(level, 0.0)
        best = min(best, (abs(now - wish.depth_mm), moved), key=lambda tried: tried[0])
        if best[0] <= _GOOD_MM:
            break
        drawn += 0.8 * (wish.depth_mm - now)
    return None if best[1] is None else _moved(stack, best[1], wish)


def _moved(stack: Stack, by: _Map, wish: Narrowing) -> Stack:
    masks = by.apply(stack.masks, cv2.INTER_NEAREST)
    pictures = by.apply(stack.pictures, cv2.INTER_CUBIC).clip(0, 255)
    return replace(stack, masks=masks, pictures=_darkened(pictures, masks, by, wish))


Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class _Map:
    """Where each pixel of a window of the new picture comes from, and how deep the canal is there, old and new (mm)."""

    window: Window
    columns: Array
    rows: Array
    old_mm: Array
    new_mm: Array

    @classmethod
    def of(cls, stack: Stack, level: Level, wish: Narrowing) -> _Map:
        _, back, head = spine_axes(stack.discs)[level]
        back, head = _in_plane(back), _in_plane(head)
        centre = stack.discs[level]
        front, rear = _walls(stack, level, centre, back, head)
        window = _window(stack, centre)
        rows, columns = np.mgrid[window].astype(np.float32)
        y, z = columns * SPACING_MM - centre[1], -rows * SPACING_MM - centre[2]
        along, at = y * head[1] + z * head[2], y * back[1] + z * back[2]
        f, b = (np.interp(along, _ALONG_MM, wall).astype(np.float32) for wall in (front, rear))
        old = b - f
        new = old + (wish.depth_mm - old) * _focal(along, wish)
        shift = _source_shift(at, f, b, old - new, wish.front_share) / SPACING_MM
        return cls(window, (columns + shift * back[1]).astype(np.float32),
                   (rows - shift * back[2]).astype(np.float32), old, new)  # fmt: skip

    def apply(self, slices: NDArray, how: int) -> NDArray:  # type: ignore[type-arg]
        """Slices (n, rows, columns) moved; outside the window they are as they were."""
        out = slices.copy()
        for new, old in zip(out, slices, strict=True):
            new[self.window] = cv2.remap(old, self.columns, self.rows, how, None, cv2.BORDER_REPLICATE)
        return out


def _window(stack: Stack, centre: Array) -> Window:
    """What a narrowing at a disc may move, however the spine is tilted."""
    column, row = centre[1] / SPACING_MM, -centre[2] / SPACING_MM
    shape = stack.masks.shape[1:]
    rows, columns = (
        slice(max(0, round(at + low / SPACING_MM)), min(size, round(at + high / SPACING_MM)))
        for at, (low, high), size in zip((row, column), _WINDOW_MM, shape, strict=True)
    )
    return rows, columns


def _in_plane(axis: NDArray[np.floating]) -> NDArray[np.floating]:
    flat = np.array([0.0, axis[1], axis[2]])
    return flat / np.linalg.norm(flat)


def _walls(stack: Stack, level: Level, centre: Array, back: Array, head: Array) -> tuple[Array, Array]:
    """mm behind the disc's centre of the sac's front and back wall, at `_ALONG_MM`; of the slices in its middle."""
    middle = middle_at(stack, level)
    near = np.argsort(np.abs(np.array(stack.numbers) - (stack.middle if middle is None else middle)), kind="stable")[:5]
    points = centre + _ALONG_MM[:, None, None] * head + _WALL_MM[None, :, None] * back
    columns = np.round(points[..., 1] / SPACING_MM).astype(int).clip(0, stack.masks.shape[2] - 1)
    rows = np.round(-points[..., 2] / SPACING_MM).astype(int).clip(0, stack.masks.shape[1] - 1)
    inside = (stack.masks[near][:, rows, columns] == CANAL).mean(axis=0) > 0.5
    shown = inside.any(axis=1)
    first = _WALL_MM[inside.argmax(axis=1)]
    last = _WALL_MM[len(_WALL_MM) - 1 - inside[:, ::-1].argmax(axis=1)]
    fill = [np.interp(_ALONG_MM, _ALONG_MM[shown], wall[shown]) for wall in (first, last)]
    front, rear = (_smooth(wall) for wall in fill)
    return front, rear


def _smooth(wall: Array) -> Array:
    step = float(_ALONG_MM[1] - _ALONG_MM[0])
    without = ndimage.median_filter(wall, round(_STRAY_MM / step) | 1, mode="nearest")
    return np.asarray(ndimage.gaussian_filter1d(without, _SMOOTH_MM / step, mode="nearest"))


def _focal(along: Array, wish: Narrowing) -> Array:
    """1 at the disc, 0 past the reach, a cosine between: as the phantom narrows."""
    ramp = np.clip((np.abs(along) - wish.hold_mm) / (wish.reach_mm - wish.hold_mm), 0, 1)
    return np.asarray(0.5 * (1 + np.cos(np.pi * ramp)), dtype=np.float32)


def _source_shift(at: Array, front: Array, rear: Array, lost: Array, share: float) -> Array:
    """mm to the back at which the tissue now at `at` lay before `lost` mm of the sac were taken.

    In the sac it runs evenly from wall to wall; outside it dies away over `_AHEAD_MM` and `_BEHIND_MM`.
    """
    ahead, behind = -share * lost, (1 - share) * lost
    new_front, new_rear = front - ahead, rear - behind
    within = np.clip((at - new_front) / np.maximum(new_rear - new_front, 0.1), 0, 1)
    inside = ahead + (behind - ahead) * within
    fade = np.where(at < new_front, _faded((new_front - at) / _AHEAD_MM), _faded((at - new_rear) / _BEHIND_MM))
    return np.asarray(inside * fade)


def _faded(u: Array) -> Array:
    """1 at 0 and before, 0 from 1 on, smooth between."""
    u = np.clip(u, 0, 1)
    return np.asarray(1 - u * u * (3 - 2 * u))


def _darkened(pictures: Array, masks: NDArray[np.uint8], moved: _Map, wish: Narrowing) -> Array:
    """CSF pushed out of the narrowed sac, roots crowded in what is left of it: grey falls towards the roots'."""
    lost = wish.darken * np.clip(_crowded(moved.new_mm) - _crowded(moved.old_mm), 0, 1)
    if not lost.any():
        return pictures
    lost = cv2.GaussianBlur(lost, None, _FADE_MM / SPACING_MM)
    here = (slice(None), *moved.window)
    roots = _ROOTS * float(np.percentile(pictures[masks == CANAL], 90)) * _strands(pictures[here].shape, wish.seed)
    soft = np.stack([cv2.GaussianBlur((m == CANAL).astype(np.float32), None, 1.0) for m in masks[here]])
    out = pictures.copy()
    out[here] -= soft * lost * np.maximum(pictures[here] - roots, 0)
    return out


def _strands(shape: tuple[int, ...], seed: int) -> Array:
    """Random strands down the spine, round 1: roots lie beside each other with a little CSF between."""
    noise = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, (1.5, 6.0, 0.9), truncate=2.0)
    return np.asarray((1 + _STRANDS * noise / noise.std()).clip(0.2, 2.0))


def _crowded(depth: Array) -> Array:
    table = np.arange(0.0, 30.0, 0.25)
    areas = np.array([area_of_depth(d) for d in table])
    return np.asarray(np.clip((_CROWDED_FROM - np.interp(depth, table, areas)) / _CROWDED_OVER, 0, 1), dtype=np.float32)
