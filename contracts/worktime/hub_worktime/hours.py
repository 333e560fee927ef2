"""Giờ làm việc: when a unit is open on a working day. Half-open intervals; times inside are microseconds of the day."""

import re
from dataclasses import dataclass, field
from datetime import time
from itertools import pairwise

MICROSECONDS_PER_HOUR = 3_600_000_000
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_INTERVAL = re.compile(f"{_TIME}-{_TIME}")


def microseconds_of(moment: time) -> int:
    """Microseconds since midnight."""
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1_000_000 + moment.microsecond


@dataclass(frozen=True)
class WorkingHours:
    """Giờ làm việc trong một ngày làm việc của một đơn vị, the same on make-up days.

    `intervals` are half-open [opens, closes): a receipt at 11:30 sharp is made after the morning, one at 13:30 in the
    afternoon. They are in order and don't touch. ValueError otherwise.
    """

    intervals: tuple[tuple[time, time], ...]
    opens: int = field(init=False, repr=False, compare=False)
    closes: int = field(init=False, repr=False, compare=False)
    per_day: int = field(init=False, repr=False, compare=False)
    _spans: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spans = tuple((microseconds_of(opens), microseconds_of(closes)) for opens, closes in self.intervals)
        edges = [edge for span in spans for edge in span]
        if not edges or any(earlier >= later for earlier, later in pairwise(edges)):
            raise ValueError("working hours need at least one interval, in order, each ending before the next begins")
        object.__setattr__(self, "_spans", spans)
        object.__setattr__(self, "opens", edges[0])
        object.__setattr__(self, "closes", edges[-1])
        object.__setattr__(self, "per_day", sum(closes - opens for opens, closes in spans))

    def __str__(self) -> str:
        """As `read_hours` reads it."""
        return " ".join(f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in self.intervals)

    def next_open(self, at: int) -> int | None:
        """`at` when the unit is open then, else its next opening on that day; None when it is closed for the day."""
        for opens, closes in self._spans:
            if at < closes:
                return max(at, opens)
        return None

    def worked_before(self, at: int) -> int:
        """Working time of the day that has passed at `at`."""
        return sum(min(max(at - opens, 0), closes - opens) for opens, closes in self._spans)

    def moment_when(self, worked: int) -> int:
        """The first moment of the day at which that much working time has passed."""
        for opens, closes in self._spans:
            if worked <= closes - opens:
                return opens + worked
            worked -= closes - opens
        raise ValueError("more than a day's working time")


DEFAULT_HOURS = WorkingHours(((time(7), time(11, 30)), (time(13, 30), time(17))))


def read_hours(written: str | None) -> WorkingHours:
    """Giờ làm việc written as `08:00-12:00 13:00-16:30`; None: the default. ValueError for anything else."""
    if written is None:
        return DEFAULT_HOURS
    intervals = written.split(" ")
    if not all(map(_INTERVAL.fullmatch, intervals)):
        raise ValueError("working hours are written as 08:00-12:00 13:00-16:30")
    edges = (map(time.fromisoformat, interval.split("-")) for interval in intervals)
    return WorkingHours(tuple((opens, closes) for opens, closes in edges))
