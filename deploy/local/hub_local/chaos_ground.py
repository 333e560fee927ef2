"""Nơi quấy phá: what every disturbance finds: the stack, its wires, the load, the alarms."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hub_local.chaos_alarms import Alarms
from hub_local.chaos_load import Load
from hub_local.chaos_stack import Wires
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout, StackNotUsable
from hub_local.stack import Stack

READY_SECONDS = 90.0
"""A process that is started again must be ready within this time, on a slow machine too."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where disturbances take place."""

    layout: Layout
    stack: Stack
    door: FrontDoor
    wires: Wires
    seed: int
    load: Load
    alarms: Alarms


class Wrong(Exception):
    """Something that must not be, seen while a disturbance was done: the run has failed."""


class NotDone(Exception):
    """A disturbance that could not be done, by no fault of the hub's: it proves nothing."""


@contextmanager
def must_come_back(name: str) -> Iterator[None]:
    """Raises Wrong when a process that is waited for within the block is not ready in time."""
    try:
        yield
    except (StackNotUsable, TimeoutError) as error:
        raise Wrong(f"{name} does not come back: {str(error) or 'not ready in time'}") from error


async def killed_and_back(ground: Ground, name: str) -> str:
    """SIGKILL; returns when the successor that the supervisor starts is ready. Raises Wrong when none is."""
    old, began = ground.stack.pid(name), time.monotonic()
    ground.stack.kill(name)
    with must_come_back(name):
        async with asyncio.timeout(READY_SECONDS):
            while ground.stack.pid(name) in (None, old):
                await asyncio.sleep(0.05)
        await ground.stack.ready(name, READY_SECONDS)
    return f"ready again after {time.monotonic() - began:.1f} s"
