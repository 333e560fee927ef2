"""One service as its own tests host it: facts in, HTTP in and out, its roles in this process or in one of their own."""

import asyncio
import json
import os
import secrets
import socket
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from aiokafka import AIOKafkaProducer

from hub_events.event import Envelope, Fact, to_headers
from hub_local.stack import Stack
from hub_messaging.clock import real_now
from hub_messaging.jobs import Result
from hub_messaging.reader import Handler, Reader
from hub_messaging.refused import RawRecord
from hub_messaging.settings import ServiceSettings
from hub_sandbox.app import Sandbox
from hub_sandbox.http import HttpServer
from hub_sandbox.settings import SandboxSettings
from hub_web.tokens import ALL, SCOPES, Issuer
from tests.waiting import until

ROOT = Path(__file__).parents[1]
SECRET = "whsec_" + "A" * 43 + "="
"""What every agency signs with."""
SMS_TOKEN = "gateway-token"


@dataclass
class Hosted:
    """A service as its neighbours see it: events in, questions over HTTP, events out."""

    service: Any
    """What its bootstrap builds."""
    settings: Any
    handlers: Sequence[Handler[Any]]
    client: httpx.AsyncClient
    issuer: Issuer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    async def read(self, *facts: Fact[Any]) -> Sequence[Result[None]]:
        """The facts as one batch of Kafka records."""
        reader = Reader(name_of(self.settings), self.handlers)
        results: Sequence[Result[None]] = await self.service.spine.runner.run(
            [reader.job(record_of(fact)) for fact in facts]
        )
        return results

    async def get(self, path: str, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL) -> httpx.Response:
        return await self.client.get(self.url + path, headers=self._bearer(scopes, area))

    async def post(
        self, path: str, body: Any = None, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL
    ) -> httpx.Response:
        return await self.client.post(self.url + path, json=body, headers=self._bearer(scopes, area))

    def _bearer(self, scopes: Sequence[str], area: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.issue('thử', 'system', scopes, area)}"}

    async def events(self, dossier_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Type and body of every event published about the dossier, in order."""
        statement = "SELECT type, body FROM outbox WHERE key = $1 ORDER BY seq"
        rows = await self.service.spine.pool.fetch(statement, str(dossier_id))
        return [(row["type"], json.loads(row["body"])) for row in rows]

    async def types(self, dossier_id: UUID) -> list[str]:
        return [name for name, _ in await self.events(dossier_id)]


def name_of(settings: ServiceSettings) -> str:
    """The service that the settings are of."""
    return str(settings.model_config["env_prefix"]).rstrip("_").lower()


def retold(dossier_id: UUID, fact: Fact[Any], **changes: Any) -> Fact[Any]:
    """The fact of another dossier, recorded now."""
    old = fact.envelope
    envelope = Envelope(old.id, old.type, old.source, str(dossier_id), old.occurred_at, real_now())
    return Fact(envelope, fact.data.model_copy(update=changes))


def record_of(fact: Fact[Any]) -> RawRecord:
    """The fact as it comes from Kafka."""
    body = fact.data.model_dump_json().encode()
    return RawRecord("any", 0, 0, tuple(to_headers(fact.envelope)), fact.envelope.subject.encode(), body)


async def say(kafka: Stack, topic: str, *facts: Fact[Any]) -> None:
    """Writes the facts to a topic of a real Kafka."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.layout.kafka_servers, acks="all")
    await producer.start()
    try:
        for fact in facts:
            record = record_of(fact)
            await producer.send_and_wait(topic, record.body, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_key(kid: str) -> dict[str, str]:
    """A key as a file of sealing keys lists it."""
    return {"kid": kid, "k": urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")}


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[str]:
    """The other side, agencies and SMS gateway; its address."""
    file = folder / "secrets-of-agencies.json"
    file.write_text(json.dumps({"*": {"url": "http://unused", "secrets": [SECRET]}}))
    other_side = Sandbox(SandboxSettings(http_port=0, secrets_file=file, sms_token=SMS_TOKEN))
    server = HttpServer(other_side, "127.0.0.1", 0, drain_seconds=1)
    await other_side.start()
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()
    await other_side.stop()


@asynccontextmanager
async def running(hub: Hosted, *names: str) -> AsyncIterator[None]:
    """The service's roles of these names, `http` among them, in this process; none may end by itself."""
    service = hub.service
    await service.spine.open()
    roles = [role for role in await service.everything() if role.name in names]
    tasks = [asyncio.create_task(role.run(), name=role.name) for role in roles]
    await until(lambda: _answers(hub))
    yield
    for task in reversed(tasks):
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await service.spine.close()
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


async def _answers(hub: Hosted) -> bool:
    try:
        return (await hub.client.get(hub.url + "/openapi.json")).status_code == 200
    except httpx.TransportError:
        return False


async def listening(client: httpx.AsyncClient) -> None:
    """Waits until a process that was just started answers."""
    for _ in range(400):
        try:
            await client.get("/openapi.json")
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the process doesn't answer")


@asynccontextmanager
async def process(
    settings: ServiceSettings, kafka_servers: str, entrypoint: str = "service"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An entry point of the service as a process of its own; whoever asked it to end looks at how it did."""
    given = {name: str(getattr(settings, name)) for name in settings.model_fields_set} | {
        "kafka_servers": kafka_servers
    }
    prefix = str(settings.model_config["env_prefix"])
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"services.{name_of(settings)}.entrypoints.{entrypoint}",
        env={**os.environ, **{f"{prefix}{name.upper()}": value for name, value in given.items()}},
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
