"""Sớm hạn, đúng hạn, quá hạn: the one rule by which every part of the hub says whether something came in time.

A promised date names a minute, and that minute is still on time: what is due at 17:00 is in time during [.., 17:01) and
late from 17:01:00 on. While the applicant is waited for, time stands still. See
docs/decisions/0006-when-a-date-is-missed-and-when-it-warns.md.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from hub_worktime.due import day_in_vietnam

Outcome = Literal["early", "on_time", "late"]


def late_from(due_at: datetime) -> datetime:
    """The first moment that is late: when the minute on the receipt has passed."""
    return due_at.replace(second=0, microsecond=0) + timedelta(minutes=1)


def is_late(due_at: datetime, at: datetime) -> bool:
    """Quá hạn: what happened, or still has not happened, at `at` was due earlier."""
    return at >= late_from(due_at)


def outcome(due_at: datetime, ended_at: datetime) -> Outcome:
    """How what was due ended; early: before the local day of its date."""
    if is_late(due_at, ended_at):
        return "late"
    return "early" if day_in_vietnam(ended_at) < day_in_vietnam(due_at) else "on_time"


def holding(since: Mapping[int, datetime], ended_at: datetime | None = None) -> int:
    """Ngày hẹn có hiệu lực: the number of the promised date that holds, the newest; at an end the newest by then.

    `since`: from when on each holds, by number (0: the receipt's, n: the one that the n-th supplement brought).
    """
    by_then = [number for number, begins in since.items() if ended_at is None or begins <= ended_at]
    return max(by_then) if by_then else min(since)


def counted_until(
    number: int, since: Mapping[int, datetime], pauses: Mapping[int, datetime], ended_at: datetime | None
) -> datetime | None:
    """When a date stopped counting: the n-th supplement was asked for (`pauses`), a later date came, or the end did.

    None: it counts.
    """
    ends = [at for later, at in (*pauses.items(), *since.items()) if later > number]
    if ended_at is not None:
        ends.append(ended_at)
    return min(ends, default=None)


def judged(since: Mapping[int, datetime], pauses: Mapping[int, datetime], ended_at: datetime) -> tuple[int, datetime]:
    """Xét hạn: by which date what ended is judged, and by which moment: its end, or when the clock stood still."""
    number = holding(since, ended_at)
    return number, counted_until(number, since, pauses, ended_at) or ended_at
