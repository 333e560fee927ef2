"""What is past its time goes, and nothing that is still open."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from hub_events.topics import TOPICS
from hub_local.layout import SERVICES
from hub_messaging import retention as retention_module
from hub_messaging.requests import KEPT as ANSWERS_KEPT
from hub_messaging.retention import INBOX_REACH, KEPT, Retention
from hub_messaging.topics import SEGMENT_DAYS
from tests.messaging.conftest import ToyService
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack
INSERTS = {
    "inbox": "INSERT INTO inbox (event_id, seen_at) VALUES (gen_random_uuid(), now() - {age})",
    "outbox": "INSERT INTO outbox (event_id, type, key, headers, body, recorded_at)"
    " VALUES (gen_random_uuid(), 't', 'k', '[]', '', now() - {age})",
    "request": "INSERT INTO request VALUES (gen_random_uuid()::text, '', 200, '', now() - {age})",
}


async def purge(toy: ToyService) -> dict[str, int]:
    retention = Retention(toy.pool, toy.leases)
    return {table: await retention.purge(table) for table in KEPT}


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_purges_the_tables_that_it_has(
    postgres: PostgresServer, toy: ToyService, service: str
) -> None:
    pool = await asyncpg.create_pool(await postgres.database(service), min_size=1, max_size=1)
    retention = Retention(pool, toy.leases)
    tables = await retention.tables()
    assert {"inbox", "outbox", "request", "refused_record"} <= set(tables)
    assert ("work" in tables) == (service in {"routing", "notify"})
    for table in tables:
        assert await retention.purge(table) == 0
    await pool.close()


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
