"""Thời hạn lưu: what is old and closed goes while dossiers come in; what is open stays, however old it is."""

import asyncio
from collections.abc import Collection

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from hub_events.topics import TOPICS
from hub_local.layout import SERVICES
from hub_local.postgres import database_url
from hub_local.proof import FACTS, TOLD, words_of
from hub_messaging.database import Pool, open_pool
from hub_messaging.leases import Leases
from hub_messaging.retention import Retention
from hub_messaging.topics import administering
from tests.flows.hub import BIRTH, DESK, Hub
from tests.flows.load import Load, database, facts_are_told, nothing_is_left_over, percentile
from tests.waiting import until

pytestmark = pytest.mark.stack

SPEAKER_IN = "SELECT event_id FROM outbox WHERE key = ANY($1)"
AGED = (
    "UPDATE inbox SET seen_at = seen_at - interval '100 days' WHERE event_id = ANY($2)",
    "UPDATE outbox SET recorded_at = recorded_at - interval '100 days' WHERE key = ANY($1)",
)
AGED_WORK = (
    "UPDATE work SET created_at = created_at - interval '100 days', finished_at = finished_at - interval '100 days'"
    " WHERE dossier_id = ANY($1::text[]::uuid[])"
)
AGED_LETTER = """
INSERT INTO refused_record (topic, partition, "offset", headers, state, reason, refused_at, next_at)
VALUES ('retention-drill', 0, 0, '[]', $1, 'drill', now() - interval '100 days', now() + interval '1 hour')
"""
MANY = 100_000
OLD_ROWS = {
    "inbox": "INSERT INTO inbox SELECT gen_random_uuid(), now() - interval '40 days' FROM generate_series(1, $1)",
    "outbox": "INSERT INTO outbox (event_id, type, key, headers, body, recorded_at) SELECT gen_random_uuid(), 'drill',"
    " 'drill', '[]', convert_to(repeat('x', 1000), 'UTF8'), now() - interval '20 days' FROM generate_series(1, $1)",
    "request": "INSERT INTO request SELECT gen_random_uuid()::text, '', 200, '', now() - interval '9 days'"
    " FROM generate_series(1, $1)",
    "work": "WITH made AS (INSERT INTO work (id, lane, dossier_id, kind, state, fact_at, created_at, finished_at)"
    " SELECT gen_random_uuid(), 'drill', gen_random_uuid(), 'drill', 'done', now(), now(), now() - interval '91 days'"
    " FROM generate_series(1, $1) RETURNING id) INSERT INTO work_body SELECT id, 'x' FROM made",
}
BLOCKED = """
SELECT count(*) FROM pg_stat_activity AS waits
WHERE waits.wait_event_type = 'Lock' AND EXISTS (
    SELECT FROM pg_stat_activity AS purges
    WHERE purges.pid = ANY(pg_blocking_pids(waits.pid)) AND purges.query LIKE 'DELETE FROM % ctid >=%')
"""
LETTERS = ("waiting", "dead", "replayed", "discarded")


async def everything_said_about(hub: Hub, dossiers: Collection[str]) -> set[object]:
    """The ids of all events about these dossiers."""
    found: set[object] = set()
    for service in SERVICES:
        async with database(hub, service) as connection:
            found |= {row["event_id"] for row in await connection.fetch(SPEAKER_IN, list(dossiers))}
    return found


async def aged(hub: Hub, dossiers: Collection[str]) -> None:
    """What the spine keeps of these dossiers is 100 days older; each service has a refused record in each state."""
    events = await everything_said_about(hub, dossiers)
    for service in SERVICES:
        async with database(hub, service) as connection:
            await connection.execute(AGED[0].replace("$2", "$1"), list(events))
            await connection.execute(AGED[1], list(dossiers))
            if service in ("routing", "notify"):
                await connection.execute(AGED_WORK, list(dossiers))
            for state in LETTERS:
                await connection.execute(AGED_LETTER, state)


async def pool_of(hub: Hub, service: str) -> Pool:
    """Connections as the service itself has them."""
    return await open_pool(database_url(hub.layout, hub.stack.keys.passwords, service), 2)


async def purged(hub: Hub, service: str) -> dict[str, int]:
    """What the service's own housekeeping deletes, begun now; how many rows by table."""
    pool = await pool_of(hub, service)
    try:
        retention = Retention(pool, Leases(pool, f"{service}-drill"))
        return {table: await retention.purge(table) for table in await retention.tables()}
    finally:
        await pool.close()


async def kept(hub: Hub, service: str, statement: str, *given: object) -> int:
    async with database(hub, service) as connection:
        found: int = await connection.fetchval(statement, *given)
    return found


async def letters_of_the_drill(hub: Hub, service: str) -> set[str]:
    async with database(hub, service) as connection:
        rows = await connection.fetch("DELETE FROM refused_record WHERE reason = 'drill' RETURNING state")
    return {row["state"] for row in rows}


