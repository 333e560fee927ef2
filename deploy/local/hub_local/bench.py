"""Đo hiệu năng: `hub bench`: named scenarios, each run several times on a fresh hub of its own; medians and spread.

CPU is that of the four services, Kafka and PostgreSQL; load generator and sandbox run beside them and are told apart.
"""

import json
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hub_local.bench_figures import FLAWS, Entry, spreads
from hub_local.bench_growth import growth, workers
from hub_local.bench_hub import Bench, Figures
from hub_local.bench_register import register
from hub_local.bench_scenarios import closed, many_lanes, one_dead, opened, opened_near_maximum, stages
from hub_local.bench_sizes import Sizes
from hub_local.bench_trouble import backlog, kill, outage, restart
from hub_local.files import write_whole
from hub_local.layout import Layout, SettingWrong
from hub_messaging.clock import real_now

Scenario = Callable[[Bench], Awaitable[Figures]]
SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "closed": closed,
        "open": opened,
        "open70": opened_near_maximum,
        "stages": stages,
        "dead": one_dead,
        "lanes": many_lanes,
        "kill": kill,
        "outage": outage,
        "backlog": backlog,
        "restart": restart,
        "growth": growth,
        "workers": workers,
        "register": register,
    }
)
EVERY = "all"
LOOP = 3_000_000
"""Additions of the loop that says how fast the machine itself is just now."""

READABLE_BY_ALL = 0o644

Say = Callable[[str], None]


def chosen(text: str) -> list[str]:
    """The scenarios that `closed,open`, `all` … name, in the order of `SCENARIOS`. Raises SettingWrong."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in (*SCENARIOS, EVERY):
            raise SettingWrong(f"there is no scenario {name!r}; there are {EVERY}, {', '.join(SCENARIOS)}")
    return [name for name in SCENARIOS if name in names or EVERY in names]


async def measure(
    layout: Layout, names: Sequence[str], runs: int, sizes: Sizes, say: Say
) -> AsyncIterator[tuple[str, Entry]]:
    """Runs each scenario so often, yields what it gave; one that fails says why, and the others go on."""
    for name in names:
        figures: list[Figures] = []
        failed: list[str] = []
        for run in range(1, runs + 1):
            at = replace(layout, folder=layout.folder / f"{name}-{run}")
            say_here = _timed(say, f"{name}, run {run} of {runs}")
            try:
                figures.append({"machine_loop_s": machine_loop(), **await SCENARIOS[name](Bench(at, sizes, say_here))})
            except Exception as error:  # whatever it is: said, counted, and the next run begins from nothing
                failed.append(f"run {run}: {type(error).__name__}: {error}")
                say_here(f"FAILED: {failed[-1]}; its data and logs stay in {at.folder.name}")
        yield name, _entry(figures, failed, runs, sizes)


def _entry(figures: Sequence[Figures], failed: Sequence[str], runs: int, sizes: Sizes) -> dict[str, Any]:
    nothing = dict.fromkeys(FLAWS, (0.0, 0.0, 0.0))
    return {
        "taken": real_now().date().isoformat(),
        "cores": os.cpu_count(),
        "runs": runs - len(failed),
        "failed": list(failed),
        "sizes": json.loads(json.dumps(asdict(sizes))),
        "figures": {**nothing, **spreads(figures)},
    }


def machine_loop() -> float:
    """Seconds that a fixed loop takes: shared machines are not always equally fast."""
    began = time.perf_counter()
    total = 0
    for number in range(LOOP):
        total += number
    return round(time.perf_counter() - began, 3)


def read_figures(file: Path) -> dict[str, Entry]:
    """The scenarios in a file of figures; none when there is no file."""
    found: dict[str, Entry] = json.loads(file.read_text()) if file.exists() else {}
    return found


def write_figures(file: Path, entries: Mapping[str, Entry]) -> None:
    """Writes them in the order of `SCENARIOS`, one figure a line."""
    ordered = {name: entries[name] for name in SCENARIOS if name in entries}
    text = json.dumps(ordered, indent=1, ensure_ascii=False)
    one_line = re.sub(r"\[[^\[\]]*\]", lambda found: " ".join(found[0].split()), text)
    write_whole(file, one_line + "\n", READABLE_BY_ALL)


def _timed(say: Say, where: str) -> Say:
    began = time.monotonic()
    return lambda text: say(f"{where}, {time.monotonic() - began:.0f} s: {text}")
