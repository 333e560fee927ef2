"""Notify with a real database, a real socket, and the sandbox as its SMS gateway."""

import asyncio
import json
import secrets
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub_events.event import Envelope, Event, Fact, to_headers
from hub_messaging.clock import real_now
from hub_messaging.consumer import Reader
from hub_messaging.jobs import Result
from hub_messaging.refused import RawRecord
from hub_messaging.sealing import SealingKeys
from hub_sandbox.app import Sandbox
from hub_sandbox.settings import SandboxSettings
from hub_web.client import ClientLimits, make_client
from hub_web.server import HttpServer
from hub_web.tokens import ALL, SCOPES, Issuer, create_issuer_key
from services.notify.bootstrap import Service, build, handlers
from services.notify.settings import Settings
from tests.notify.world import SENDING
from tests.stack import PostgresServer

SMS_TOKEN = "gateway-token"
PHONE = "+84912345678"


@dataclass
class Hub:
    """Notify as its neighbours see it: events in, HTTP in and out, rows to count."""

    service: Service
    settings: Settings
    client: httpx.AsyncClient
    sandbox_url: str
    token: Callable[..., str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    def contact(self, dossier_id: UUID, **contact: str) -> dict[str, Any]:
        """The fields of an event that name whom to tell."""
        given = contact or {"phone": PHONE}
        keys = SealingKeys.read(self.settings.sealing_keys_file)
        return {"contact_channels": ("sms",), "sealed_contact": keys.seal("contact", dossier_id, given)}

    async def read(self, *facts: Fact[Event]) -> Sequence[Result[None]]:
        """The facts as one batch of Kafka records."""
        reader = Reader("notify", handlers(SENDING))
        return await self.service.spine.runner.run([reader.job(record_of(fact)) for fact in facts])

    async def get(self, path: str, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL) -> httpx.Response:
        bearer = f"Bearer {self.token('thử', 'system', scopes, area)}"
        return await self.client.get(self.url + path, headers={"Authorization": bearer})

    async def post(self, path: str, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL) -> httpx.Response:
        bearer = f"Bearer {self.token('thử', 'system', scopes, area)}"
        return await self.client.post(self.url + path, headers={"Authorization": bearer})

    async def states(self, dossier_id: UUID) -> dict[str, str]:
        found = (await self.get(f"/v1/notices/{dossier_id}")).json()["notices"]
        return {f"{notice['duty']}:{notice['occasion']}": notice["state"] for notice in found}

    async def settled(self, dossier_id: UUID, **states: str) -> bool:
        return await self.states(dossier_id) == {f"{duty}:1": state for duty, state in states.items()}

    async def types(self, dossier_id: UUID) -> list[str]:
        statement = "SELECT type FROM outbox WHERE key = $1 ORDER BY seq"
        return [row["type"] for row in await self.service.spine.pool.fetch(statement, str(dossier_id))]

    async def behave(self, **behaviour: Any) -> None:
        answer = await self.client.put(f"{self.sandbox_url}/behaviours/sms", json=behaviour)
        assert answer.status_code == 204, answer.text

    async def effects(self, dossier_id: UUID) -> list[dict[str, Any]]:
        """What the gateway took for this dossier."""
        found: list[dict[str, Any]] = (
            await self.client.get(f"{self.sandbox_url}/ledger/effects?dossier_id={dossier_id}")
        ).json()["effects"]
        return found


def fact_about(dossier_id: UUID, fact: Fact[Any], **changes: Any) -> Fact[Any]:
    """The fact of another dossier, now."""
    old = fact.envelope
    envelope = Envelope(old.id, old.type, old.source, str(dossier_id), old.occurred_at, real_now())
    return Fact(envelope, fact.data.model_copy(update=changes))


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


def new_key(kid: str) -> dict[str, str]:
    return {"kid": kid, "k": urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def sandbox_url(tmp_path: Path) -> AsyncIterator[str]:
    """The gateway's side."""
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps({"*": {"url": "http://unused", "secrets": ["whsec_" + "A" * 43 + "="]}}))
    sandbox = Sandbox(SandboxSettings(http_port=0, secrets_file=file, sms_token=SMS_TOKEN))
    server = HttpServer(sandbox, "127.0.0.1", 0, drain_seconds=1)
    await sandbox.start()
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()
    await sandbox.stop()


@pytest.fixture
async def idle_hub(postgres: PostgresServer, sandbox_url: str, tmp_path: Path) -> AsyncIterator[Hub]:
    """Notify with nothing of it running yet."""
    (tmp_path / "sealing.json").write_text(json.dumps({"contact": [new_key("contact-1")]}))
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    settings = Settings(
        environment="test",
        database_url=await postgres.database("notify"),
        kafka_servers="127.0.0.1:1",
        http_port=free_port(),
        probe_port=free_port(),
        jwks_file=tmp_path / "jwks.json",
        sealing_keys_file=tmp_path / "sealing.json",
        sms_url=sandbox_url,
        sms_token=SMS_TOKEN,
    )
    async with make_client(ClientLimits(total_seconds=5)) as client:
        yield Hub(build(settings), settings, client, sandbox_url, Issuer(tmp_path / "issuer.json").issue)


@pytest.fixture
async def hub(idle_hub: Hub) -> AsyncIterator[Hub]:
    """Notify's API and sender, running; events are fed by the test."""
    service = idle_hub.service
    await service.spine.open()
    roles = [role for role in await service.everything() if role.name in {"lanes", "http"}]
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
        return (await hub.client.get(hub.url + "/v1/notices")).status_code == 401
    except httpx.TransportError:
        return False
