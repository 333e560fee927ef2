"""Sla with a real database and a real socket; business time is a file."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub_events.event import Envelope, Fact, to_headers
from hub_messaging.clock import real_now, set_business_time
from hub_messaging.consumer import Reader
from hub_messaging.heard import Heard
from hub_messaging.jobs import Result
from hub_messaging.refused import RawRecord
from hub_web.client import ClientLimits, make_client
from hub_web.tokens import ALL, SCOPES, Issuer, create_issuer_key
from services.sla.bootstrap import HANDLERS, Service, build
from services.sla.settings import Settings
from tests.sla.world import at
from tests.stack import PostgresServer


@dataclass
class Hub:
    """Sla as its neighbours see it: events in, questions over HTTP, time that can be moved."""

    service: Service
    settings: Settings
    client: httpx.AsyncClient
    token: Callable[..., str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    def move_time(self, to: datetime) -> None:
        assert self.settings.clock_file is not None
        set_business_time(self.settings.clock_file, to)

    async def read(self, *facts: Fact[Any]) -> Sequence[Result[None]]:
        """The facts as one batch of Kafka records."""
        reader = Reader("sla", HANDLERS)
        return await self.service.spine.runner.run([reader.job(record_of(fact)) for fact in facts])

    async def get(self, path: str, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL) -> httpx.Response:
        bearer = f"Bearer {self.token('thử', 'system', scopes, area)}"
        return await self.client.get(self.url + path, headers={"Authorization": bearer})

    async def deadline(self, dossier_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/v1/deadlines/{dossier_id}")).json()
        return found

    async def listed(self, query: str) -> list[str]:
        return [item["dossier_id"] for item in (await self.get(f"/v1/deadlines?{query}")).json()["items"]]

    async def types(self, dossier_id: UUID) -> list[str]:
        statement = "SELECT type FROM outbox WHERE key = $1 ORDER BY seq"
        rows = await self.service.spine.pool.fetch(statement, str(dossier_id))
        return [row["type"].removeprefix("deadline.").removesuffix(".v1") for row in rows]


def about(dossier_id: UUID, fact: Fact[Any]) -> Fact[Any]:
    """The same fact of another dossier, recorded now."""
    old = fact.envelope
    return Fact(Envelope(old.id, old.type, old.source, str(dossier_id), old.occurred_at, real_now()), fact.data)


def record_of(fact: Fact[Any]) -> RawRecord:
    """The fact as it comes from Kafka."""
    body = fact.data.model_dump_json().encode()
    return RawRecord("any", 0, 0, tuple(to_headers(fact.envelope)), fact.envelope.subject.encode(), body)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Waits until `holds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"after {seconds:g} s this does not hold") from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def idle_hub(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Hub]:
    """Sla with nothing of it running yet, on Monday 02/03/2026 08:00."""
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    settings = Settings(
        environment="test",
        database_url=await postgres.database("sla"),
        kafka_servers="127.0.0.1:1",
        http_port=free_port(),
        probe_port=free_port(),
        clock_file=tmp_path / "clock.json",
        jwks_file=tmp_path / "jwks.json",
    )
    async with make_client(ClientLimits(total_seconds=5)) as client:
        hub = Hub(build(settings), settings, client, Issuer(tmp_path / "issuer.json").issue)
        hub.move_time(at("02/03 08:00"))
        yield hub


@pytest.fixture
async def hub(idle_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """Sla's API and timers, running; events are fed by the test, so that nothing waits in Kafka."""

    async def all_heard(_heard: Heard) -> bool:
        return True

    monkeypatch.setattr(Heard, "everything", all_heard)
    service = idle_hub.service
    await service.spine.open()
    roles = [role for role in await service.everything() if role.name in {"timers", "http"}]
    tasks = [asyncio.create_task(role.run()) for role in roles]
    await until(lambda: _answers(idle_hub))
    yield idle_hub
    for task in reversed(tasks):
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await service.spine.close()
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


async def _answers(hub: Hub) -> bool:
    try:
        return (await hub.client.get(hub.url + "/v1/deadlines")).status_code == 401
    except httpx.TransportError:
        return False
