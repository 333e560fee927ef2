"""Nơi quấy phá: what every disturbance finds: the stack, its wires, the load, the alarms."""

from dataclasses import dataclass

from hub_local.chaos_alarms import Alarms
from hub_local.chaos_load import Load
from hub_local.chaos_stack import Wires
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
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
