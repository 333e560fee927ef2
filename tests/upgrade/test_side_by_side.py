"""Two versions at once: what the next one says and keeps does no harm to this one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
from hub_local.stack import Stack
from tests.flows.hub import Hub, on_monday
from tests.flows.load import Load, database
from tests.stack import PostgresServer
from tests.upgrade.versions import THIS, Balanced, Slot, migrate
from tests.upgrade.what_is_new import (
    PRINTED,
    REFUSED_V2,
    letters_of,
    receipts_noted,
    receipts_said,
    refuse,
    refused_ever,
)
from tests.waiting import until

pytestmark = pytest.mark.stack

AS_BEFORE = """
ALTER TABLE notices DROP COLUMN language, DROP COLUMN receipt_printed_at, DROP COLUMN procedure_name;
UPDATE alembic_version SET version_num = '0006' WHERE version_num = '0007';
"""
"""Notify's database as the other tests know it."""


@pytest.fixture
async def hub(hub_stack: Stack) -> AsyncIterator[Hub]:
    """The hub of this version on Monday 02/03/2026 08:00; afterwards its database is as it was."""
    async with on_monday(hub_stack) as hub:
        yield hub
        async with database(hub, "notify") as connection:
            await connection.execute(AS_BEFORE)


async def test_this_version_reads_skips_and_shows_what_the_next_one_says(hub: Hub, next_version: Path) -> None:
    layout = Balanced(**{one.name: getattr(hub.layout, one.name) for one in fields(Layout)})
    intake = Slot(layout, hub.stack.keys, "intake", 1)
    refused_before = await refused_ever(hub)
    async with FrontDoor(layout, hub.stack.keys) as door:
        load = Load(Hub(hub.stack, door, hub.http), 40, pause=0.1)
        await asyncio.gather(intake.run(next_version), migrate(hub.stack, next_version))
        layout.intakes.append(intake)  # all dossiers come in there; everything else is of this version
        await load.start()
        await load.reaches(40)
        await intake.stop()

        await load.done_once()
        ours = {one.dossier_id for one in load.handed}
        assert ours <= await receipts_said(hub)
        assert not ours & await receipts_noted(hub), "notify does not know this event yet"
        assert PRINTED in [step["type"] for step in await hub.steps(load.handed[0].dossier_id)]
    assert await refused_ever(hub) == refused_before
    await migrate(hub.stack, THIS)  # at the start of this version: the newer tables stay


async def is_replayed(hub: Hub, service: str, letter: int) -> bool:
    return letter in [one["id"] for one in await hub.dead_letters(service, "replayed")]


async def taken_up(hub: Hub, service: str, letter: int, tree: Path) -> None:
    """The service is upgraded to the version in `tree`, an operator replays the dead letter; then it goes back."""
    await hub.stack.stop_one(service)
    slot = Slot(hub.layout, hub.stack.keys, service, 0)
    try:
        await slot.run(tree)
        await hub.decide_letter(service, {"id": letter}, "replay")
        await until(partial(is_replayed, hub, service, letter))
    finally:
        await slot.stop()
        await hub.stack.start_one(service)


async def test_a_new_version_of_an_event_is_set_aside_by_this_version_and_taken_up_by_the_next(
    hub: Hub, next_version: Path
) -> None:
    """Said before its readers know it, against the rule of docs/operations.md: seen by everybody, lost for nobody."""
    layout = Balanced(**{one.name: getattr(hub.layout, one.name) for one in fields(Layout)})
    intake = Slot(layout, hub.stack.keys, "intake", 1)
    await asyncio.gather(intake.run(next_version), migrate(hub.stack, next_version))
    layout.intakes.append(intake)
    async with FrontDoor(layout, hub.stack.keys) as door:
        (refused,) = await refuse(Hub(hub.stack, door, hub.http), 1)
        await intake.stop()

    set_aside = await until(lambda: letters_of(hub, REFUSED_V2), lambda found: found.keys() == {"notify", "sla"})
    assert {letter["reason"] for letter in set_aside.values()} == {"unknown-version"}
    behind = (await hub.accepted())["dossier_id"]
    await hub.reached(behind, "sent accepted:1", "clock_started")
    assert await hub.effects(refused) == {}

    await asyncio.gather(*(taken_up(hub, name, letter["id"], next_version) for name, letter in set_aside.items()))
    await until(lambda: hub.effects(refused), lambda found: found == {"sms refusal": 1})


async def test_a_migration_that_waits_for_a_reader_does_not_make_the_others_wait(
    postgres: PostgresServer, next_version: Path
) -> None:
    url = await postgres.database("notify")
    backup, other = await asyncpg.connect(url), await asyncpg.connect(url)
    reading = backup.transaction()
    await reading.start()
    await backup.fetch("SELECT dossier_id FROM notices")

    job = asyncio.create_task(migrate(postgres.stack, next_version, {"notify": url}))
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'notices'::regclass AND NOT granted)"
    await until(lambda: other.fetchval(waits), bool, "the migration waits for the reader")
    await other.fetch("SELECT dossier_id FROM notices", timeout=10)
    assert not job.done()

    await reading.rollback()
    await job
    await other.fetch("SELECT receipt_printed_at FROM notices")
    await asyncio.gather(backup.close(), other.close())
