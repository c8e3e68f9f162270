"""What will be graded from what, and what cannot be: decided before a single grade is given. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.core.localisation import Localisation
from appliance.core.plausibility import doubtful_sequences, has_moved
from appliance.core.report import Reason, SeriesUse
from appliance.core.series_selection import Selection
from appliance.core.spine import Region
from appliance.core.study import Series

MISSING: Mapping[Region, Reason] = {
    Region.CANAL: Reason.NO_SAGITTAL_T2,
    Region.FORAMINAL: Reason.NO_SAGITTAL_T1,
    Region.SUBARTICULAR: Reason.NO_AXIAL_T2,
}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """For each region either the series that serve it or the reason why it is refused."""

    found: Localisation | None
    regions: Mapping[Region, tuple[Series, ...] | Reason]
    uses: tuple[SeriesUse, ...]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if set(self.regions) != set(Region):
            raise ValueError("a plan decides about every region")
        if self.found is None and any(not isinstance(r, Reason) for r in self.regions.values()):
            raise ValueError("nothing can be graded before the levels are found")


def plan_study(selection: Selection, found: Localisation | None) -> Plan:
    """Canal from sagittal T2, foramina from sagittal T1, recesses from every axial T2."""
    serving = {
        Region.CANAL: (selection.sagittal_t2,) if selection.sagittal_t2 is not None else (),
        Region.FORAMINAL: (selection.sagittal_t1,) if selection.sagittal_t1 is not None else (),
        Region.SUBARTICULAR: selection.axial_t2,
    }
    doubtful = doubtful_sequences(selection, found.points) if found is not None else frozenset()
    refused = {region: _refusal(region, serving[region], selection, found, doubtful) for region in Region}
    return Plan(
        found=found,
        regions={region: refused[region] or serving[region] for region in Region},
        uses=selection.uses,
        warnings=found.numbering.warnings if found is not None else (),
    )


def _refusal(
    region: Region, serving: tuple[Series, ...], selection: Selection, found: Localisation | None,
    doubtful: frozenset[Region],
) -> Reason | None:
    """Why a whole region cannot be graded; None when it can."""
    if not serving:
        silent = region is Region.SUBARTICULAR and selection.axial_unknown
        return Reason.SEQUENCE_UNKNOWN if silent else MISSING[region]
    if found is None:
        return Reason.NO_SAGITTAL_T2
    if not found.named:
        return Reason.NUMBERING_UNCERTAIN
    if region in doubtful:
        return Reason.SEQUENCE_DOUBTFUL
    return Reason.MOTION if any(has_moved(s, found.points, region) for s in serving) else None
