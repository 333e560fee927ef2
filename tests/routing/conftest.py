"""Routing with a real database, a real socket, and the sandbox as its agencies."""

import asyncio
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from hub_events.event import Event, Fact
from hub_messaging.consumer import Reader
from hub_messaging.jobs import Result
from hub_messaging.process import Role
from hub_messaging.sealing import SealingKeys
from hub_sandbox.app import Sandbox
from hub_sandbox.settings import SandboxSettings
from hub_web.client import ClientLimits, make_client
from hub_web.server import HttpServer
from hub_web.signatures import sign
from hub_web.tokens import ALL, SCOPES, Issuer, create_issuer_key
from services.routing.bootstrap import Service
from services.routing.settings import Settings
from tests.routing.facts import POLICE, a_record, accepted
from tests.stack import PostgresServer

SECRET = "whsec_" + "A" * 43 + "="
COMPETENCE = {
    "version": "2026-03-01",
    "source": "dữ liệu thử",
    "agencies": [
        {"code": POLICE.code, "name": POLICE.name},
        {"code": "H26.20.01", "name": "Ủy ban nhân dân phường Hoàn Kiếm"},
    ],
    "rules": [
        {"agency_kind": "commune-police", "procedures": ["*"], "territory": "00070", "agency": POLICE.code},
        {"agency_kind": "commune-committee", "procedures": ["*"], "territory": "00070", "agency": "H26.20.01"},
    ],
    "communes": {"00070": "01", "00167": "01"},
}


