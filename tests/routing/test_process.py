"""Routing as its own process, on real Kafka and PostgreSQL: it starts, does its work, survives a kill, ends with 0."""

import asyncio
import signal
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from hub_local.stack import Stack
from hub_messaging.topics import apply_topics
from tests.hosted import SECRET, process, say
from tests.routing.conftest import Hub, write_endpoints
from tests.routing.facts import a_leg, accepted, stopped, supplement
from tests.routing.test_recall import OFFERED, kinds, past_others
from tests.waiting import until

pytestmark = pytest.mark.stack
INTAKE = "intake-dossier-events"


async def test_a_process_that_is_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    idle_hub: Hub, database_url: str, kafka: Stack
) -> None:
    hub = idle_hub
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    dossiers = [uuid4() for _ in range(20)]
    async with process(hub.settings, kafka.layout.kafka_servers) as first:
        await say(kafka, INTAKE, *(accepted(dossier) for dossier in dossiers[:10]))
        connection = await asyncpg.connect(database_url)
        await until(lambda: _some(connection, "SELECT 1 FROM work WHERE state = 'done'"), within=90)
        first.kill()
        await first.wait()
    again = [fact for dossier in dossiers for fact in (supplement(dossier), accepted(dossier))]
    await say(kafka, INTAKE, *again)
    async with process(hub.settings, kafka.layout.kafka_servers) as second:
        # Only ours: the topic also holds what other tests said, and a new reader takes it all.
        finished = "SELECT 1 FROM transfer WHERE state = 'completed' AND dossier_id = ANY($1) HAVING count(*) = 20"
        await until(lambda: _some(connection, finished, dossiers), within=90)
        await until(lambda: _some(connection, "SELECT 1 HAVING NOT EXISTS (SELECT FROM outbox_pending)"), within=20)
        done = "SELECT 1 FROM work WHERE state = 'done' AND dossier_id = ANY($1) HAVING count(*) = 40"
        await until(lambda: _some(connection, done, dossiers), within=20)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 30) == 0
    await connection.close()

    for dossier in dossiers:
        assert sorted(await _taken(hub, dossier)) == ["dossier", "supplement"]


async def test_a_partner_that_is_missing_when_a_process_is_killed_gets_the_dossier_once_when_the_data_are_mended(
    idle_hub: Hub, database_url: str, kafka: Stack
) -> None:
    hub = idle_hub
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    partners = {"legs": [a_leg(), a_leg("partner-1", "tax-office", role="cooperating")]}
    facts = [accepted(uuid4(), **partners) for _ in range(10)]
    dossiers = [fact.dossier_id for fact in facts]
    connection = await asyncpg.connect(database_url)
    listed = "SELECT 1 FROM transfer WHERE state = 'routing_failed' AND dossier_id = ANY($1) HAVING count(*) = 10"
    async with process(hub.settings, kafka.layout.kafka_servers) as first:
        await say(kafka, INTAKE, *facts)
        await until(lambda: _some(connection, listed, dossiers), within=90)
        hub.mend()
        one_joined = "SELECT 1 FROM transfer WHERE state <> 'routing_failed' AND dossier_id = ANY($1) LIMIT 1"
        await until(lambda: _some(connection, one_joined, dossiers), within=30, every=0.01)
        first.kill()
        await first.wait()
    await say(kafka, INTAKE, *facts)
    async with process(hub.settings, kafka.layout.kafka_servers) as second:
        joined = "SELECT 1 FROM transfer WHERE state = 'completed' AND dossier_id = ANY($1) HAVING count(*) = 10"
        await until(lambda: _some(connection, joined, dossiers), within=90)
        done = "SELECT 1 FROM work WHERE state = 'done' AND dossier_id = ANY($1) HAVING count(*) = 20"
        await until(lambda: _some(connection, done, dossiers), within=30)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 30) == 0
    said = "SELECT count(*) FROM outbox WHERE type = 'dossier.routed.v1' AND key = ANY($1) GROUP BY key"
    assert [row["count"] for row in await connection.fetch(said, [str(one) for one in dossiers])] == [2] * 10
    await connection.close()

    for dossier in dossiers:
        assert sorted(effect["duty"] for effect in await hub.effects(dossier)) == ["lead", "partner-1"]


