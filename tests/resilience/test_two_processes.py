"""Two processes of one service share its work; one may die, and the other goes on alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from hub_local.stack import Stack
from hub_local.steps import service
from hub_local.supervisor import http_ok
from tests.flows.hub import Hub
from tests.flows.load import Load, database
from tests.waiting import until

pytestmark = pytest.mark.stack

SHARED = ("routing", pytest.param("notify", marks=pytest.mark.long), pytest.param("sla", marks=pytest.mark.long))
PORTS_ABOVE = 30
"""The second processes listen so far above the first ones, still within the stack's own ports."""


@asynccontextmanager
async def second_process_of(hub: Hub, name: str) -> AsyncIterator[Stack]:
    """Another process of a service on the same database and Kafka, in slot 1."""
    http, probe = (hub.layout.port(place) + PORTS_ABOVE for place in (name, f"{name}-probe"))
    first = service(name, hub.layout, hub.stack.keys)
    prefix = name.upper()
    program = replace(
        first,
        name=f"{name}-1",
        needs=(),
        after=(),
        ports=(),
        ready=partial(http_ok, probe, "/ready"),
        environment={
            **first.environment,
            f"{prefix}_SLOT": "1",
            f"{prefix}_HTTP_PORT": str(http),
            f"{prefix}_PROBE_PORT": str(probe),
        },
    )
    layout = replace(hub.layout, folder=hub.layout.folder / f"{name}-1")
    async with Stack(layout, plan=lambda *_: [program]) as stack:
        yield stack


@pytest.mark.parametrize("name", SHARED)
async def test_two_processes_share_the_work_and_one_is_killed_for_good(hub: Hub, name: str) -> None:
    async with second_process_of(hub, name) as second:
        await partitions_are_shared(hub, name)
        load = Load(hub, 100)
        await load.start()
        await load.reaches(40)

        second.kill(f"{name}-1")
        await second.stop_one(f"{name}-1")  # and it does not come back

        await load.done_once()


async def partitions_are_shared(hub: Hub, name: str) -> None:
    """Waits until both read: each has a lag metric for partitions of its own."""

    async def look() -> list[int]:
        found = []
        for port in (hub.layout.port(f"{name}-probe"), hub.layout.port(f"{name}-probe") + PORTS_ABOVE):
            metrics = (await hub.http.get(f"http://127.0.0.1:{port}/metrics")).text
            found.append(sum(line.startswith("hub_consumer_lag_records{") for line in metrics.splitlines()))
        return found

    await until(look, lambda found: min(found) > 0, f"both processes of {name} have partitions to read", within=40)
    async with database(hub, name) as connection:
        slots = await connection.fetch("SELECT DISTINCT slot FROM lease")
    assert slots, "some work is owned by somebody"