@dataclass
class Hub:
    """Routing as its neighbours see it: events in, HTTP in and out, rows to count."""

    routing: Service
    client: httpx.AsyncClient
    url: str
    sandbox_url: str
    folder: Path
    token: Callable[..., str]
    keys: SealingKeys

    async def read(self, *facts: Fact[Event]) -> Sequence[Result[None]]:
        """The facts as one batch of Kafka records."""
        reader = Reader("routing", self.routing.handlers())
        return await self.routing.spine.runner.run([reader.job(a_record(fact)) for fact in facts])

    async def accept(self, **changes: Any) -> UUID:
        """A dossier accepted and read."""
        dossier_id = uuid4()
        form = {"applicant": {"full_name": "Nguyễn Văn Thử"}, "request": "Đăng ký thường trú"}
        sealed = self.keys.seal("form", dossier_id, form)
        await self.read(accepted(dossier_id, **{"sealed_form": sealed, **changes}))
        return dossier_id

    async def get(self, path: str, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL) -> httpx.Response:
        return await self.client.get(self.url + path, headers=self._bearer(scopes, area))

    async def post(
        self, path: str, body: Any = None, scopes: Sequence[str] = tuple(SCOPES), area: Any = ALL
    ) -> httpx.Response:
        return await self.client.post(self.url + path, json=body, headers=self._bearer(scopes, area))

    def _bearer(self, scopes: Sequence[str], area: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token('thử', 'system', scopes, area)}"}

    async def call_back(
        self, body: dict[str, Any], *, agency: str = POLICE.code, message_id: str | None = None, secret: str = SECRET
    ) -> httpx.Response:
        raw = json.dumps(body).encode()
        headers = {**sign(message_id or str(uuid4()), raw, secret), "content-type": "application/json"}
        return await self.client.post(f"{self.url}/v1/callbacks/{agency}", content=raw, headers=headers)

    async def behave(self, agency: str = POLICE.code, **behaviour: Any) -> None:
        answer = await self.client.put(f"{self.sandbox_url}/behaviours/{agency}", json=behaviour)
        assert answer.status_code == 204, answer.text

    async def effects(self, dossier_id: UUID) -> list[dict[str, Any]]:
        """What the agencies took for this dossier."""
        path = f"/ledger/effects?dossier_id={dossier_id}"
        found: list[dict[str, Any]] = (await self.client.get(self.sandbox_url + path)).json()["effects"]
        return found

    async def events(self, dossier_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Type and body of every event published about the dossier, in order."""
        rows = await self.fetch("SELECT type, body FROM outbox WHERE key = $1 ORDER BY seq", str(dossier_id))
        return [(row["type"], json.loads(row["body"])) for row in rows]

    async def types(self, dossier_id: UUID) -> list[str]:
        return [name for name, _ in await self.events(dossier_id)]

    async def state(self, dossier_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/v1/transfers/{dossier_id}")).json()
        return found

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        return list(await self.routing.spine.pool.fetch(statement, *values))


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Waits until `holds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"after {seconds:g} s this does not hold: {holds.__qualname__}") from None


@pytest.fixture
async def sandbox_url(tmp_path: Path) -> AsyncIterator[str]:
    """The agencies' side, with the secret that they know."""
    file = tmp_path / "secrets-of-agencies.json"
    file.write_text(json.dumps({"*": {"url": "http://unused", "secrets": [SECRET]}}))
    sandbox = Sandbox(SandboxSettings(http_port=0, secrets_file=file, sms_token="gateway-token"))
    server = HttpServer(sandbox, "127.0.0.1", 0, drain_seconds=1)
    await sandbox.start()
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()
    await sandbox.stop()


@pytest.fixture(scope="module")
def module_database(postgres: PostgresServer) -> str:
    return asyncio.run(postgres.database("routing"))


@pytest.fixture
async def database_url(module_database: str) -> str:
    """The module's database, emptied."""
    connection = await asyncpg.connect(module_database)
    names = await connection.fetchval(
        "SELECT string_agg(tablename, ', ') FROM pg_tables "
        "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    )
    await connection.execute(f"TRUNCATE {names}")
    await connection.close()
    return module_database


@pytest.fixture
async def idle_hub(database_url: str, sandbox_url: str, tmp_path: Path, free_port: int) -> AsyncIterator[Hub]:
    """Routing with nothing of it running yet."""
    (tmp_path / "competence.json").write_text(json.dumps(COMPETENCE))
    write_endpoints(tmp_path, {"*": {"url": sandbox_url + "/agencies/{agency_code}", "secrets": [SECRET]}})
    key = {"kid": "form-1", "k": urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")}
    (tmp_path / "sealing.json").write_text(json.dumps({"form": [key]}))
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    routing = Service(a_settings(tmp_path, database_url, free_port))
    async with make_client(ClientLimits(total_seconds=5)) as client:
        url = f"http://127.0.0.1:{free_port}"
        issuer, keys = Issuer(tmp_path / "issuer.json"), SealingKeys.read(tmp_path / "sealing.json")
        yield Hub(routing, client, url, sandbox_url, tmp_path, issuer.issue, keys)


@pytest.fixture
async def hub(idle_hub: Hub) -> AsyncIterator[Hub]:
    """Routing's API and sender, running; events are fed by the test."""
    routing = idle_hub.routing
    await routing.spine.open()
    tasks = [asyncio.create_task(role.run()) for role in await _without_kafka(routing)]
    await until(lambda: _answers(idle_hub.client, idle_hub.url))
    yield idle_hub
    for task in reversed(tasks):
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await routing.spine.close()
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


def a_settings(folder: Path, database_url: str, port: int, kafka: str = "127.0.0.1:1") -> Settings:
    return Settings(
        environment="test",
        database_url=database_url,
        kafka_servers=kafka,
        http_port=port,
        probe_port=1,
        jwks_file=folder / "jwks.json",
        sealing_keys_file=folder / "sealing.json",
        endpoints_file=folder / "endpoints.json",
        callback_base_url=f"http://127.0.0.1:{port}",
        data_folder=folder,
        attempt_seconds=2,
    )


def write_endpoints(folder: Path, endpoints: dict[str, Any]) -> None:
    fresh = folder / "endpoints.new"
    fresh.write_text(json.dumps(endpoints))
    fresh.replace(folder / "endpoints.json")


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _without_kafka(routing: Service) -> list[Role]:
    return [role for role in await routing.everything() if role.name not in {"relay", "consumer", "bells"}]


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url + "/v1/transfers")).status_code == 401
    except httpx.TransportError:
        return False
