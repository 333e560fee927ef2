"""Diễn tập: databases are lost and restored, Kafka is lost and rebuilt; all is done once, what is missing is told.

On a hub of its own, by the operators' commands. The ledger of the other side outlives what happens to the hub.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hub_events.topics import COMPACTED
from hub_local.layout import SERVICES, Layout
from hub_local.proof import TOLD
from hub_local.stack import Stack
from tests.flows.hub import MORNING, Hub, visiting
from tests.flows.load import Load, count_dossiers, database, effects_after, facts_are_told, nothing_is_left_over
from tests.flows.records import Record, all_is_read, all_records, reference_told
from tests.flows.stacks import observed_hub
from tests.local.stand_ins import settings_of
from tests.stack import Place

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

_drills = count(1)
KEPT = ("dossier", "progress", "step", "transfer", "notices", "clock", "work", "outbox")
"""Tables that tell what the hub knows and has done."""
_LAST_WAITS = "INSERT INTO outbox_pending SELECT max(seq) FROM outbox WHERE type = ANY($1)"
"""The last of the reference data was not sent before Kafka was lost."""


@pytest.fixture
def layout(place: Place) -> Layout:
    """An empty folder: what one drill leaves behind is none of the next one's."""
    return place.layout(f"drill-{next(_drills)}")


@asynccontextmanager
async def at_work(layout: Layout) -> AsyncIterator[Hub]:
    """The hub of the drill, from its start to its orderly end."""
    async with Stack(layout, plan=observed_hub) as stack, visiting(stack) as hub:
        yield hub


