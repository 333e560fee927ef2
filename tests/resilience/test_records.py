"""What Kafka may bring: broken records, every record twice, every fact late and in any order."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from hub_events.examples import examples_of
from hub_events.topics import TOPICS, Topic, topics_read_by
from hub_messaging.refused import headers_as_text
from tests.flows.hub import Hub
from tests.flows.load import Load, count_dossiers, database, nothing_is_left_over, number_of_effects
from tests.flows.records import Record, all_is_read, all_records, produce
from tests.waiting import until

pytestmark = pytest.mark.stack

READERS = ("intake", "routing", "notify", "sla")


def headers(type: str, **changed: str) -> list[tuple[str, bytes]]:
    """Readable headers of an event about a dossier that nobody knows."""
    now = datetime.now(UTC).isoformat()
    found = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": type,
        "ce_source": "nobody",
        "ce_subject": str(uuid4()),
        "ce_time": now,
        "ce_recordedtime": now,
        **changed,
    }
    return [(name, value.encode()) for name, value in found.items()]


READ_BY_ALL = {
    "intake-dossier-events": "dossier.accepted.v1",
    "routing-dossier-events": "dossier.completed.v1",
    "intake-reference-events": "agency.published.v1",
}
"""A type that each of the topic's readers handles; else its last."""


def poison(topic: Topic) -> list[Record]:
    """Records that no reader of `topic` can process, of every kind that is known."""
    known = READ_BY_ALL.get(topic.name, topic.events[-1].type)
    newer = known.replace(".v1", ".v9")
    broken: list[tuple[Sequence[tuple[str, bytes]], bytes | None]] = [
        (headers(known), b"{"),
        (headers(known), b"\xff\xfe\x00"),
        (headers(known), b'{"nothing": "of it"}'),
        (headers(known), None),
        (headers(newer), b"{}"),
        (headers(known, ce_id="not-an-id"), b"{}"),
        (headers(known, ce_subject="not-a-dossier"), examples_of(known)[0].value),
        (headers(known, ce_time="yesterday"), b"{}"),
        (headers(known, ce_specversion="0.3"), b"{}"),
        ([("ce_type", b"\xff\xfe")], b"{}"),
        ([("ce_type", known.encode())], b"{}"),
        ([], b"{}"),
        ([], None),
    ]
    return [Record(topic.name, uuid4().bytes, head, body) for head, body in broken]


async def test_poison_in_every_topic_under_load_harms_nobody(hub: Hub) -> None:
    load = Load(hub, 150)
    await load.start()
    await load.reaches(50)
    bad = [record for topic in TOPICS for record in poison(topic)]
    skipped = [Record(topic.name, b"k", headers("dossier.imagined.v1"), b"{}") for topic in TOPICS]

    await produce(hub, [*bad, *skipped])

    try:
        await load.done_once(dead_letters_meant=True)
        await all_is_read(hub)
        for service in READERS:
            letters = await hub.dead_letters(service)
            wanted = sum(len(poison(topic)) for topic in topics_read_by(service))
            assert len(letters) == wanted, f"{service}: {[letter['reason'] for letter in letters]}"
            assert {letter["reason"] for letter in letters} == {
                "invalid-body",
                "invalid-subject",
                "unreadable-headers",
                "unknown-version",
            }
            ready = await hub.http.get(hub.layout.url(f"{service}-probe") + "/ready")
            assert ready.status_code == 200, "poison stops no partition"
    finally:
        for service in READERS:
            await asyncio.gather(
                *(hub.decide_letter(service, one, "discard") for one in await hub.dead_letters(service))
            )


async def test_every_record_of_every_topic_comes_twice(hub: Hub) -> None:
    load = Load(hub, 60)
    await load.start()
    await load.done_once()
    handed = {one.dossier_id for one in load.handed}
    records = [record for record in await all_records(hub) if (record.key or b"").decode(errors="replace") in handed]
    effects, dossiers = await number_of_effects(hub), await count_dossiers(hub)
    assert len(records) >= 60 * 8

    shuffled = random.Random(3).sample(records, len(records))
    await produce(hub, [*records, *shuffled])

    await all_is_read(hub)
    await nothing_is_left_over(hub)
    assert (await number_of_effects(hub), await count_dossiers(hub)) == (effects, dossiers)
    await load.done_once()


async def test_facts_with_other_ids_say_nothing_new(hub: Hub) -> None:
    """A producer that was restored from a backup tells the same facts under new ids."""
    load = Load(hub, 20)
    await load.start()
    await load.done_once()
    handed = {one.dossier_id for one in load.handed}
    effects = await number_of_effects(hub)
    retold = [
        Record(record.topic, record.key, with_new_id(record), record.body)
        for record in await all_records(hub)
        if (record.key or b"").decode(errors="replace") in handed
    ]

    await produce(hub, random.Random(5).sample(retold, len(retold)))

    await all_is_read(hub)
    await nothing_is_left_over(hub)
    assert await number_of_effects(hub) == effects
    await load.done_once()


