"""Khi nào nhắc: a date that comes near, while there is still time to act."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hub_events.intake import Promise
from hub_worktime import (
    VIETNAM,
    Calendar,
    NoDueDate,
    Term,
    Unit,
    WorkingHours,
    compute_due,
    load_calendar,
    read_hours,
)
from hub_worktime.hours import MICROSECONDS_PER_HOUR, microseconds_of


def warn_at(promise: Promise) -> datetime | None:
    """When to warn about a date, UTC; None for a term without one.

    Two working days or more: at opening on the working day before the due day, so that an apology that must be out
    one day before (NĐ 61/2018 Đ.19.9) can still be written. Shorter: when half of its working time has passed.
    """
    if promise.due_at is None:
        return None
    calendar, hours = _calendar(promise), read_hours(promise.hours)
    counted_from, due_at = promise.counted_from.astimezone(VIETNAM), promise.due_at.astimezone(VIETNAM)
    if not _inside(calendar, counted_from, due_at):
        return promise.counted_from + (promise.due_at - promise.counted_from) / 2
    first, last = (bisect_left(calendar.working, moment.toordinal()) for moment in (counted_from, due_at))
    if last - first >= 2:
        opening = datetime.fromordinal(calendar.working[last - 1]) + timedelta(microseconds=hours.opens)
        return opening.replace(tzinfo=VIETNAM).astimezone(UTC)
    return _half_way(counted_from, due_at, calendar, hours)


def _calendar(promise: Promise) -> Calendar:
    try:
        return load_calendar(promise.calendar or "vn")
    except LookupError:  # reported by the check; the newest one is good enough for a reminder
        return load_calendar("vn")


def _inside(calendar: Calendar, counted_from: datetime, due_at: datetime) -> bool:
    return counted_from <= due_at and calendar.first <= counted_from.date() and due_at.date() < calendar.last


def _half_way(counted_from: datetime, due_at: datetime, calendar: Calendar, hours: WorkingHours) -> datetime:
    working = _worked_until(due_at, calendar, hours) - _worked_until(counted_from, calendar, hours)
    half = Term("", Unit.WORKING_HOUR, Decimal(working) / 2 / MICROSECONDS_PER_HOUR)
    try:
        return compute_due(counted_from, half, calendar=calendar, hours=hours).due_at.astimezone(UTC)
    except NoDueDate:
        return counted_from.astimezone(UTC)


def _worked_until(moment: datetime, calendar: Calendar, hours: WorkingHours) -> int:
    """Working time since the calendar's first day, in microseconds."""
    day = bisect_left(calendar.working, moment.toordinal())
    open_today = calendar.working[day] == moment.toordinal()
    return day * hours.per_day + (hours.worked_before(microseconds_of(moment.time())) if open_today else 0)
