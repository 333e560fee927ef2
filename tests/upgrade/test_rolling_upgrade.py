"""Nâng cấp cuốn chiếu: under load, one process after the other becomes the next version, and goes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from hub_local.keys import Keys
from hub_local.layout import SERVICES, Layout
from hub_local.stack import Stack
from hub_local.steps import Step, everything
from hub_local.supervisor import Program, Report
from tests.flows.hub import BIRTH, MORNING, THREE_DAYS, Hub, visiting
from tests.flows.load import Load, database
from tests.stack import Place
from tests.upgrade.versions import THIS, Balanced, Slot, make_later_versions, migrate
from tests.upgrade.what_is_new import (
    REFUSED_V2,
    all_is_heard,
    all_said_is_noted,
    receipts_noted,
    refused_ever,
    refusing,
)
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.long]

READERS_FIRST = ("notify", "sla", "routing", "intake")
"""Who handles what is new comes before who says it; back in the other order."""


NO_END = 1_000_000
"""Dossiers come until the last process has been replaced."""


def servers_and_sandbox(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
    """What `hub up` runs, without the services."""
    return [
        replace(step, after=()) if isinstance(step, Program) else step
        for step in everything(layout, keys, report)
        if step.name not in SERVICES
    ]


@asynccontextmanager
async def two_of_each(place: Place, name: str) -> AsyncIterator[tuple[Hub, dict[str, list[Slot]]]]:
    """A hub with two processes of each service, both of this version; intake behind a balancer."""
    usual = place.layout(name)
    layout = Balanced(usual.folder, usual.port_base, usual.cache, usual.maven_mirror)
    async with Stack(layout, plan=servers_and_sandbox) as stack:
        slots = {name: [Slot(layout, stack.keys, name, number) for number in (0, 1)] for name in SERVICES}
        layout.intakes.extend(slots["intake"])
        try:
            for name in SERVICES:
                await asyncio.gather(*(slot.run(THIS) for slot in slots[name]))
            async with visiting(stack) as hub:
                await hub.moved_to(MORNING)
                yield hub, slots
        finally:
            for slot in (slot for places in slots.values() for slot in places):
                await slot.stop()


@asynccontextmanager
async def intake_is_always_ready(hub: Hub, intakes: Sequence[Slot]) -> AsyncIterator[None]:
    """Looks at the readiness probes all the time; fails when no process was ready."""
    gaps: list[dict[str, bool]] = []

    async def look() -> None:
        while True:
            ready = {slot.probe_url: await _ready(hub, slot) for slot in intakes}
            if not any(ready.values()):
                gaps.append(ready)
            await asyncio.sleep(0.1)

    watch = asyncio.create_task(look())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])
    assert watch.cancelled(), watch.exception()
    assert gaps == []


async def ended(load: Load) -> None:
    """The desks submit nothing more."""
    load.count = 0
    load.count = len(await load.answered())


async def _ready(hub: Hub, slot: Slot) -> bool:
    try:
        return (await hub.http.get(slot.probe_url + "/ready", timeout=10)).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.timeout(900)
async def test_services_are_replaced_one_process_at_a_time_and_go_back(place: Place, next_version: Path) -> None:
    async with two_of_each(place, "upgrade") as (hub, slots), intake_is_always_ready(hub, slots["intake"]):
        load = Load(hub, NO_END, clerks=4, pause=0.4)
        await load.start()
        async with refusing(hub) as refused:
            await load.reaches(20)

            await migrate(hub.stack, next_version)
            for name in READERS_FIRST:
                for slot in slots[name]:
                    await slot.run(next_version)
            only_new = len(load.handed)
            await load.reaches(only_new + 40)
            of_the_next_version = {one.dossier_id for one in load.handed[only_new + 4 : only_new + 40]}

            for slot in slots["intake"]:
                await slot.run(THIS)
            told = await all_said_is_noted(hub)
            assert await all_is_heard(hub, REFUSED_V2) > 0
            for name in ("routing", "sla", "notify"):
                for slot in slots[name]:
                    await slot.run(THIS)
            await migrate(hub.stack, THIS)  # as every start does: the newer tables stay
            await load.reaches(len(load.handed) + 20)

        load.others = len(refused)
        await ended(load)
        await load.done_once()
        for one in refused:
            await until(partial(hub.effects, one), lambda found: found == {"sms refusal": 1})
        assert of_the_next_version <= told
        assert await receipts_noted(hub) == told, "what the next version wrote is not lost when this one writes"
        assert await refused_ever(hub) == dict.fromkeys(SERVICES, 0)


@pytest.mark.timeout(900)
async def test_a_column_gets_another_name_release_by_release_and_the_old_one_is_dropped_when_nobody_uses_it(
    place: Place, next_version: Path, tmp_path: Path
) -> None:
    """Each release's migration runs while processes of the one before work, and they work on beside its own."""
    async with two_of_each(place, "another-name") as (hub, slots):
        load = Load(hub, NO_END, clerks=2, pause=0.3)
        await load.start()
        await load.reaches(10)

        for release in (next_version, *make_later_versions(tmp_path, next_version)):
            await migrate(hub.stack, release)
            await load.reaches(len(load.handed) + 5)
            for slot in slots["notify"]:
                await slot.run(release)
                await load.reaches(len(load.handed) + 10)

        await ended(load)
        await load.done_once()
        assert await refused_ever(hub) == dict.fromkeys(SERVICES, 0)
        names = [(await hub.door.get("intake", f"/v1/procedures/{code}"))["name"] for code in (THREE_DAYS, BIRTH)]
        async with database(hub, "notify") as connection:
            kept = await connection.fetch("SELECT * FROM notices")
        assert len(kept) == load.count
        assert {row["procedure_name"] for row in kept} == set(names)
        assert "procedure" not in kept[0]
