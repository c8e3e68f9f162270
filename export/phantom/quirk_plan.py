"""Which oddities of real studies a phantom shall have: names, rates, and those that change which series exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from export.phantom.options import PhantomOptions, Role
from export.phantom.protocol import SeriesPlan

# Share of studies with each quirk. [C]/[R] figures: the reference; the rest small by choice [G].
RATES: dict[str, float] = {
    "reversed_t1": 0.36,
    "descending_axial": 0.12,
    "no_rescale": 0.82,
    "several_axial": 0.17,
    "missing_t1": 0.001,
    "missing_sagittal_t2": 0.0005,
    "missing_axial": 0.001,
    "missing_instance_number": 0.01,
    "duplicate_instance_number": 0.01,
    "monochrome1": 0.01,
    "signed": 0.06,
    "sixteen_bit": 0.10,
    "wrong_description": 0.05,
    "non_ascii_name": 0.05,
    "no_extension": 0.25,
    "feet_first": 0.05,
    "prone": 0.01,
    "mixed_spacing": 0.005,
    "secondary_capture": 0.03,
    "duplicate_sop_uid": 0.01,
    "enhanced_multiframe": 0.02,
    "deflated": 0.01,
    "rle": 0.01,
    "jpeg_lossless": 0.05,
    "jpeg_ls": 0.01,
    "jpeg_2000": 0.03,
    "truncated_file": 0.0,  # only when asked for by name
}
_ONLY_ONE_OF = (
    ("deflated", "rle", "jpeg_lossless", "jpeg_ls", "jpeg_2000"),
    ("missing_instance_number", "duplicate_instance_number"),
    ("missing_t1", "missing_sagittal_t2", "missing_axial"),
)


def draw_quirks(rng: np.random.Generator, options: PhantomOptions) -> tuple[str, ...]:
    """Quirks of one study, in the order of RATES. A quirk asked for by name comes alone, with none drawn beside it."""
    if options.quirk is not None:
        if options.quirk not in RATES:
            raise ValueError(f"no quirk named {options.quirk!r}; there are: {', '.join(RATES)}")
        return (options.quirk, "no_rescale") if options.quirk != "no_rescale" else ("no_rescale",)
    draws = rng.random(len(RATES))
    if not options.quirks:
        return ()
    drawn = [name for (name, rate), draw in zip(RATES.items(), draws, strict=True) if draw < rate]
    for group in _ONLY_ONE_OF:
        excess = [name for name in drawn if name in group][1:]
        drawn = [name for name in drawn if name not in excess]
    return tuple(drawn)


def split_series(plans: list[SeriesPlan], quirks: tuple[str, ...]) -> list[SeriesPlan]:
    """Drop the series a quirk says is missing; spread the axial slices over two series where it says several."""
    missing = {"missing_t1": Role.SAGITTAL_T1, "missing_axial": Role.AXIAL_T2}
    gone = {role for name, role in missing.items() if name in quirks}
    if "missing_sagittal_t2" in quirks:
        gone |= {Role.SAGITTAL_T2, Role.SAGITTAL_STIR}
    kept: list[SeriesPlan] = []
    for plan in plans:
        if plan.role in gone:
            continue
        if plan.role is Role.AXIAL_T2 and "several_axial" in quirks:
            kept += _halves(plan)
        else:
            kept.append(plan)
    return kept


def _halves(plan: SeriesPlan) -> list[SeriesPlan]:
    middle = len(plan.planes) // 2
    first, second = plan.planes[:middle], plan.planes[middle:]
    return [
        replace(plan, planes=first, description=plan.description + " 1"),
        replace(plan, planes=second, description=plan.description + " 2"),
    ]
