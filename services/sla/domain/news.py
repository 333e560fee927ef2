"""Điều cần báo: what is true of a clock and was not announced yet."""

from collections.abc import Iterator
from datetime import datetime

from hub_events.event import Event
from hub_events.sla import (
    DeadlineClockPausedV1,
    DeadlineClockRestartedV1,
    DeadlineClockStartedV1,
    DeadlineClockStoppedV1,
    DeadlineMissedV1,
    DeadlineWarningRaisedV1,
)
from services.sla.domain.clock import DossierClock, PromisedDate

WARN, MISS = "warn", "miss"


def news(clock: DossierClock, now: datetime) -> list[tuple[str, Event, datetime]]:
    """Word under which it is remembered, event, business time at which it became true; in the order to be told."""
    if not clock.dates:
        return []
    told = set(clock.said)
    fresh = [item for item in _told_once(clock, now) if item[0] not in told]
    return [*fresh, *_stop(clock)]


def alarms(clock: DossierClock) -> dict[str, datetime | None]:
    """When the clock must be looked at again, by kind of timer; None: not at all."""
    date = clock.current
    if date is None or clock.state != "running":
        return {WARN: None, MISS: None}
    missed, warned = f"missed:{date.request}" in clock.said, f"warned:{date.request}" in clock.said
    return {WARN: None if warned or missed else date.warn_at, MISS: None if missed else date.late_from}


def _told_once(clock: DossierClock, now: datetime) -> Iterator[tuple[str, Event, datetime]]:
    for number in sorted(clock.dates.keys() | clock.pauses.keys()):
        if number in clock.pauses:
            paused_at = clock.pauses[number]
            yield f"paused:{number}", DeadlineClockPausedV1(paused_at=paused_at, request=number), paused_at
        if number in clock.dates:
            yield _began(clock.dates[number])
    for number, date in sorted(clock.dates.items()):
        if clock.missed(date, now) and date.promise.due_at is not None and date.late_from is not None:
            event = DeadlineMissedV1(due_at=date.promise.due_at, missed_at=date.late_from, request=number)
            yield f"missed:{number}", event, date.late_from
    current = clock.current
    if clock.warns(now) and current is not None and current.promise.due_at is not None:
        yield f"warned:{current.request}", DeadlineWarningRaisedV1(due_at=current.promise.due_at, warned_at=now), now


def _began(date: PromisedDate) -> tuple[str, Event, datetime]:
    due_at, check = date.promise.due_at, date.check
    if date.request == 0:
        started = DeadlineClockStartedV1(
            due_at=due_at, warn_at=date.warn_at, agrees=check.agrees, computed_due_at=check.computed_due_at
        )
        return "started", started, date.since
    restarted = DeadlineClockRestartedV1(
        due_at=due_at,
        warn_at=date.warn_at,
        previous_due_at=date.previous_due_at,
        request=date.request,
        agrees=check.agrees,
        computed_due_at=check.computed_due_at,
    )
    return f"restarted:{date.request}", restarted, date.since


def _stop(clock: DossierClock) -> Iterator[tuple[str, Event, datetime]]:
    """The end, told again when a fact that came late changes how it ended."""
    date, outcome = clock.current, clock.outcome
    if clock.stop is None or date is None or outcome is None:
        return
    due_at = date.promise.due_at
    word = f"stopped:{clock.stop.at.isoformat()}:{outcome}:{due_at.isoformat() if due_at else '-'}"
    told = [earlier for earlier in clock.said if earlier.startswith("stopped:")]
    if told[-1:] != [word]:
        stopped = DeadlineClockStoppedV1(stopped_at=clock.stop.at, due_at=due_at, outcome=outcome)
        yield word, stopped, clock.stop.at
