"""Đo đạc: what a stack's processes and its database use: CPU and memory by process, transactions, WAL, fsyncs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import asyncpg
import psutil

from hub_local.layout import SERVICES
from hub_local.postgres import database_url
from hub_local.spawn import family
from hub_local.stack import Stack

NOT_THE_HUB = ("sandbox", "load")
"""The other side and the load generator: told apart from what counts as the hub's."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far, by process name."""

    cpu: Mapping[str, float]

    def since(self, before: "Usage") -> dict[str, float]:
        """CPU seconds used between `before` and this."""
        return {name: self.cpu[name] - before.cpu.get(name, 0.0) for name in self.cpu}


def usage(stack: Stack) -> Usage:
    """CPU of each process and its children, those that have ended included."""
    pids = _pids(stack)
    return Usage({name: _cpu(pid, pids.values()) for name, pid in pids.items()})


def memory(stack: Stack) -> dict[str, float]:
    """Proportional set size in MB, by process, children included (PostgreSQL's share one memory)."""
    pids = _pids(stack)
    return {name: _pss(pid, pids.values()) for name, pid in pids.items()}


def _pids(stack: Stack) -> dict[str, int]:
    return {status.name: status.pid for status in stack.processes if status.pid is not None}


_WRITES = """
SELECT (SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = ANY($1))::float8 AS transactions,
       (SELECT wal_bytes FROM pg_stat_wal)::float8 AS wal_bytes,
       (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::float8 AS fsyncs
"""


async def writes(stack: Stack) -> dict[str, float]:
    """What PostgreSQL has counted so far: transactions committed by the services, WAL bytes, fsyncs of the WAL.

    Sessions report their counts up to a second late.
    """
    connection = await asyncpg.connect(database_url(stack.layout, stack.keys.passwords, "postgres"), timeout=10)
    try:
        row = await connection.fetchrow(_WRITES, list(SERVICES))
    finally:
        await connection.close()
    assert row is not None
    return dict(row)


def _cpu(pid: int, apart: Collection[int]) -> float:
    total = 0.0
    for process in family(pid, apart):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if process.pid == pid:
            total += times.children_user + times.children_system
    return total


def _pss(pid: int, apart: Collection[int]) -> float:
    total = 0
    for process in family(pid, apart):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return round(total / 1e6, 1)
