"""Kết quả chờ trả: what a desk has to hand out, expects from another desk, or has to send there."""

from bisect import bisect_right
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from hub_worktime import Calendar, day_in_vietnam, start_in_vietnam

Where = Literal["here", "coming", "to-send"]


class WaitingResult(NamedTuple):
    """Một kết quả. `since`: when the desk that holds it got it, or the agency finished; lists go by `completed_at`."""

    dossier_id: UUID
    dossier_code: str
    procedure_code: str
    procedure_name: str
    received_by: str
    result_by: str | None
    result_desk: str | None
    completed_at: datetime
    since: datetime
    sent_at: datetime | None
    fees_due: int


def uncollected_since(now: datetime, days: int, calendar: Calendar) -> datetime | None:
    """Those that waited for more than `days` working days were there before that; None: outside the calendar."""
    today = day_in_vietnam(now)
    last = bisect_right(calendar.working, today.toordinal()) - 1
    if not calendar.first <= today <= calendar.last or last < days:
        return None
    day = today.fromordinal(calendar.working[last - days])
    return start_in_vietnam(day)
