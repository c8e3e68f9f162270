"""Which study a file belongs to, what a study still lacks, and how long it is waited for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.core.study import Role

WANTED = (Role.SAGITTAL_T1, Role.SAGITTAL_T2, Role.AXIAL_T2)
"""The three series a whole reading needs."""

_SERVES = {Role.SAGITTAL_STIR: Role.SAGITTAL_T2}
"""STIR stands in for sagittal T2."""


@dataclass(frozen=True, slots=True)
class Image:
    """What one DICOM object says of where it belongs, read from its header alone."""

    file: str
    """Of the drop's spool folder; an archive holds many."""
    study_uid: str
    series_uid: str
    sop_uid: str
    role: Role
    modality: str
    digest: str
    """SHA-256 of the object's bytes: the same image sent again, in a folder or in an archive, has the same."""

    @property
    def key(self) -> tuple[str, str]:
        """The same UID with other bytes is another image: the first may have been cut off."""
        return self.sop_uid, self.digest


@dataclass(frozen=True, slots=True)
class Waits:
    """How long nothing more must come before a study is read with what there is."""

    series: timedelta
    """When all three series are there: each may still grow."""
    study: timedelta
    """When one is missing."""


def missing_of(roles: Iterable[Role]) -> tuple[Role, ...]:
    """The wanted series that none of the roles serves, in order."""
    there = {_SERVES.get(role, role) for role in roles}
    return tuple(role for role in WANTED if role not in there)


def due_at(now: datetime, missing: tuple[Role, ...], waits: Waits) -> datetime:
    """When a study is read if nothing more comes from `now` on."""
    return now + (waits.study if missing else waits.series)


def by_study(images: Iterable[Image]) -> Mapping[str, tuple[Image, ...]]:
    """Study Instance UID to its images, the one that is most likely meant first: most MR images, then most of all."""
    found: dict[str, list[Image]] = {}
    for image in images:
        if image.study_uid:
            found.setdefault(image.study_uid, []).append(image)

    def weight(uid: str) -> tuple[int, int, str]:
        kinds = Counter(image.modality for image in found[uid])
        return -kinds["MR"], -len(found[uid]), uid

    return {uid: tuple(found[uid]) for uid in sorted(found, key=weight)}
