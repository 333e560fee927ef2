"""Sla as its own process, on real Kafka and PostgreSQL: it starts, reads, rings, survives a kill, ends with 0."""

import asyncio
import signal
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from hub_local.stack import Stack
from hub_messaging.topics import apply_topics
from services.sla.settings import Settings
from tests.foreign_issuer import NAME, WELL_KNOWN, ForeignIssuer
from tests.hosted import free_port, process, retold, say
from tests.sla.conftest import Hub
from tests.sla.world import accepted, at, completed
from tests.waiting import until

pytestmark = pytest.mark.stack
MONDAY = at("02/03 08:00")
DUE = at("09/03 17:00")


async def test_a_date_passes_while_the_process_is_away_and_only_what_has_no_result_is_missed(
    idle_hub: Hub, kafka: Stack
) -> None:
    hub = idle_hub
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    in_time, forgotten = uuid4(), uuid4()
    connection = await asyncpg.connect(hub.settings.database_url)
    async with process(hub.settings, kafka.layout.kafka_servers) as first:
        await say(kafka, "intake-dossier-events", *(retold(one, accepted(MONDAY)) for one in (in_time, forgotten)))
        await until(lambda: _types(connection, in_time, ["clock_started"]), within=40)
        await until(lambda: _types(connection, forgotten, ["clock_started"]), within=10)
        first.kill()
        await first.wait()
    await say(kafka, "routing-dossier-events", retold(in_time, completed(DUE - timedelta(hours=1))))
    hub.move_time(DUE + timedelta(minutes=1))
    async with process(hub.settings, kafka.layout.kafka_servers) as second:
        await until(lambda: _types(connection, forgotten, ["clock_started", "missed"]), within=40)
        assert await _types(connection, in_time, ["clock_started", "clock_stopped"])
        await until(lambda: _relayed(connection), within=20)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 20) == 0
    await connection.close()


async def test_a_wrong_setting_ends_the_start_with_a_clear_line(idle_hub: Hub, kafka: Stack) -> None:
    idle_hub.settings.jwks_file.write_text("{}")
    async with process(idle_hub.settings, kafka.layout.kafka_servers) as child:
        assert await asyncio.wait_for(child.wait(), 30) == 78


async def test_it_starts_without_its_issuer_and_lets_people_in_when_that_answers(idle_hub: Hub, kafka: Stack) -> None:
    issuer, given = ForeignIssuer(port=free_port()), idle_hub.settings
    known = {name: getattr(given, name) for name in given.model_fields_set - {"jwks_file"}}
    settings = Settings(**known, jwks_url=issuer.url + WELL_KNOWN, token_issuer=NAME)
    probes, api = f"http://127.0.0.1:{settings.probe_port}", f"http://127.0.0.1:{settings.http_port}"
    async with process(settings, kafka.layout.kafka_servers, "web"), httpx.AsyncClient() as client:
        headers = {"Authorization": f"Bearer {issuer.token(scope='deadlines:read')}"}
        await until(lambda: _waits_for(client, probes, {"issuer": "no-connection"}), within=40)
        early = await client.get(f"{api}/v1/deadlines/{uuid4()}", headers=headers)
        assert (early.status_code, early.json()["slug"]) == (503, "issuer-unavailable")
        await issuer.open()
        await until(lambda: _waits_for(client, probes, {}), within=40)
        assert (await client.get(f"{api}/v1/deadlines/{uuid4()}", headers=headers)).status_code == 404
        await issuer.die()
        assert (await client.get(f"{api}/v1/deadlines/{uuid4()}", headers=headers)).status_code == 404
        assert "hub_issuer_keys_age_seconds" in (await client.get(f"{probes}/metrics")).text


async def _waits_for(client: httpx.AsyncClient, probes: str, what: dict[str, str]) -> bool:
    try:
        answer: bool = (await client.get(f"{probes}/ready")).json()["waiting_for"] == what
    except httpx.TransportError:
        return False
    return answer


async def _types(connection: "asyncpg.Connection[asyncpg.Record]", dossier_id: UUID, expected: list[str]) -> bool:
    rows = await connection.fetch("SELECT type FROM outbox WHERE key = $1 ORDER BY seq", str(dossier_id))
    return [row["type"].removeprefix("deadline.").removesuffix(".v1") for row in rows] == expected


async def _relayed(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await connection.fetchval("SELECT NOT EXISTS (SELECT FROM outbox_pending)"))
