"""Số liệu: what several runs of a scenario say together, what it must reach, and whether it has fallen back."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from hub_local.layout import SERVICES

FALLEN_BACK = 0.20
"""A bound's figure that is worse than the committed one by more than this share is a regression."""


class Spread(NamedTuple):
    """Of a figure over the runs of a scenario."""

    median: float
    low: float
    high: float


Spreads = Mapping[str, Spread]
"""By the figure's name; figures by process, agency … are called `name.process`."""
Entry = Mapping[str, Any]
"""What is written of a scenario: `taken`, `cores`, `sizes`, `runs`, `failed`, `figures`: name → median, low, high."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must reach and, perhaps further, should. Units as in the figure's name."""

    scenario: str
    figure: str
    better: Literal["more", "less"]
    must: float | None
    goal: float | None = None

    def reached(self, value: float, limit: float) -> bool:
        return value >= limit if self.better == "more" else value <= limit

    def fallen_back(self, value: float, committed: float) -> bool:
        """Whether `value` is worse than `committed` by more than 20 %."""
        if self.better == "more":
            return value < committed * (1 - FALLEN_BACK)
        return value > committed * (1 + FALLEN_BACK)


BOUNDS = (
    Bound("closed", "lifecycles_per_s", "more", 400, 600),
    Bound("closed", "cpu_s_per_1000", "less", 3.5, 2.5),
    *(Bound("closed", f"memory_mb.{name}", "less", 70) for name in (*SERVICES, "nursery")),
    Bound("open", "handover_p50_s", "less", 0.020),
    Bound("open", "handover_p99_s", "less", 0.100, 0.050),
    Bound("open", "cpu_s_per_1000", "less", None, 15),
    Bound("dead", "p99_of_what_is_allowed", "less", 1),
    *(Bound("backlog", f"events_per_s.{name}", "more", 5000) for name in SERVICES if name != "intake"),
    *(Bound("kill", f"handover_p99_s.{name}", "less", 1.0) for name in SERVICES),
    *(Bound("kill", f"first_work_s.{name}", "less", 1.2) for name in SERVICES if name != "sla"),
    *(Bound("outage", f"normal_after_s.{name}", "less", 10) for name in ("kafka", "postgres")),
    *(Bound("register", f"{asked}_p99_s", "less", 0.050) for asked in ("list", "due", "count")),
    Bound("register", "accepted_alone_per_s", "more", 300),
    Bound("register", "accepted_p99_s", "less", 0.100),
    Bound("register", "import_s", "less", 60),
    Bound("register", "import_memory_mb", "less", 300),
)
FLAWS = ("lost", "duplicates")
"""Figures that must be 0 in every run of every scenario."""


def flat(figures: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """Figures with those one level below under `name.process`."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", float(value)


def spreads(runs: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    """Median, least and most of each figure over the runs that have it."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, value in flat(run):
            found.setdefault(name, []).append(value)
    return {
        name: Spread(round(statistics.median(values), 4), min(values), max(values)) for name, values in found.items()
    }


def flawless(entries: Mapping[str, Entry]) -> bool:
    """Whether every run ended, and none lost anything or did it twice."""
    return not any(entry["failed"] or any(entry["figures"][flaw][2] for flaw in FLAWS) for entry in entries.values())


def verdicts(entries: Mapping[str, Entry], committed: Mapping[str, Entry]) -> Iterator[str]:
    """A line for each bound that was measured, and for each that has fallen back; medians count."""
    for bound in BOUNDS:
        entry = entries.get(bound.scenario)
        if entry is None or bound.figure not in entry["figures"]:
            continue
        value = entry["figures"][bound.figure][0]
        yield f"{_word(bound, value)}: {bound.scenario} {bound.figure} {value:g} ({_limits(bound)})"
        before = committed.get(bound.scenario)
        if before is None or bound.figure not in before["figures"]:
            continue
        former = before["figures"][bound.figure][0]
        if _other_sizes(before["sizes"], entry["sizes"]):
            yield f"  not compared with the committed {former:g}: it was taken with other sizes"
        elif bound.fallen_back(value, former):
            yield f"  REGRESSION: it was {former:g} in the committed figures"


def _other_sizes(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Sizes that are new since then belong to scenarios that are new."""
    return any(now.get(name) != size for name, size in before.items())


def _word(bound: Bound, value: float) -> str:
    if bound.must is not None and not bound.reached(value, bound.must):
        return "MISSED"
    if bound.goal is not None and not bound.reached(value, bound.goal):
        return "short of its goal"
    return "reached"


def _limits(bound: Bound) -> str:
    sign = "≥" if bound.better == "more" else "≤"
    named = (("must", bound.must), ("goal", bound.goal))
    return ", ".join(f"{name} {sign} {limit:g}" for name, limit in named if limit is not None)