async def test_what_was_in_the_call_when_a_process_died_is_recalled_though_the_next_attempt_certainly_failed(
    idle_hub: Hub, database_url: str, kafka: Stack
) -> None:
    """The agency has it; that the next process didn't reach the agency says nothing of that."""
    hub, dossier_id = idle_hub, uuid4()
    url = hub.sandbox_url + "/agencies/{agency_code}"
    write_endpoints(hub.folder, {"*": {"url": url, "secrets": [SECRET], **OFFERED}})
    await hub.behave(callback="never")
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    connection = await asyncpg.connect(database_url)
    async with process(hub.settings.model_copy(update={"attempt_seconds": 30}), kafka.layout.kafka_servers) as first:
        await past_others(kafka, connection)
        await hub.behave(callback="never", late_answer_seconds=60)
        await say(kafka, INTAKE, accepted(dossier_id))
        await until(lambda: kinds(hub, dossier_id), lambda taken: taken == ["handover"])
        first.kill()
        await first.wait()
    await hub.behave(callback="never", down="unavailable")
    async with process(hub.settings, kafka.layout.kafka_servers):
        tried = "SELECT 1 FROM work WHERE attempts > 0 AND dossier_id = $1"
        await until(lambda: _some(connection, tried, dossier_id))
        await say(kafka, INTAKE, stopped(dossier_id))
        over = "SELECT 1 FROM transfer WHERE stopped_at IS NOT NULL AND dossier_id = $1"
        await until(lambda: _some(connection, over, dossier_id))
        await hub.behave(callback="never")
        recalled = "SELECT 1 FROM outbox WHERE type = 'dossier.recalled.v1' AND key = $1::uuid::text"
        await until(lambda: _some(connection, recalled, dossier_id))
    await connection.close()
    assert await kinds(hub, dossier_id) == ["handover", "cancellation"]


async def _some(connection: "asyncpg.Connection[asyncpg.Record]", statement: str, *values: object) -> bool:
    return await connection.fetchval(statement, *values) is not None


async def _taken(hub: Hub, dossier_id: UUID) -> list[str]:
    return ["supplement" if "supplement" in effect["duty"] else "dossier" for effect in await hub.effects(dossier_id)]


@pytest.mark.parametrize("entrypoint", ["web", "worker", "sender"])
async def test_each_role_runs_alone_and_ends_with_0_when_asked(
    idle_hub: Hub, database_url: str, kafka: Stack, entrypoint: str
) -> None:
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    probe = f"http://127.0.0.1:{idle_hub.settings.probe_port}/ready"

    async def ready() -> bool:
        try:
            return (await idle_hub.client.get(probe)).status_code == 200
        except httpx.TransportError:
            return False

    async with process(idle_hub.settings, kafka.layout.kafka_servers, entrypoint) as child:
        await until(ready, within=30)
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 30) == 0


@pytest.mark.parametrize("file", ["endpoints.json", "competence.json", "sealing.json", "jwks.json"])
async def test_a_file_that_cannot_be_used_stops_the_start_with_one_line(
    idle_hub: Hub, database_url: str, file: str
) -> None:
    (idle_hub.folder / file).write_text('{"*": "Trần Văn Ví Dụ"}')

    async with process(idle_hub.settings, "127.0.0.1:1") as child:
        _, said = await asyncio.wait_for(child.communicate(), 30)

    assert child.returncode == 78
    (line,) = said.decode().splitlines()
    assert line.startswith(f"settings: {file}")
    assert "Ví Dụ" not in line
