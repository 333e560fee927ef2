"""Đồng hồ thời hạn giải quyết của một hồ sơ.

Facts are only ever added; whatever is said about the clock is computed from them and from the time, so the order in
which they arrive cannot matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple, Self
from uuid import UUID

from hub_events.intake import Promise
from hub_worktime import counted_until, holding, judged, late_from, outcome

State = Literal["unknown", "running", "paused", "stopped"]
StopOutcome = Literal["early", "on_time", "late", "no_term"]


def kept(promise: Promise) -> Promise:
    """The promise as a clock keeps it: an officer's reason is sealed for others."""
    return promise if promise.sealed_reason is None else promise.model_copy(update={"sealed_reason": None})


@dataclass(frozen=True, slots=True)
class Check:
    """Kiểm tra ngày hẹn: what the clock's own computation says. `reason`: why it differs, or was not compared."""

    agrees: bool
    computed_due_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PromisedDate:
    """Ngày hẹn trả. `request` 0: the receipt's; n: the one set when the n-th supplement had come.

    It holds from `since` (acceptance, or the supplement's receipt) until a later one does.
    """

    request: int
    since: datetime
    promise: Promise
    check: Check
    warn_at: datetime | None = None
    previous_due_at: datetime | None = None
    late_from: datetime | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        due_at = self.promise.due_at
        object.__setattr__(self, "late_from", None if due_at is None else late_from(due_at))

    def is_late(self, now: datetime) -> bool:
        """Its minute has passed."""
        return self.late_from is not None and now >= self.late_from

    @property
    def missed_word(self) -> str:
        """Under which the announcement of its miss is remembered."""
        return f"missed:{self.request}"

    @property
    def warned_word(self) -> str:
        return f"warned:{self.request}"


@dataclass(frozen=True, slots=True)
class Stop:
    """Kết thúc: the result, the desk's refusal, or its stop notice."""

    at: datetime
    cause: Literal["completed", "refused", "stopped"]


class DossierClock(NamedTuple):
    """What is known of one dossier's time. Without any promised date it is a stub, and nothing rings.

    `pauses`: when the n-th supplement was requested after acceptance. `said`: what was announced, in that order.
    """

    dossier_id: UUID
    dossier_code: str | None = None
    procedure: str | None = None
    desk: str | None = None
    dates: Mapping[int, PromisedDate] = MappingProxyType({})
    pauses: Mapping[int, datetime] = MappingProxyType({})
    stop: Stop | None = None
    said: tuple[str, ...] = ()

    @property
    def current(self) -> PromisedDate | None:
        """The date that holds; for a stopped clock the one that held then."""
        if len(self.dates) <= 1:
            return next(iter(self.dates.values()), None)
        return self.dates[holding(self._since, self.stop.at if self.stop else None)]

    @property
    def state(self) -> State:
        date = self.current
        if date is None:
            return "unknown"
        if self.stop is not None:
            return "stopped"
        return "paused" if any(number > date.request for number in self.pauses) else "running"

    @property
    def differs(self) -> bool:
        """The date that holds is not the one that the clock computes: a person must look."""
        return self.current is not None and not self.current.check.agrees

    @property
    def outcome(self) -> StopOutcome | None:
        """How a stopped clock ended against the date that then held; early: before the day of the date."""
        if self.stop is None or not self.dates:
            return None
        number, at = judged(self._since, self.pauses, self.stop.at)
        due_at = self.dates[number].promise.due_at
        return "no_term" if due_at is None else outcome(due_at, at)

    @property
    def _since(self) -> dict[int, datetime]:
        return {number: date.since for number, date in self.dates.items()}

    def stopped(self, stop: Stop) -> Self:
        """The clock with this end; of several the first one is it."""
        first = min((end for end in (self.stop, stop) if end is not None), key=lambda end: (end.at, end.cause))
        return self._replace(stop=first)

    def ended_at_once(self, stop: Stop) -> Self:
        """The clock of a dossier whose result was handed over with the same fact.

        That its date had passed by then is in how it ended; who holds the result is not told that it is late.
        """
        ended = self.stopped(stop)
        missed = [date.missed_word for date in ended.dates.values() if ended._may_be_missed(date)]
        return ended._replace(said=(*ended.said, *missed))

    def ended(self, date: PromisedDate) -> datetime | None:
        """When `date` stopped counting: the clock paused, a later date came, or the dossier was done."""
        return counted_until(date.request, self._since, self.pauses, self.stop.at if self.stop else None)

    def missed(self, now: datetime) -> list[PromisedDate]:
        """The dates whose minute passed while they counted, in order."""
        return [date for _, date in sorted(self.dates.items()) if self._may_be_missed(date) and date.is_late(now)]

    @property
    def misses_at(self) -> datetime | None:
        """When a miss that was not announced yet comes true, or came; None: none will, as far as is known."""
        moments = [
            date.late_from
            for date in self.dates.values()
            if date.late_from is not None and self._may_be_missed(date) and date.missed_word not in self.said
        ]
        return min(moments, default=None)

    def _may_be_missed(self, date: PromisedDate) -> bool:
        """Nothing ended `date` in time."""
        ended = self.ended(date)
        return date.late_from is not None and (ended is None or ended >= date.late_from)

    @property
    def warns_at(self) -> datetime | None:
        """When a running clock warns of the date that holds; None: it did, or there is nothing to warn of."""
        date = self.current
        if date is None or self.state != "running" or {date.warned_word, date.missed_word} & set(self.said):
            return None
        return date.warn_at
