"""Chặng: where a service's CPU goes: parsing, handlers, SQL, HTTP, relay; by looking at it every 5 ms of its CPU time.

`python -m hub_local.bench_stages FILE MODULE` runs a service as usual and counts, by stage, what its main thread does
whenever the kernel says that another 5 ms of CPU time were used (ITIMER_PROF): a process that waits costs and counts
nothing. A look lands on the next Python instruction, so time in C counts for the Python code that called it, or for
the event loop when none did. SIGUSR1 begins the count anew; at the end it is written to FILE. The look itself costs
some 20 µs in 5 ms. Services know nothing of it.
"""

import atexit
import json
import runpy
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

EVERY_SECONDS = 0.005
DEEPEST = 60

STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("relay", ("hub_messaging.relay", "hub_messaging.outbox", "aiokafka.producer")),
    ("sql", ("asyncpg", "hub_messaging.database", "hub_messaging.runner", "hub_messaging.unit_of_work")),
    ("http", ("uvicorn", "starlette", "fastapi", "aiohttp", "httptools", "hub_web", "multidict", "yarl")),
    ("parse", ("hub_messaging.consumer", "hub_messaging.reader", "aiokafka.consumer", "hub_events", "faststream")),
    ("handler", ("hub_worktime", "hub_messaging.sealing", "hub_messaging.lanes", "hub_messaging.work")),
)
"""By stage, the modules that belong to it; the first that fits counts. A service's own rooms: `ROOMS`."""
ROOMS = {"domain": "handler", "handlers": "handler", "store": "sql", "api": "http", "clients": "http"}
REST = "event loop and rest"


def stage_of(modules: Iterable[str]) -> str:
    """The stage of a stack, by its modules from the innermost outwards."""
    for module in modules:
        if module.startswith("services."):
            room = ROOMS.get(module.split(".")[2]) if module.count(".") > 1 else None
            if room is not None:
                return room
        for stage, prefixes in STAGES:
            if any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes):
                return stage
    return REST


def _modules(frame: FrameType | None) -> Iterable[str]:
    for _ in range(DEEPEST):
        if frame is None:
            return
        yield frame.f_globals.get("__name__", "")
        frame = frame.f_back


def main(file: Path, module: str) -> None:
    """Runs `module` and counts."""
    looks: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        looks[stage_of(_modules(frame))] += 1

    signal.signal(signal.SIGPROF, look)
    signal.signal(signal.SIGUSR1, lambda _number, _frame: looks.clear())
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    atexit.register(_end, file, looks)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end(file: Path, looks: Counter[str]) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)  # without a handler, the next signal would end the process
    file.write_text(json.dumps(looks))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
