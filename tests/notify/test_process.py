"""Notify as its own process, on real Kafka and PostgreSQL: told once across a kill, ends with 0."""

import asyncio
import signal
from uuid import uuid4

import asyncpg
import pytest

from hub_local.stack import Stack
from hub_messaging.topics import apply_topics
from tests.hosted import process, retold, say
from tests.notify.conftest import Hub
from tests.notify.world import accepted, at, completed
from tests.waiting import until

pytestmark = pytest.mark.stack
DOSSIERS = 15


async def test_a_process_that_is_killed_in_the_middle_tells_everybody_once(idle_hub: Hub, kafka: Stack) -> None:
    hub = idle_hub
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    dossiers = [uuid4() for _ in range(DOSSIERS)]
    due_at = at("11/03 17:00")
    taken = [retold(one, accepted("sms", due_at=due_at), **hub.contact(one)) for one in dossiers]
    done = [retold(one, completed()) for one in dossiers]
    connection = await asyncpg.connect(hub.settings.database_url)

    async def sent(least: int) -> bool:
        return bool(await connection.fetchval("SELECT count(*) >= $1 FROM work WHERE state = 'done'", least))

    async with process(hub.settings, kafka.layout.kafka_servers) as first:
        await say(kafka, "routing-dossier-events", *done)
        await say(kafka, "intake-dossier-events", *taken)
        await until(lambda: sent(1), within=40)
        first.kill()
        await first.wait()
    await say(kafka, "intake-dossier-events", *taken)
    async with process(hub.settings, kafka.layout.kafka_servers) as second:
        await until(lambda: sent(2 * DOSSIERS), within=40)
        await until(lambda: _relayed(connection), within=20)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 20) == 0
    for one in dossiers:
        duties = sorted(effect["duty"] for effect in await hub.effects(one))
        assert duties == ["accepted", "completed"]
    assert await connection.fetchval("SELECT count(*) FROM outbox WHERE type = 'message.sent.v1'") == 2 * DOSSIERS
    await connection.close()


async def _relayed(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await connection.fetchval("SELECT NOT EXISTS (SELECT FROM outbox_pending)"))
