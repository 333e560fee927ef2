"""Programs that stand for services.

`python -m tests.local.stand_ins two` holds a stack of two of them, as `hub up` does; without `two`, one of Kafka and
PostgreSQL. Where: the HUB_* settings.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hub_local.hold import hold
from hub_local.keys import Keys
from hub_local.layout import Layout, here
from hub_local.steps import Step, broker, database_server
from hub_local.supervisor import Program, Report

LIVES = "import time; print('up', flush=True); time.sleep(300)"
DIES = "import sys; print('no such thing: colour', flush=True); sys.exit(3)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LIVES}"
NOTES_ITS_END = """
import signal, sys, time
def end(*_):
    time.sleep(0.2)
    with open(sys.argv[1], "a") as diary:
        print(sys.argv[2], file=diary)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(300)
"""


def program(name: str, code: str = LIVES, needs: tuple[str, ...] = (), stop_seconds: float = 5.0) -> Program:
    """A Python process that runs `code`; ready at once."""

    async def ready() -> bool:
        return True

    return Program(name, (sys.executable, "-c", code), ready=ready, needs=needs, stop_seconds=stop_seconds)


def diarist(name: str, layout: Layout, diary: Path, needs: tuple[str, ...] = ()) -> Program:
    """A process that writes its name into `diary` when it ends in an orderly way."""

    async def ready() -> bool:
        log = layout.logs / f"{name}.log"
        return log.exists() and "up" in log.read_text()

    return Program(name, (sys.executable, "-c", NOTES_ITS_END, str(diary), name), ready=ready, needs=needs)


def two_in_a_row(layout: Layout, keys: Keys, report: Report) -> Sequence[Program]:
    return [program("server"), program("client", needs=("server",))]


def servers(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
    """Kafka and PostgreSQL, with nothing on top."""
    return [*database_server(layout, keys), *broker(layout, report)]


def settings_of(layout: Layout) -> dict[str, str]:
    """The environment in which a command works on `layout`."""
    return {**os.environ, "HUB_FOLDER": str(layout.folder), "HUB_PORT_BASE": str(layout.port_base)}


def hold_elsewhere(layout: Layout) -> subprocess.Popen[str]:
    """The stack of two in a process of its own; returns when it is ready."""
    command = [sys.executable, "-m", "tests.local.stand_ins", "two"]
    holder = subprocess.Popen(command, env=settings_of(layout), stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert any(" hub: ready" in line for line in holder.stdout)
    return holder


if __name__ == "__main__":
    alone = sys.argv[1:] == ["two"]
    asyncio.run(hold(here(), two_in_a_row if alone else servers))
