"""Đo đạc: CPU and memory of a stack's processes, with their children, as the kernel counts them."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from hub_local.stack import Stack

HUB = ("intake", "routing", "notify", "sla", "kafka", "postgres")
"""The processes whose CPU counts as the hub's; sandbox and load generator are told apart."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far, by process name."""

    cpu: Mapping[str, float]

    def since(self, before: "Usage") -> dict[str, float]:
        """CPU seconds used between `before` and this."""
        return {name: self.cpu[name] - before.cpu.get(name, 0.0) for name in self.cpu}


def usage(stack: Stack) -> Usage:
    """CPU of each process and its children, those that have ended included."""
    return Usage({status.name: _cpu(status.pid) for status in stack.statuses if status.pid is not None})


def memory(stack: Stack) -> dict[str, float]:
    """Proportional set size in MB, by process, children included (PostgreSQL's share one memory)."""
    return {status.name: _pss(status.pid) for status in stack.statuses if status.pid is not None}


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu(pid: int) -> float:
    total = 0.0
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if process.pid == pid:
            total += times.children_user + times.children_system
    return total


def _pss(pid: int) -> float:
    total = 0
    for process in _family(pid):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return round(total / 1e6, 1)
