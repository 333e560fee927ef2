"""Hệ thống được đo: a fresh hub for each measurement, changed as the scenario needs it, warmed up, gone afterwards."""

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hub_local.bench_load import Load, bodies, closed_loop
from hub_local.bench_sizes import Sizes
from hub_local.dossiers import MORNING
from hub_local.front_door import FrontDoor
from hub_local.keys import Keys
from hub_local.layout import SERVICES, Layout
from hub_local.measure import memory
from hub_local.stack import Stack
from hub_local.steps import Step, everything, service
from hub_local.supervisor import Job, Program, Report, http_ok, run_once
from hub_messaging.clock import set_business_time

WARM_UP = 300
CONNECTIONS = 64
WORKER_PORTS_ABOVE = 60
"""Additional worker processes listen so far above the stack's ports, eight for each slot."""

Figures = dict[str, Any]
"""What a scenario has measured: numbers by name, some by process, agency … one level below."""
Change = Callable[[Layout, Keys, Sequence[Step]], Sequence[Step]]
"""What a scenario has otherwise than `hub up`."""


def as_usual(_layout: Layout, _keys: Keys, steps: Sequence[Step]) -> Sequence[Step]:
    """The hub as `hub up` runs it."""
    return steps


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub with its front door and its load."""

    layout: Layout
    stack: Stack
    door: FrontDoor
    load: Load
    bodies: Sequence[bytes]

    async def ending(self) -> Figures:
        """What every scenario reports at its end: memory in MB by process, what was lost, what was done twice."""
        return {"memory_mb": memory(self.stack), **await self.load.verdict()}


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario is given: where, how much, and a line to say how far it is."""

    layout: Layout
    sizes: Sizes
    say: Callable[[str], None]

    @asynccontextmanager
    async def hub(self, change: Change = as_usual) -> AsyncIterator[Hub]:
        """A hub from nothing, warmed up; its data are removed unless something fails."""
        layout = self.layout
        layout.folder.mkdir(parents=True, exist_ok=True)
        set_business_time(layout.clock_file, MORNING)
        self.say("starting")

        def plan(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
            return change(layout, keys, everything(layout, keys, report))

        async with Stack(layout, plan) as stack, FrontDoor(layout, stack.keys, CONNECTIONS) as door:
            prepared = await bodies(door)
            load = Load(stack, door, prepared)
            self.say("warming up")
            await load.run(closed_loop(WARM_UP))
            yield Hub(layout, stack, door, load, prepared)
        shutil.rmtree(layout.folder)


def with_settings(name: str, settings: Mapping[str, str]) -> Change:
    """Further settings for one service, without its prefix."""

    def change(_layout: Layout, _keys: Keys, steps: Sequence[Step]) -> Sequence[Step]:
        added = {f"{name.upper()}_{setting}": value for setting, value in settings.items()}
        return [
            replace(step, environment={**step.environment, **added})
            if isinstance(step, Program) and step.name == name
            else step
            for step in steps
        ]

    return change


def with_workers(workers: int, partitions: int | None = None) -> Change:
    """So many processes of each service that read; topics of so many partitions (None: as usual)."""

    def change(layout: Layout, keys: Keys, steps: Sequence[Step]) -> Sequence[Step]:
        usual = steps if partitions is None else [_with_partitions(step, layout, partitions) for step in steps]
        return [*usual, *(_worker(name, slot, layout, keys) for slot in range(1, workers) for name in SERVICES)]

    return change


def reading(name: str, slot: int = 1) -> str:
    """The name of a service's further process that only reads, and sends what the service says."""
    return f"{name}-{slot}"


def by_name(suffix: str, figures: Mapping[str, Any], wanted: Iterable[str]) -> Figures:
    """Some figures under longer names, for scenarios that measure the same several times."""
    return {f"{name}{suffix}": figures[name] for name in wanted}


def _with_partitions(step: Step, layout: Layout, partitions: int) -> Step:
    if step.name != "topics":
        return step
    assert isinstance(step, Job)
    command = (sys.executable, "-m", "hub_messaging.topics", layout.kafka_servers, str(partitions), "1")
    log = layout.logs / "topics.log"
    return replace(step, run=partial(run_once, command, stack=layout.folder, environment={}, log=log))


def _worker(name: str, slot: int, layout: Layout, keys: Keys) -> Program:
    first = service(name, layout, keys)
    http = layout.port_base + WORKER_PORTS_ABOVE + 8 * slot + 2 * SERVICES.index(name)
    own = {"SLOT": slot, "HTTP_PORT": http, "PROBE_PORT": http + 1}
    return replace(
        first,
        name=reading(name, slot),
        command=(sys.executable, "-m", f"services.{name}.entrypoints.worker"),
        ready=partial(http_ok, http + 1, "/ready"),
        needs=("migrations", "topics", name),
        after=(),
        ports=(),
        environment={
            **first.environment,
            **{f"{name.upper()}_{setting}": str(value) for setting, value in own.items()},
        },
    )
