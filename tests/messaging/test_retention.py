"""What is past its time goes, and nothing that is still open."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from hub_events.topics import TOPICS
from hub_local.layout import SERVICES
from hub_messaging import retention as retention_module
from hub_messaging.database import Pool, open_pool
from hub_messaging.leases import Leases
from hub_messaging.requests import KEPT as ANSWERS_KEPT
from hub_messaging.retention import INBOX_REACH, KEPT, Retention
from hub_messaging.topics import SEGMENT_DAYS
from tests.joined import join
from tests.messaging.conftest import ToyService
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack
Own = Mapping[str, Mapping[str, str]]
INSERTS = {
    "inbox": "INSERT INTO inbox (event_id, seen_at) VALUES (gen_random_uuid(), now() - {age})",
    "outbox": "INSERT INTO outbox (event_id, type, key, headers, body, recorded_at)"
    " VALUES (gen_random_uuid(), 't', 'k', '[]', '', now() - {age})",
    "request": "INSERT INTO request VALUES (gen_random_uuid()::text, '', 200, '', now() - {age})",
}


async def purge(toy: ToyService) -> dict[str, int]:
    retention = Retention(toy.pool, toy.leases)
    return {table: await retention.purge(table) for table in KEPT}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    """By service: what it keeps for days only besides the spine's tables, as its parts are joined."""
    folder = tmp_path_factory.mktemp("joined")
    return {service: join(service, folder).spine._kept for service in SERVICES}


@asynccontextmanager
async def retention_of(service: str, postgres: PostgresServer, own: Own) -> AsyncIterator[tuple[Retention, Pool]]:
    """On a database with the service's own schema."""
    pool = await open_pool(await postgres.database(service), 1)
    try:
        yield Retention(pool, Leases(pool, service), own[service]), pool
    finally:
        await pool.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_purges_the_tables_that_it_has(postgres: PostgresServer, own: Own, service: str) -> None:
    lacking = set() if service in {"routing", "notify"} else {"work", "work_body"}
    async with retention_of(service, postgres, own) as (retention, _):
        tables = await retention.tables()
        assert tables == [table for table in (*KEPT, *own[service]) if table not in lacking]
        for table in tables:
            assert await retention.purge(table) == 0


async def test_what_an_import_of_procedures_brought_is_known_for_a_week(postgres: PostgresServer, own: Own) -> None:
    brought = "INSERT INTO catalogue_run VALUES (gen_random_uuid()::text, '', 'a.json', now() - {age})"
    async with retention_of("intake", postgres, own) as (retention, pool):
        await pool.execute(brought.format(age="interval '7 days 1 minute'"))
        await pool.execute(brought.format(age="interval '6 days 23 hours'"))
        assert await retention.purge("catalogue_run") == 1
        assert await pool.fetchval("SELECT count(*) FROM catalogue_run") == 1


@pytest.mark.parametrize(("table", "days"), [("inbox", 31), ("outbox", 14), ("request", 7)])
async def test_rows_go_when_their_time_is_over_and_not_a_day_before(toy: ToyService, table: str, days: int) -> None:
    await toy.pool.execute(INSERTS[table].format(age=f"interval '{days} days 1 minute'"))
    await toy.pool.execute(INSERTS[table].format(age=f"interval '{days - 1} days 23 hours'"))
    assert (await purge(toy))[table] == 1
    assert await toy.pool.fetchval(f"SELECT count(*) FROM {table}") == 1


async def test_an_event_that_was_not_sent_stays_however_old(toy: ToyService) -> None:
    await toy.pool.execute(INSERTS["outbox"].format(age="interval '100 days'"))
    await toy.pool.execute("INSERT INTO outbox_pending SELECT seq FROM outbox")
    assert (await purge(toy))["outbox"] == 0
    await toy.pool.execute("DELETE FROM outbox_pending")
    assert (await purge(toy))["outbox"] == 1


async def test_only_finished_work_goes_its_body_first(toy: ToyService) -> None:
    ids: dict[str, Any] = {}
    for state in ("ready", "behind", "set_aside", "unknown", "refused", "done"):
        ids[state] = uuid4()
        await toy.pool.execute(
            "INSERT INTO work (id, lane, dossier_id, kind, state, fact_at, created_at, finished_at)"
            " VALUES ($1, 'l', gen_random_uuid(), 'k', $2, now(), now() - interval '1 year',"
            " CASE WHEN $2 IN ('done', 'refused') THEN now() - interval '15 days' END)",
            ids[state], state,
        )  # fmt: skip
        await toy.pool.execute("INSERT INTO work_body VALUES ($1, 'x')", ids[state])
    assert {table: rows for table, rows in (await purge(toy)).items() if rows} == {"work_body": 1}
    await toy.pool.execute("UPDATE work SET finished_at = now() - interval '91 days' WHERE finished_at IS NOT NULL")
    assert {table: rows for table, rows in (await purge(toy)).items() if rows} == {"work": 1}
    left = {row["id"] for row in await toy.pool.fetch("SELECT id FROM work JOIN work_body USING (id)")}
    assert left == set(ids.values()) - {ids["done"]}


async def test_refused_records_stay_until_somebody_has_decided(toy: ToyService) -> None:
    for state in ("waiting", "dead", "replayed", "discarded"):
        await toy.pool.execute(
            'INSERT INTO refused_record (topic, partition, "offset", headers, state, reason, refused_at)'
            " VALUES ('t', 0, 0, '[]', $1, 'r', now() - interval '91 days')",
            state,
        )
    assert (await purge(toy))["refused_record"] == 2
    assert {row["state"] for row in await toy.pool.fetch("SELECT state FROM refused_record")} == {"waiting", "dead"}


async def test_a_large_purge_goes_a_few_pages_at_a_time(toy: ToyService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "PAGES", 1)
    await toy.pool.execute(
        "INSERT INTO inbox (event_id, seen_at)"
        " SELECT gen_random_uuid(), now() - interval '40 days' FROM generate_series(1, 350)"
    )
    assert (await purge(toy))["inbox"] == 350


def test_what_is_stated_elsewhere_agrees() -> None:
    assert f"interval '{ANSWERS_KEPT.days} days'" in KEPT["request"]
    assert f"interval '{INBOX_REACH.days + 1} days'" in KEPT["inbox"]
    for topic in TOPICS:
        assert f"interval '{topic.retention_days} days'" in KEPT["outbox"], "a topic can be rebuilt from the outbox"
        longest = topic.retention_days + SEGMENT_DAYS
        assert INBOX_REACH.days >= topic.retention_days + longest, "a record that waited in both is still known"


@pytest.mark.parametrize("table", KEPT)
async def test_a_statement_touches_its_pages_alone_however_large_the_tables_are(toy: ToyService, table: str) -> None:
    statement = f"EXPLAIN DELETE FROM {table} WHERE ctid >= '(0,0)' AND ctid < '(64,0)' AND {KEPT[table]}"
    plan = "\n".join(row[0] for row in await toy.pool.fetch(statement))
    assert f"Tid Range Scan on {table}" in plan
    assert "Seq Scan" not in plan
