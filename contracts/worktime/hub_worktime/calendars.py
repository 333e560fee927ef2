"""Lịch làm việc: which days are worked. Versioned data files, never changed once published."""

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_MONDAY_TO_FRIDAY = frozenset({1, 2, 3, 4, 5})  # proleptic ordinal modulo 7


class OutsideCalendar(Exception):
    """A day before the first or after the last year the calendar knows."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """Lịch làm việc của một phiên bản.

    Working days are Monday to Friday and make-up days, less the days off. `working` holds their proleptic ordinals in
    order, so that counting n working days is one look-up instead of a walk.
    """

    id: str
    first: date
    last: date
    days_off: Mapping[date, str]
    make_up_days: frozenset[date]
    official_years: frozenset[int]
    working: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ordinals = range(self.first.toordinal(), self.last.toordinal() + 1)
        worked = {ordinal for ordinal in ordinals if ordinal % 7 in _MONDAY_TO_FRIDAY}
        worked -= {day.toordinal() for day in self.days_off}
        worked |= {day.toordinal() for day in self.make_up_days}
        object.__setattr__(self, "working", tuple(sorted(worked)))

    def is_working_day(self, day: date) -> bool:
        """Ngày làm việc? Raises `OutsideCalendar` for a day the calendar says nothing about."""
        ordinal = day.toordinal()
        if not self.first.toordinal() <= ordinal <= self.last.toordinal():
            raise OutsideCalendar(f"{day.isoformat()} is not in {self.id} ({self.first.year}–{self.last.year})")
        index = bisect_left(self.working, ordinal)
        return index < len(self.working) and self.working[index] == ordinal

    def official(self, year: int) -> bool:
        """Whether the swaps that the Government announced for that year are entered; other years are computed."""
        return year in self.official_years


def _folder() -> Traversable:
    return files("hub_worktime") / "data" / "calendars"


def _newest(code: str) -> str:
    versions = [entry.name.removesuffix(".json") for entry in _folder().iterdir() if entry.name.startswith(f"{code}@")]
    if not versions:
        raise LookupError(f"no calendar {code!r}")
    return max(versions, key=lambda name: [int(part) for part in name.partition("@")[2].split(".")])


def published_calendars() -> tuple[str, ...]:
    """Ids of every published version, in order."""
    ids = (entry.name.removesuffix(".json") for entry in _folder().iterdir() if entry.name.endswith(".json"))
    return tuple(sorted(ids))


@cache
def load_calendar(id: str = "vn") -> Calendar:
    """A published calendar by id and version (`vn@2026.1`), or the newest one of an id (`vn`). LookupError if none."""
    if "@" not in id:
        return load_calendar(_newest(id))
    try:
        text = (_folder() / f"{id}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"no calendar {id!r}") from None
    years = json.loads(text)["years"]
    return Calendar(
        id=id,
        first=date(int(min(years)), 1, 1),
        last=date(int(max(years)), 12, 31),
        days_off={date.fromisoformat(day): name for year in years.values() for day, name in year["off"].items()},
        make_up_days=frozenset(date.fromisoformat(day) for year in years.values() for day in year["worked"]),
        official_years=frozenset(int(number) for number, year in years.items() if year["official"]),
    )