async def is_open(hub: Hub, lane: str) -> bool:
    lanes = (await hub.door.get("routing", "/v1/lanes"))["items"]
    return any(one["name"] == lane and one["open_why"] for one in lanes)


async def test_the_old_and_closed_goes_and_the_open_stays_under_load(hub: Hub) -> None:
    first = (await hub.accepted())["dossier_id"]
    await hub.reached(first, "clock_stopped", "sent completed:1")
    agency = (await hub.shown(first))["agency"]["code"]
    closed = Load(hub, 20)
    await closed.start()
    await closed.done_once()
    old = {one.dossier_id for one in closed.handed}
    await hub.door.put_behaviour(agency, {"down": "unavailable"})
    still_open = [(await hub.accepted())["dossier_id"] for _ in range(3)]
    for one in still_open:
        await hub.reached(one, "routed", "clock_started", "sent accepted:1")
    await until(lambda: is_open(hub, agency), what="the agency is known to be away")  # else an old row waits an hour
    await aged(hub, [*old, *still_open])

    load = Load(hub, 40, pause=0.1, choices=[(BIRTH, DESK)])
    await load.start()
    rows = dict(zip(SERVICES, await asyncio.gather(*(purged(hub, name) for name in SERVICES)), strict=True))

    assert min(rows[name]["outbox"] for name in SERVICES) >= len(old)
    assert min(rows[name]["inbox"] for name in SERVICES if name != "intake") >= len(old), "a timeline claims no ids"
    of_old = "SELECT count(*) FROM work WHERE dossier_id = ANY($1::text[]::uuid[])"
    assert await kept(hub, "routing", of_old, list(old)) == 0
    assert await kept(hub, "routing", of_old + " AND state = 'ready'", still_open) == 3, "hand-overs still to be done"
    bodies = "SELECT count(*) FROM work JOIN work_body USING (id) WHERE dossier_id = ANY($1::text[]::uuid[])"
    assert await kept(hub, "routing", bodies, still_open) == 3
    for name in SERVICES:
        assert await letters_of_the_drill(hub, name) == {"waiting", "dead"}
    for one in [closed.handed[0].dossier_id, closed.handed[-1].dossier_id]:
        assert {word: words_of(await hub.steps(one))[word] for word in FACTS} == FACTS, "the register stays"
        assert (await hub.clock(one))["outcome"] in ("early", "on_time")
        assert (await hub.notices(one))["completed:1"]["state"] == "sent"

    await load.answered()
    await hub.everybody_is_honest()
    for one in still_open:
        await hub.reached(one, "handed_over", "clock_stopped", "sent completed:1")
        assert await hub.effects(one) == TOLD
    await facts_are_told(hub, {one.dossier_id for one in load.handed}, within=60)
    for handed in load.handed:
        assert await hub.effects(handed.dossier_id) == TOLD
    await nothing_is_left_over(hub)


@pytest.mark.long
@pytest.mark.parametrize("service", ["intake", "routing"])
async def test_a_hundred_thousand_old_rows_of_each_table_go_and_nobody_waits(hub: Hub, service: str) -> None:
    tables = [table for table in OLD_ROWS if table != "work" or service == "routing"]
    async with database(hub, service) as connection:
        for table in tables:
            await connection.execute(OLD_ROWS[table], MANY)
    load = Load(hub, 1_000_000, clerks=4, pause=0.1)
    await load.start()
    await load.reaches(20)

    purging = asyncio.create_task(purged(hub, service))
    begun, blocked = len(load.handed), 0
    async with database(hub, service) as connection:
        while not purging.done():
            blocked += await connection.fetchval(BLOCKED)
            await asyncio.sleep(0.02)
    rows = await purging
    meanwhile = [one.seconds for one in load.handed[begun:]]

    assert {table: rows[table] for table in tables if rows[table] < MANY} == {}
    assert blocked == 0, "somebody waited for a row or a table that the purge held"
    assert len(meanwhile) > 20
    assert percentile(meanwhile, 0.99) < 1.0
    load.count = 0
    load.count = len(await load.answered())
    await load.done_once()


async def test_topics_are_kept_as_long_as_they_say(hub: Hub) -> None:
    async with administering(hub.layout.kafka_servers) as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, one.name) for one in TOPICS])
    shown = {
        name: {setting[0]: setting[1] for setting in settings}
        for answer in answers
        for _code, _message, _kind, name, settings in answer.resources
    }
    assert {name: one["retention.ms"] for name, one in shown.items()} == {
        topic.name: "-1" if topic.compacted else str(topic.retention_days * 86_400_000) for topic in TOPICS
    }
    assert {name: one["cleanup.policy"] for name, one in shown.items()} == {
        topic.name: "compact" if topic.compacted else "delete" for topic in TOPICS
    }
    a_day = str(24 * 3600 * 1000)
    assert {shown[topic.name]["segment.ms"] for topic in TOPICS if not topic.compacted} == {a_day}, "none stays a week"
