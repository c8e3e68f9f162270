"""Who may do what on the page."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """In rising order; each may do what those before it may."""

    TECHNICIAN = "technician"
    """Sends studies, sees reports."""
    DOCTOR = "doctor"
    """Also reviews findings, moves level names, exports reviews."""
    ADMINISTRATOR = "administrator"
    """Also looks after accounts and reads the audit."""

    def may_act_as(self, needed: Role) -> bool:
        order = tuple(Role)
        return order.index(self) >= order.index(needed)
