"""A whole study: draw the patient, plan the scan, render it, say what is true. `render_study` is the story."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane
from appliance.core.spine import CONDITIONS, LEVELS
from export.phantom.anatomy import sample_anatomy
from export.phantom.artefacts import draw_look
from export.phantom.grades import grade, parameter_of
from export.phantom.options import PhantomOptions, Role, stream
from export.phantom.places import boxes_in, level_truth
from export.phantom.protocol import SeriesPlan, plan_series
from export.phantom.quirk_plan import draw_quirks, split_series
from export.phantom.render import Draw, ideal_slice, render_plans, shown_plane
from export.phantom.scene import Scene, build_scene
from export.phantom.tissues import Weighting, patient_tissues
from export.phantom.truth import BoxTruth, FindingTruth, PhantomTruth, SeriesTruth


@dataclass(frozen=True, slots=True)
class RenderedSlice:
    """One picture: 12-bit values, its plane, its identity."""

    pixels: NDArray[np.uint16]
    plane: ImagePlane
    sop_uid: str


@dataclass(frozen=True, slots=True)
class RenderedSeries:
    """One series in geometrical order (right to left, or as the axial stacks were planned)."""

    role: Role
    series_uid: str
    number: int
    description: str
    weighting: Weighting
    thickness: float
    spacing: float
    flip: float
    slices: tuple[RenderedSlice, ...]

    @property
    def folder(self) -> str:
        return f"{self.number:02d}_{self.role}"


@dataclass(frozen=True, slots=True)
class RenderedStudy:
    """Pictures and truth of one phantom, and the quirks its files shall have."""

    seed: int
    index: int
    series: tuple[RenderedSeries, ...]
    truth: PhantomTruth
    scene: Scene
    quirks: tuple[str, ...]

    def of_role(self, role: Role) -> tuple[RenderedSeries, ...]:
        return tuple(s for s in self.series if s.role is role)


def uid(*parts: object) -> str:
    """A UID under 2.25 (UUID-derived root) that depends on nothing but `parts`."""
    digest = hashlib.sha256("/".join(map(str, ("lumbarbox phantom", *parts))).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def make_scene(seed: int, index: int, options: PhantomOptions) -> Scene:
    """The patient alone, without pictures."""
    anatomy = sample_anatomy(stream(seed, index, "anatomy"), stream(seed, index, "parameters"), options)
    return build_scene(anatomy, stream(seed, index, "scene"))


def render_study(
    seed: int, index: int, options: PhantomOptions | None = None, draw: Draw = ideal_slice
) -> RenderedStudy:
    """Study `index` of the endless row that `seed` stands for. The same arguments give the same pixels and UIDs.

    `draw` draws each slice's ideal signal; another one may save work where nobody looks.
    """
    options = options or PhantomOptions()
    scene = make_scene(seed, index, options)
    quirks = draw_quirks(stream(seed, index, "quirks"), options)
    plans = split_series(plan_series(scene, options, stream(seed, index, "protocol")), quirks)
    series = _render(scene, plans, seed, index, options, draw)
    boxes = [box for s in series for x in s.slices for box in boxes_in(scene, x.plane, x.sop_uid)]
    truth = _truth(scene, options, seed, index, series, boxes, quirks)
    return RenderedStudy(seed, index, tuple(series), truth, scene, quirks)


def _render(
    scene: Scene, plans: list[SeriesPlan], seed: int, index: int, options: PhantomOptions, draw: Draw
) -> list[RenderedSeries]:
    tissues = patient_tissues(scene.anatomy, stream(seed, index, "tissues"))
    numbered = list(enumerate(plans, start=2))  # series 1 would be the localizer
    rendered: list[RenderedSeries] = []
    for _, shared in groupby(numbered, key=lambda item: id(item[1].planes)):
        group = list(shared)
        looks = [draw_look(stream(seed, index, f"look {p.role}"), p.role) for _, p in group]
        rngs = [stream(seed, index, f"noise {n}") for n, _ in group]
        stacks = render_plans(scene, tissues, [p for _, p in group], looks, rngs, options.artefacts, draw)
        rendered += [_series(n, p, s, seed, index, options) for (n, p), s in zip(group, stacks, strict=True)]
    return rendered


def _series(number: int, plan: SeriesPlan, stack: list[NDArray[np.uint16]], seed: int, index: int,
            options: PhantomOptions) -> RenderedSeries:  # fmt: skip
    key = (seed, index, options.balance, number)
    slices = tuple(
        RenderedSlice(pixels, shown_plane(plane, pixels.shape[0]), uid(*key, "slice", i))
        for i, (pixels, plane) in enumerate(zip(stack, plan.planes, strict=True))
    )
    return RenderedSeries(plan.role, uid(*key, "series"), number, plan.description, plan.weighting,
                          plan.thickness, plan.spacing, plan.flip, slices)  # fmt: skip


def _truth(scene: Scene, options: PhantomOptions, seed: int, index: int, series: list[RenderedSeries],
           boxes: list[BoxTruth], quirks: tuple[str, ...]) -> PhantomTruth:  # fmt: skip
    anatomy = scene.anatomy
    findings = tuple(
        FindingTruth(condition, level, grade(condition, value), parameter_of(condition).name, round(value, 4))
        for level in LEVELS
        for condition in CONDITIONS
        for value in [anatomy.parameters[condition, level]]
    )
    return PhantomTruth(
        study_uid=uid(seed, index, options.balance, "study"),
        patient_id=f"PHANTOM{seed:04d}-{index:05d}",
        seed=seed,
        index=index,
        lumbar_count=anatomy.lumbar_count,
        has_metal=anatomy.has_metal,
        levels=tuple(level_truth(scene, level) for level in LEVELS),
        findings=findings,
        boxes=tuple(boxes),
        series=tuple(SeriesTruth(s.series_uid, s.role, s.folder) for s in series),
        quirks=quirks,
    )
