"""Điều cần báo: what is true of a clock and was not announced yet."""

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class News:
    """One thing to announce. `word`: under which it is remembered; `at`: business time at which it became true."""

    word: str
    event: Event
    at: datetime


def news_of_facts(clock: DossierClock) -> list[News]:
    """What the facts alone say, in the order to be told."""
    if not clock.dates:
        return []
    return [*_moves(clock), *_stop(clock)]


def news_of_time(clock: DossierClock, now: datetime) -> list[News]:
    """What has become true because time passed: to be told only by somebody who has heard all facts up to now."""
    told = set(clock.said)
    return [item for item in (*_misses(clock, now), *_warning(clock, now)) if item.word not in told]


def alarms(clock: DossierClock) -> dict[str, datetime | None]:
    """When time must be looked at again, by kind of timer; None: not at all."""
    return {WARN: clock.warns_at, MISS: clock.misses_at}


def _moves(clock: DossierClock) -> Iterator[News]:
    """Starts, pauses and restarts that were not told yet, in order."""
    for number in sorted(clock.dates.keys() | clock.pauses.keys()):
        paused, began = f"paused:{number}", f"restarted:{number}" if number else "started"
        if number in clock.pauses and paused not in clock.said:
            at = clock.pauses[number]
            yield News(paused, DeadlineClockPausedV1(paused_at=at, request=number), at)
        if number in clock.dates and began not in clock.said:
            date = clock.dates[number]
            yield News(began, _beginning(date), date.since)


def _misses(clock: DossierClock, now: datetime) -> Iterator[News]:
    for date in clock.missed(now):
        assert date.promise.due_at is not None
        assert date.late_from is not None
        event = DeadlineMissedV1(
            due_at=date.promise.due_at,
            missed_at=date.late_from,
            request=date.request,
            ended_at=clock.stop.at if clock.stop else None,
        )
        yield News(date.missed_word, event, date.late_from)


def _warning(clock: DossierClock, now: datetime) -> Iterator[News]:
    """A date that comes near; once it is late there is nothing to warn of."""
    date, at = clock.current, clock.warns_at
    if date is None or at is None or date.promise.due_at is None or now < at or date.is_late(now):
        return
    event = DeadlineWarningRaisedV1(due_at=date.promise.due_at, warned_at=now)
    yield News(date.warned_word, event, now)


def _beginning(date: PromisedDate) -> Event:
    due_at, check = date.promise.due_at, date.check
    if date.request == 0:
        return DeadlineClockStartedV1(
            due_at=due_at, warn_at=date.warn_at, agrees=check.agrees, computed_due_at=check.computed_due_at
        )
    return DeadlineClockRestartedV1(
        due_at=due_at,
        warn_at=date.warn_at,
        previous_due_at=date.previous_due_at,
        request=date.request,
        agrees=check.agrees,
        computed_due_at=check.computed_due_at,
    )


def _stop(clock: DossierClock) -> Iterator[News]:
    """The end, told again when a fact that came late changes how it ended."""
    date, outcome = clock.current, clock.outcome
    if clock.stop is None or date is None or outcome is None:
        return
    due_at = date.promise.due_at
    word = f"stopped:{clock.stop.at.isoformat()}:{outcome}:{due_at.isoformat() if due_at else '-'}"
    told = [earlier for earlier in clock.said if earlier.startswith("stopped:")]
    if told[-1:] != [word]:
        stopped = DeadlineClockStoppedV1(
            stopped_at=clock.stop.at, due_at=due_at, outcome=outcome, cause=clock.stop.cause
        )
        yield News(word, stopped, clock.stop.at)
