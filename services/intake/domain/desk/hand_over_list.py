"""Danh sách bàn giao: originals that a desk gives to an agency, results that it gives to another desk.

Both sign, within a working day.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from hub_worktime import Calendar, Term, Unit, WorkingHours, compute_due
from services.intake.domain.refusals import SignedAlready

Side = Literal["desk", "agency"]
Carries = Literal["originals", "results"]
WITHIN = Term("1 ngày làm việc", Unit.WORKING_DAY, Decimal(1))


class HandOverList(NamedTuple):
    """Signed by the desk when the papers leave, by the agency when it has them.

    `agency_code`: of a list of results the other desk.
    """

    id: UUID
    desk_code: str
    agency_code: str
    dossiers: tuple[UUID, ...]
    made_at: datetime
    made_by: str
    due_at: datetime
    desk_signed_at: datetime | None = None
    desk_signed_by: str | None = None
    agency_signed_at: datetime | None = None
    agency_signed_by: str | None = None
    carries: Carries = "originals"

    @property
    def open(self) -> bool:
        """A signature is missing."""
        return self.desk_signed_at is None or self.agency_signed_at is None

    def sign(self, side: Side, at: datetime, officer: str) -> "HandOverList":
        """Ký bàn giao, each side once. Raises SignedAlready."""
        signed = self.desk_signed_at if side == "desk" else self.agency_signed_at
        if signed is not None:
            raise SignedAlready
        if side == "desk":
            return self._replace(desk_signed_at=at, desk_signed_by=officer)
        return self._replace(agency_signed_at=at, agency_signed_by=officer)


def due_of(made_at: datetime, calendar: Calendar, hours: WorkingHours) -> datetime:
    """By when both have signed, by the desk's working hours."""
    return compute_due(made_at, WITHIN, calendar=calendar, hours=hours).due_at
