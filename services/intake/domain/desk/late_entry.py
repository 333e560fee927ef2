"""Nhập sau ngày nhận: a receipt that was entered later than on the working day of the receipt."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from hub_worktime import Calendar, day_in_vietnam

LateReason = Literal["power-cut", "post", "remote", "other"]


@dataclass(frozen=True, slots=True)
class WhyLate:
    """Why it was not entered at once; `note` as the officer wrote it."""

    reason: LateReason
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LateEntry:
    """`reason` None: nobody said why."""

    dossier_id: UUID
    desk_code: str
    received_at: datetime
    entered_at: datetime
    officer: str | None
    reason: LateReason | None
    sealed_note: str | None


def entered_late(received_at: datetime, entered_at: datetime, calendar: Calendar) -> bool:
    """Entered on a later day than the working day of the receipt; that of a day off is the next working day."""
    received, entered = day_in_vietnam(received_at), day_in_vietnam(entered_at)
    if entered <= received:
        return False
    place = bisect_left(calendar.working, received.toordinal())
    return place == len(calendar.working) or entered.toordinal() > calendar.working[place]
