"""Sớm hạn, đúng hạn, quá hạn: the one rule by which every part of the hub says whether something came in time.

A promised date names a minute, and that minute is still on time: what is due at 17:00 is in time during [.., 17:01) and
late from 17:01:00 on. See docs/decisions/0006-when-a-date-is-missed-and-when-it-warns.md.
"""

from datetime import date, datetime, timedelta
from typing import Literal

from hub_worktime.due import VIETNAM

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
    return "early" if _day(ended_at) < _day(due_at) else "on_time"


def _day(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()
