"""Notify as its own process, on real Kafka and PostgreSQL: told once across a kill, ends with 0."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from hub_events.event import Fact, to_headers
from hub_local.stack import Stack
from hub_messaging.topics import apply_topics
from tests.notify.conftest import SMS_TOKEN, Hub, fact_about, until
from tests.notify.world import accepted, at, completed

pytestmark = pytest.mark.stack
DOSSIERS = 15


@asynccontextmanager
async def service(hub: Hub, kafka: Stack) -> AsyncIterator[asyncio.subprocess.Process]:
    """All roles in one process; whoever asked it to end looks at how it did."""
    settings = hub.settings
    environment = {
        "NOTIFY_ENVIRONMENT": "test",
        "NOTIFY_DATABASE_URL": settings.database_url,
        "NOTIFY_KAFKA_SERVERS": kafka.layout.kafka_servers,
        "NOTIFY_HTTP_PORT": str(settings.http_port),
        "NOTIFY_PROBE_PORT": str(settings.probe_port),
        "NOTIFY_JWKS_FILE": str(settings.jwks_file),
        "NOTIFY_SEALING_KEYS_FILE": str(settings.sealing_keys_file),
        "NOTIFY_SMS_URL": settings.sms_url,
        "NOTIFY_SMS_TOKEN": SMS_TOKEN,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.notify.entrypoints.service",
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def say(kafka: Stack, topic: str, *facts: Fact[Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.layout.kafka_servers, acks="all")
    await producer.start()
    try:
        for fact in facts:
            body, key = fact.data.model_dump_json().encode(), fact.envelope.subject.encode()
            await producer.send_and_wait(topic, body, key=key, headers=to_headers(fact.envelope))
    finally:
        await producer.stop()


async def test_a_process_that_is_killed_in_the_middle_tells_everybody_once(idle_hub: Hub, kafka: Stack) -> None:
    hub = idle_hub
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    dossiers = [uuid4() for _ in range(DOSSIERS)]
    due_at = at("11/03 17:00")
    taken = [fact_about(one, accepted("sms", due_at=due_at), **hub.contact(one)) for one in dossiers]
    done = [fact_about(one, completed()) for one in dossiers]
    connection = await asyncpg.connect(hub.settings.database_url)

    async def sent(least: int) -> bool:
        return bool(await connection.fetchval("SELECT count(*) >= $1 FROM work WHERE state = 'done'", least))

    async with service(hub, kafka) as first:
        await say(kafka, "routing-dossier-events", *done)
        await say(kafka, "intake-dossier-events", *taken)
        await until(lambda: sent(1), 40)
        first.kill()
        await first.wait()
    await say(kafka, "intake-dossier-events", *taken)
    async with service(hub, kafka) as second:
        await until(lambda: sent(2 * DOSSIERS), 40)
        await until(lambda: _relayed(connection), 20)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 20) == 0
    for one in dossiers:
        duties = sorted(effect["duty"] for effect in await hub.effects(one))
        assert duties == ["accepted", "completed"]
    assert await connection.fetchval("SELECT count(*) FROM outbox WHERE type = 'message.sent.v1'") == 2 * DOSSIERS
    await connection.close()


async def _relayed(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await connection.fetchval("SELECT NOT EXISTS (SELECT FROM outbox_pending)"))