async def hub_command(layout: Layout, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`hub …` as an operator types it."""
    command = [str(Path(sys.executable).with_name("hub")), *arguments]
    environment = settings_of(layout)
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


def lose(layout: Layout, *, but: Sequence[str]) -> None:
    """Deletes the folder's content, but for some of it."""
    for entry in layout.folder.iterdir():
        if entry.name not in but:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def newest_report(layout: Layout) -> Any:
    return json.loads(max((layout.folder / "reports").glob("restore-*.json")).read_text())


async def accepted(hub: Hub, count: int) -> dict[str, str]:
    """So many dossiers are accepted; code by id."""
    load = Load(hub, count, clerks=4)
    await load.start()
    return {one.dossier_id: one.dossier_code for one in await load.answered()}


async def receipts(hub: Hub, dossiers: Iterable[str]) -> set[tuple[str, str]]:
    """Each gets form 01; their numbers, each with its desk."""
    signer = {"name": "Lê Thị Ví Dụ", "title": "Trưởng bộ phận"}
    return {
        (
            (await hub.shown(one))["desk"]["code"],
            (await hub.decide(one, "forms/01", signer=signer, sets=1))["number"],
        )
        for one in dossiers
    }


async def done_once(hub: Hub, dossiers: Mapping[str, str]) -> None:
    """Each is done, told once, and has reached the other side once."""
    await facts_are_told(hub, set(dossiers), within=90)
    effects = await effects_after(hub, 0)
    assert {one: effects.get(one) for one in dossiers if effects.get(one) != TOLD} == {}, "lost or doubled"


async def handed_over(hub: Hub, dossiers: Mapping[str, str]) -> None:
    for one in dossiers:
        await hub.reached(one, "handed_over", "sent accepted:1", "clock_started", within=60)


async def answers_follow(hub: Hub, dossiers: Mapping[str, str]) -> None:
    """The agencies answer for what they were given before."""
    for agency in {(await hub.shown(one))["agency"]["code"] for one in dossiers}:
        await hub.door.release(agency)


@pytest.mark.parametrize("kafka_survives", [True, pytest.param(False, marks=pytest.mark.long)])
async def test_what_was_accepted_before_a_backup_is_done_and_what_followed_is_told(
    layout: Layout, tmp_path: Path, kafka_survives: bool
) -> None:
    async with at_work(layout) as hub:
        await hub.moved_to(MORNING)
        done = await accepted(hub, 8)
        await done_once(hub, done)
        numbered = await receipts(hub, [*done][:2])
        await hub.door.put_behaviour("*", {"callback": "on_command"})
        half_done = await accepted(hub, 4)
        await handed_over(hub, half_done)

        made = await hub_command(layout, "backup", str(tmp_path))
        assert made.returncode == 0, made.stderr
        assert "12 dossiers" in made.stdout

        await hub.everybody_is_honest()
        followed = await accepted(hub, 5)
        await done_once(hub, followed)
        numbered |= await receipts(hub, followed)
    lose(layout, but=["sandbox-ledger", *(["kafka"] if kafka_survives else [])])

    restored = await hub_command(layout, "restore", str(tmp_path), *(["--keep-kafka"] if kafka_survives else []))

    assert restored.returncode == (2 if kafka_survives else 0), restored.stdout + restored.stderr
    told = newest_report(layout)
    what_is_told(told, half_done, followed if kafka_survives else {})
    async with at_work(layout) as hub:
        await all_is_read(hub)
        await answers_follow(hub, half_done)
        await done_once(hub, done | half_done)
        assert await count_dossiers(hub) == 12, "what was accepted is there, and nothing is made up"
        fresh = await accepted(hub, 3)
        assert not set(fresh.values()) & {*done.values(), *half_done.values(), *followed.values()}, "codes given twice"
        assert not await receipts(hub, [*[*done][2:], *half_done, *fresh]) & numbered, "numbers of forms given twice"
        await done_once(hub, fresh)
        everything = await effects_after(hub, 0)
        assert {one for one in followed if everything[one] != TOLD} == set(), "done again, though it was done"
        await nothing_is_left_over(hub)


def what_is_told(told: Any, half_done: Mapping[str, str], followed: Mapping[str, str]) -> None:
    """The report names what the restored databases lack, and what they wait for."""
    assert {one["dossier_id"]: one["code"] for one in told["unknown_dossiers"]} == dict(followed)
    lacking = told["unknown_events"]
    accepted_since = {one["subject"] for one in lacking["intake"] if one["type"] == "dossier.accepted.v1"}
    assert accepted_since == set(followed)
    assert {service for service in SERVICES if lacking[service]} == (set(SERVICES) if followed else set())
    assert set(half_done) == {one["dossier_id"] for one in told["unanswered"]}
    assert bool(told["positions"]) != bool(followed), "readers stood beyond the log that is lost"


@pytest.mark.long
async def test_a_lost_kafka_is_rebuilt_and_every_reader_ends_as_before(layout: Layout) -> None:
    async with at_work(layout) as hub:
        await hub.moved_to(MORNING)
        dossiers = await accepted(hub, 10)
        await done_once(hub, dossiers)
        await reference_told(hub)
        await nothing_is_left_over(hub)
        busy = await hub_command(layout, "republish")
        assert busy.returncode == 1
        assert "already runs" in busy.stderr
        state, records = await what_is_known(hub), as_sent(await all_records(hub))
        await hub.stack.stop_one("kafka")
        async with database(hub, "intake") as outbox:
            await outbox.execute(_LAST_WAITS, list(COMPACTED))
    shutil.rmtree(layout.folder / "kafka")

    rebuilt = await hub_command(layout, "republish")

    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    refused = await hub_command(layout, "republish", "--service", "intake")
    assert refused.returncode == 1
    assert "intake-dossier-events is not empty: it holds 10 records. --again" in refused.stderr
    async with at_work(layout) as hub:
        await all_is_read(hub)
        assert as_sent(await all_records(hub)) == records, (
            "reference data too: the same records, in order for each dossier"
        )
        assert await what_is_known(hub) == state
        await done_once(hub, dossiers)
        await done_once(hub, await accepted(hub, 2))
        await nothing_is_left_over(hub)


def as_sent(records: Sequence[Record]) -> dict[tuple[str, bytes | None], list[bytes]]:
    """What a reader is given of each dossier, in its order."""
    found: dict[tuple[str, bytes | None], list[bytes]] = {}
    for record in sorted(records, key=lambda one: (one.partition, one.offset)):
        found.setdefault((record.topic, record.key), []).append(record.as_bytes)
    return found


async def what_is_known(hub: Hub) -> dict[str, Any]:
    """The content of each table, as text."""
    found: dict[str, Any] = {}
    for service in SERVICES:
        async with database(hub, service) as connection:
            there = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for table in sorted({row["tablename"] for row in there} & set(KEPT)):
                rows = await connection.fetch(f"SELECT {table}::text AS row FROM {table}")
                found[f"{service}.{table}"] = Counter(row["row"] for row in rows)
    return found
