"""Routing as its own process, on real Kafka and PostgreSQL: it starts, does its work, survives a kill, ends with 0."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from hub_events.event import Event, Fact, to_headers
from hub_local.stack import Stack
from hub_messaging.topics import apply_topics
from tests.routing.conftest import Hub, until
from tests.routing.facts import accepted, supplement

pytestmark = pytest.mark.stack


@asynccontextmanager
async def process_of(
    hub: Hub, kafka_servers: str, database_url: str, entrypoint: str = "service"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One process of routing; whoever asked it to end looks at how it did."""
    settings = hub.routing.settings
    environment = {
        "ROUTING_ENVIRONMENT": "test",
        "ROUTING_DATABASE_URL": database_url,
        "ROUTING_KAFKA_SERVERS": kafka_servers,
        "ROUTING_HTTP_PORT": str(settings.http_port),
        "ROUTING_PROBE_PORT": str(settings.http_port + 1),
        "ROUTING_JWKS_FILE": str(settings.jwks_file),
        "ROUTING_SEALING_KEYS_FILE": str(settings.sealing_keys_file),
        "ROUTING_ENDPOINTS_FILE": str(settings.endpoints_file),
        "ROUTING_CALLBACK_BASE_URL": settings.callback_base_url,
        "ROUTING_DATA_FOLDER": str(settings.data_folder),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"services.routing.entrypoints.{entrypoint}",
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def say(kafka: Stack, *facts: Fact[Event]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.layout.kafka_servers, acks="all")
    await producer.start()
    try:
        for fact in facts:
            body = fact.data.model_dump_json().encode()
            headers = to_headers(fact.envelope)
            await producer.send_and_wait(
                "intake-dossier-events", body, key=str(fact.dossier_id).encode(), headers=headers
            )
    finally:
        await producer.stop()


async def test_a_process_that_is_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    idle_hub: Hub, database_url: str, kafka: Stack
) -> None:
    hub = idle_hub
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    dossiers = [uuid4() for _ in range(20)]
    async with process_of(hub, kafka.layout.kafka_servers, database_url) as first:
        await say(kafka, *(accepted(dossier) for dossier in dossiers[:10]))
        connection = await asyncpg.connect(database_url)
        await until(lambda: _some(connection, "SELECT 1 FROM work WHERE state = 'done'"), 30)
        first.kill()
        await first.wait()
    again = [fact for dossier in dossiers for fact in (supplement(dossier), accepted(dossier))]
    await say(kafka, *again)
    async with process_of(hub, kafka.layout.kafka_servers, database_url) as second:
        finished = "SELECT count(*) = 20 FROM transfer WHERE state = 'completed' HAVING count(*) = 20"
        await until(lambda: _some(connection, finished), 40)
        await until(lambda: _some(connection, "SELECT 1 HAVING NOT EXISTS (SELECT FROM outbox_pending)"), 20)
        done = "SELECT count(*) FROM work WHERE state = 'done' HAVING count(*) = 40"
        await until(lambda: _some(connection, done), 20)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 30) == 0
    await connection.close()

    for dossier in dossiers:
        assert sorted(await _taken(hub, dossier)) == ["dossier", "supplement"]


async def _some(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> bool:
    return await connection.fetchval(statement) is not None


async def _taken(hub: Hub, dossier_id: UUID) -> list[str]:
    return ["supplement" if "supplement" in effect["duty"] else "dossier" for effect in await hub.effects(dossier_id)]


@pytest.mark.parametrize("entrypoint", ["web", "worker", "sender"])
async def test_each_role_runs_alone_and_ends_with_0_when_asked(
    idle_hub: Hub, database_url: str, kafka: Stack, entrypoint: str
) -> None:
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    probe = f"http://127.0.0.1:{idle_hub.routing.settings.http_port + 1}/ready"

    async def ready() -> bool:
        try:
            return (await idle_hub.client.get(probe)).status_code == 200
        except httpx.TransportError:
            return False

    async with process_of(idle_hub, kafka.layout.kafka_servers, database_url, entrypoint) as process:
        await until(ready, 30)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.parametrize("file", ["endpoints.json", "competence.json", "sealing.json", "jwks.json"])
async def test_a_file_that_cannot_be_used_stops_the_start_with_one_line(
    idle_hub: Hub, database_url: str, file: str
) -> None:
    (idle_hub.folder / file).write_text('{"*": "Trần Văn Ví Dụ"}')

    async with process_of(idle_hub, "127.0.0.1:1", database_url) as process:
        _, said = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 78
    (line,) = said.decode().splitlines()
    assert line.startswith(f"settings: {file}")
    assert "Ví Dụ" not in line