def with_new_id(record: Record) -> list[tuple[str, bytes]]:
    return [(name, str(uuid4()).encode() if name == "ce_id" else value) for name, value in record.headers]


async def test_every_fact_is_refused_once_and_replayed_in_any_order(hub: Hub) -> None:
    """Each service in turn gets none of what was said while it was away, only dead letters, replayed at random."""
    readers = ("routing", "notify", "sla", "intake")
    for service in readers[:3]:
        await hub.stack.stop_one(service)
    load = Load(hub, 24)
    await load.start()
    await load.answered()
    await unsent_is_none(hub, "intake")
    await hub.stack.stop_one("intake")

    chance = random.Random(7)
    refused: dict[str, int] = {}
    for service in readers:
        refused[service] = await refuse_what_is_unread(hub, service)
        await hub.stack.start_one(service)
        letters = await hub.dead_letters(service)
        assert len(letters) == refused[service]
        for letter in chance.sample(letters, len(letters)):
            await hub.decide_letter(service, letter, "replay")
        await put_away_what_the_service_does_not_read(hub, service)
        if service == "routing":
            await all_are_completed(hub, load)
        if service == "notify":
            await everybody_is_told(hub, load)
        if service != "intake":
            await unsent_is_none(hub, service)

    await load.done_once()
    replayed = {service: len(await hub.dead_letters(service, "replayed")) for service in readers}
    assert replayed["routing"] >= 24, "accepted"
    assert replayed["notify"] >= 48, "accepted and completed"
    assert replayed["sla"] >= 48, "accepted and completed"
    assert replayed["intake"] >= 24 * 7, "all that the others said"


async def all_are_completed(hub: Hub, load: Load) -> None:
    """Waits until routing has every agency's result."""

    async def look() -> Counter[str]:
        return Counter([(await hub.transfer(one.dossier_id))["state"] for one in load.handed])

    await until(look, lambda states: states == {"completed": load.count}, "every agency has answered")


async def everybody_is_told(hub: Hub, load: Load) -> None:
    """Waits until notify knows of every message that the gateway has it."""

    async def look() -> Counter[str]:
        notices = [await hub.notices(one.dossier_id) for one in load.handed]
        return Counter(notice["state"] for found in notices for notice in found.values())

    await until(look, lambda states: states == {"sent": 2 * load.count}, "both messages are sent")


async def put_away_what_the_service_does_not_read(hub: Hub, service: str) -> None:
    """Its consumer skips these by their headers; as dead letters they are refused for having no handler."""

    async def waiting() -> list[dict[str, Any]]:
        return await hub.dead_letters(service, "waiting")

    await until(waiting, lambda letters: not letters, f"{service} has tried every letter again")
    refused = await hub.dead_letters(service)
    assert {letter["reason"] for letter in refused} <= {"unknown-version"}
    await asyncio.gather(*(hub.decide_letter(service, letter, "discard") for letter in refused))


async def unsent_is_none(hub: Hub, service: str) -> None:
    """Waits until all that `service` said lies in Kafka."""

    async def look() -> int:
        async with database(hub, service) as connection:
            found: int = await connection.fetchval("SELECT count(*) FROM outbox_pending")
        return found

    await until(look, lambda unsent: unsent == 0, f"{service} has sent everything")


async def refuse_what_is_unread(hub: Hub, service: str) -> int:
    """Makes dead letters of all that the stopped `service` has not read, as its consumer would have; how many."""
    names = {topic.name for topic in topics_read_by(service)}
    async with database(hub, service) as connection, connection.transaction():
        rows = await connection.fetch("SELECT topic, partition, next_offset FROM position")
        positions = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        unread = [
            record
            for record in await all_records(hub)
            if record.topic in names and (record.offset or 0) >= positions.get((record.topic, record.partition), 0)
        ]
        for record in unread:
            await connection.execute(
                """INSERT INTO refused_record (topic, partition, "offset", type, headers, key, body, state, reason)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 'dead', 'by-a-test')""",
                record.topic, record.partition, record.offset, record.type,
                headers_as_text(record.headers), record.key, record.body,
            )  # fmt: skip
            await connection.execute("INSERT INTO inbox (event_id) VALUES ($1)", record.event_id)
            await connection.execute(
                """INSERT INTO position VALUES ($1, $2, $3)
                ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset""",
                record.topic, record.partition, (record.offset or 0) + 1,
            )  # fmt: skip
    return len(unread)
