"""Placing the vertebrae: from heights and angles to rigid frames in patient millimetres.

LPS: +x left, +y back, +z head. A body's own axes: u left, v back, w head; its origin is the middle of the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.phantom.anatomy import Anatomy, Body
from export.phantom.layout import N_BODIES, N_SACRAL

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A rigid frame: `origin` in patient mm, rows of `axes` are the unit vectors u, v, w."""

    origin: Vector
    axes: Vector

    def at(self, u: float, v: float, w: float) -> Vector:
        """Own coordinates to patient mm."""
        return self.origin + u * self.axes[0] + v * self.axes[1] + w * self.axes[2]


def axes_of(tilt: float, bend: float, twist: float) -> Vector:
    """Unit axes of a body tilted forward by `tilt`, to the left by `bend`, turned by `twist` (degrees)."""
    a, b, c = np.radians([tilt, bend, twist])
    u, v, w = np.eye(3)
    v, w = np.array([0, np.cos(a), np.sin(a)]), np.array([0, -np.sin(a), np.cos(a)])
    u, w = np.cos(b) * u - np.sin(b) * w, np.sin(b) * u + np.cos(b) * w
    u, v = np.cos(c) * u + np.sin(c) * v, -np.sin(c) * u + np.cos(c) * v
    return np.stack([u, v, w])


def wedge_of(body: Body) -> float:
    """Degrees by which the upper endplate leans back against the lower one."""
    return float(np.degrees(np.arctan2(body.front - body.back, body.depth)))


def place_bodies(anatomy: Anatomy) -> list[Frame]:
    """Frames of all bodies from S5 up, the third free vertebra ("L3") in the middle of the coordinate system."""
    upper = _stack_up(anatomy)
    lower = _stack_down(anatomy)
    frames = lower + upper
    shift = frames[N_SACRAL + 2].origin.copy()
    return [Frame(f.origin - shift, f.axes) for f in frames]


def _stack_up(anatomy: Anatomy) -> list[Frame]:
    """S1 and everything above, S1's upper endplate tilted by the sacral slope."""
    body = anatomy.bodies[N_SACRAL - 1]
    tilt, bend, twist = anatomy.sacral_slope, 0.0, 0.0
    axes = axes_of(tilt + wedge_of(body) / 2, bend, twist)
    frames = [Frame(np.zeros(3), axes)]
    end = body_mid_height(body) / 2 * axes[2]
    for k in range(N_SACRAL, N_BODIES):
        body, disc = anatomy.bodies[k], anatomy.discs[k - 1]
        bend += disc.coronal_wedge
        twist += anatomy.axial_twist * disc.coronal_wedge / 8
        between = axes_of(tilt - disc.wedge / 2, bend - disc.coronal_wedge / 2, twist)
        end = end + rim_height(anatomy, k - 1) * between[2] - disc.slip * between[1]
        tilt -= disc.wedge
        axes = axes_of(tilt - wedge_of(body) / 2, bend, twist)
        origin = end + body_mid_height(body) / 2 * axes[2]
        frames.append(Frame(origin, axes))
        end = origin + body_mid_height(body) / 2 * axes[2]
        tilt -= wedge_of(body)
    return frames


def _stack_down(anatomy: Anatomy) -> list[Frame]:
    """S2 to S5, curving back and then forward again (sacral kyphosis)."""
    top = anatomy.bodies[N_SACRAL - 1]
    tilt = anatomy.sacral_slope + wedge_of(top)
    axes = axes_of(tilt - wedge_of(top) / 2, 0, 0)
    end = -body_mid_height(top) / 2 * axes[2]
    frames: list[Frame] = []
    for below, turn in zip(range(N_SACRAL - 2, -1, -1), anatomy.sacral_curve, strict=True):
        body, disc = anatomy.bodies[below], anatomy.discs[below]
        end = end - disc.height * axes_of(tilt + turn / 2, 0, 0)[2]
        tilt += turn
        axes = axes_of(tilt, 0, 0)
        origin = end - body_mid_height(body) / 2 * axes[2]
        frames.append(Frame(origin, axes))
        end = origin - body_mid_height(body) / 2 * axes[2]
    return frames[::-1]


def body_mid_height(body: Body) -> float:
    """Height at the rim, halfway front to back, mm. The middle of the endplate is hollower: see `concavity`."""
    return (body.front + body.back) / 2


def rim_height(anatomy: Anatomy, j: int) -> float:
    """Height of disc j between the rims of its bodies, halfway front to back, mm.

    The endplates are hollow, so the middle of the disc is taller; behind, at least 2.2 mm are left.
    """
    disc, below, above = anatomy.discs[j], anatomy.bodies[j], anatomy.bodies[j + 1]
    rim = disc.height - 0.6 * (below.concavity + above.concavity)
    return max(rim, float(np.radians(abs(disc.wedge))) * above.depth / 2 + 2.2)


def between(below: Frame, above: Frame) -> Vector:
    """Axes halfway between two bodies: the axes of the disc they enclose."""
    w = below.axes[2] + above.axes[2]
    w = w / np.linalg.norm(w)
    u = below.axes[0] + above.axes[0]
    u = u - (u @ w) * w
    u = u / np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w])
