"""Cảnh báo: whether an alert's condition is true now, by its own expression and what the processes show at /metrics.

How long an alert waits until it calls somebody (`for`) is left out: no disturbance lasts a quarter of an hour.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from hub_local.layout import SERVICES, Layout

ALERTS = Path(__file__).resolve().parents[2] / "prometheus" / "alerts.yml"
SCRAPE_SECONDS = 5.0
LOOK_SECONDS = 0.1
Labels = Mapping[str, str]

_RULE = re.compile(r"- alert: (\w+)\n +expr: (.+)\n")
_EXPRESSION = re.compile(
    r"(?:(?P<how>max|sum) by \((?P<by>[\w, ]+)\) \((?P<inner>\w+)\)|(?P<bare>\w+)(?:\{[^}]*\})?)"
    r" (?P<compare>==|>) (?P<bound>[\d.]+)"
)
_HOW: Mapping[str | None, Callable[[Iterable[float]], float]] = {"max": max, "sum": sum, None: max}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value as Prometheus would hold it, with the label of its service."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Condition:
    """What makes an alert ring: a metric, gathered by labels (None: as it is), compared with a bound.

    `besides`: what must be true of the same labels too.
    """

    metric: str
    how: str | None
    by: tuple[str, ...] | None
    compare: str
    bound: float
    besides: "Condition | None" = None

    def met_by(self, samples: Sequence[Sample]) -> list[Labels]:
        """The labels of each series for which it is true."""
        met = self._met_by(samples)
        return met if self.besides is None else [one for one in self.besides.met_by(samples) if one in met]

    def _met_by(self, samples: Sequence[Sample]) -> list[Labels]:
        gathered: defaultdict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
        for sample in samples:
            if sample.name == self.metric:
                kept = {name: value for name, value in sample.labels.items() if self.by is None or name in self.by}
                gathered[tuple(sorted(kept.items()))].append(sample.value)
        values = {labels: _HOW[self.how](found) for labels, found in gathered.items()}
        is_true: Callable[[float], bool] = (
            self.bound.__eq__ if self.compare == "==" else lambda value: value > self.bound
        )
        return [dict(labels) for labels, value in values.items() if is_true(value)]


class Silent(Exception):
    """An alarm that should ring did not, or one that should be silent again rings on."""


def condition_of(expression: str) -> Condition:
    """Understands gauges compared with numbers. Raises ValueError for more than that (rates, quantiles)."""
    first, _, others = expression.partition(" and ")
    found = _EXPRESSION.fullmatch(first.strip())
    if found is None:
        raise ValueError(f"{expression!r} is more than a gauge compared with a number")
    by = tuple(found["by"].split(", ")) if found["by"] else None
    besides = condition_of(others) if others else None
    metric = found["inner"] or found["bare"]
    return Condition(metric, found["how"], by, found["compare"], float(found["bound"]), besides)


def expressions() -> dict[str, str]:
    """Alert → its expression, as Prometheus is given it."""
    return dict(_RULE.findall(ALERTS.read_text()))


async def shown_at(address: str, session: aiohttp.ClientSession) -> list[Sample]:
    """What a process shows of itself. Raises aiohttp.ClientError, OSError, TimeoutError when it doesn't answer."""
    async with session.get(f"{address}/metrics") as answer:
        text = await answer.text()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return [Sample(one.name, one.labels, one.value) for one in found]


def conditions() -> dict[str, Condition]:
    """Alert → its condition, of those that are understood here."""
    found = {}
    for alert, expression in expressions().items():
        with suppress(ValueError):
            found[alert] = condition_of(expression)
    return found


class Alarms:
    """Listens to the services of a stack, as Prometheus would."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._expressions = expressions()

    async def rung(self, alert: str, within: float, **where: str) -> str:
        """Waits until `alert` has a reason to ring, at a series with the labels `where`; says so in words.

        Raises Silent after `within` seconds.
        """
        began = time.monotonic()
        if not await self._comes_to(alert, within, where, ringing=True):
            raise Silent(f"{alert} did not ring within {within:g} s{_words_of(where)}: {self._expressions[alert]}")
        return f"{alert} rang after {time.monotonic() - began:.1f} s"

    async def silent(self, alert: str, within: float, **where: str) -> None:
        """Waits until `alert` has no reason to ring any more. Raises Silent after `within` seconds."""
        if not await self._comes_to(alert, within, where, ringing=False):
            raise Silent(f"{alert} rings on after {within:g} s{_words_of(where)}: {self._expressions[alert]}")

    async def ringing(self, within: float, rightly: Set[str] = frozenset()) -> list[str]:
        """Every alert that has a reason to ring and still has it after `within` seconds, with where.

        `rightly`: those that may.
        """
        heard = {alert: one for alert, one in conditions().items() if alert not in rightly}
        ends = time.monotonic() + within
        while True:
            samples = await self._scraped(SERVICES)
            met = [(alert, labels) for alert, one in heard.items() for labels in one.met_by(samples)]
            if not met or time.monotonic() > ends:
                return [f"{alert}{_words_of(labels)}" for alert, labels in met]
            await asyncio.sleep(LOOK_SECONDS)

    async def _comes_to(self, alert: str, within: float, where: Labels, *, ringing: bool) -> bool:
        condition = condition_of(self._expressions[alert])
        services = [where["service"]] if "service" in where else SERVICES
        ends = time.monotonic() + within
        while True:
            met = condition.met_by(await self._scraped(services))
            if any(where.items() <= labels.items() for labels in met) is ringing:
                return True
            if time.monotonic() > ends:
                return False
            await asyncio.sleep(LOOK_SECONDS)

    async def _scraped(self, services: Sequence[str]) -> list[Sample]:
        timeout = aiohttp.ClientTimeout(total=SCRAPE_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            found = await asyncio.gather(*(self._shown_by(service, session) for service in services))
        return [sample for samples in found for sample in samples]

    async def _shown_by(self, service: str, session: aiohttp.ClientSession) -> list[Sample]:
        own = {"service": service, "role": "service", "job": "hub", "instance": service}
        try:
            shown = await shown_at(self._layout.url(f"{service}-probe"), session)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return [Sample("up", own, 0.0)]
        return [Sample("up", own, 1.0), *(Sample(one.name, {**one.labels, **own}, one.value) for one in shown)]


def _words_of(where: Labels) -> str:
    return f" at {', '.join(where.values())}" if where else ""
