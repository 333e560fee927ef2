"""Routing with a real database, a real socket, and the sandbox as its agencies."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from hub_messaging.sealing import SealingKeys
from hub_web.signatures import sign
from hub_web.tokens import Issuer, create_issuer_key
from services.routing.bootstrap import build
from services.routing.settings import Settings
from tests.hosted import SECRET, Hosted, free_port, new_key, running, sandbox
from tests.routing.facts import COMMITTEE, POLICE, accepted
from tests.stack import PostgresServer

COMPETENCE = {
    "version": "2026-03-01",
    "source": "dữ liệu thử",
    "agencies": [
        {"code": POLICE.code, "name": POLICE.name},
        {"code": COMMITTEE.code, "name": COMMITTEE.name},
    ],
    "rules": [
        {"agency_kind": "commune-police", "procedures": ["*"], "territory": "00070", "agency": POLICE.code},
        {"agency_kind": "commune-committee", "procedures": ["*"], "territory": "00070", "agency": "H26.20.01"},
    ],
    "communes": {"00070": "01", "00167": "01"},
}


@dataclass
class Hub(Hosted):
    """Routing as its neighbours see it: events in, HTTP in and out, rows to count."""

    sandbox_url: str
    folder: Path
    keys: SealingKeys

    async def accept(self, **changes: Any) -> UUID:
        """A dossier accepted and read."""
        dossier_id = uuid4()
        form = {"applicant": {"full_name": "Nguyễn Văn Thử"}, "request": "Đăng ký thường trú"}
        sealed = self.keys.seal("form", dossier_id, form)
        await self.read(accepted(dossier_id, **{"sealed_form": sealed, **changes}))
        return dossier_id

    async def call_back(
        self,
        body: dict[str, Any],
        *,
        agency: str = POLICE.code,
        message_id: str | None = None,
        secret: str = SECRET,
        signed_at: float | None = None,
    ) -> httpx.Response:
        raw = json.dumps(body).encode()
        headers = {**sign(message_id or str(uuid4()), raw, secret, signed_at), "content-type": "application/json"}
        return await self.client.post(f"{self.url}/v1/callbacks/{agency}", content=raw, headers=headers)

    async def behave(self, agency: str = POLICE.code, **behaviour: Any) -> None:
        answer = await self.client.put(f"{self.sandbox_url}/behaviours/{agency}", json=behaviour)
        assert answer.status_code == 204, answer.text

    async def effects(self, dossier_id: UUID) -> list[dict[str, Any]]:
        """What the agencies took for this dossier."""
        path = f"/ledger/effects?dossier_id={dossier_id}"
        found: list[dict[str, Any]] = (await self.client.get(self.sandbox_url + path)).json()["effects"]
        return found

    async def state(self, dossier_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/v1/transfers/{dossier_id}")).json()
        return found

    def mend(self) -> None:
        """From now on somebody is competent for what belongs to a tax office."""
        rule = {"agency_kind": "tax-office", "procedures": ["*"], "territory": "*", "agency": COMMITTEE.code}
        table = {**COMPETENCE, "rules": [*COMPETENCE["rules"], rule]}
        (self.folder / "competence.json").write_text(json.dumps(table))

    async def fetch(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        return list(await self.service.spine.pool.fetch(statement, *values))


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
async def idle_hub(database_url: str, tmp_path: Path) -> AsyncIterator[Hub]:
    """Routing with nothing of it running yet, beside running agencies."""
    (tmp_path / "competence.json").write_text(json.dumps(COMPETENCE))
    (tmp_path / "sealing.json").write_text(json.dumps({"form": [new_key("form-1")]}))
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    async with sandbox(tmp_path) as sandbox_url, httpx.AsyncClient(timeout=5) as client:
        write_endpoints(tmp_path, {"*": {"url": sandbox_url + "/agencies/{agency_code}", "secrets": [SECRET]}})
        settings = a_settings(tmp_path, database_url)
        service, issuer = build(settings), Issuer(tmp_path / "issuer.json")
        keys = SealingKeys.read(tmp_path / "sealing.json")
        yield Hub(service, settings, service.handlers(), client, issuer, sandbox_url, tmp_path, keys)


@pytest.fixture
async def hub(idle_hub: Hub) -> AsyncIterator[Hub]:
    """Routing's API and sender, running; events are fed by the test."""
    async with running(idle_hub, "agencies", "rerouting", "lanes", "lane_watch", "unknown_outcomes", "http"):
        yield idle_hub


def a_settings(folder: Path, database_url: str) -> Settings:
    port = free_port()
    return Settings(
        environment="test",
        database_url=database_url,
        kafka_servers="127.0.0.1:1",
        http_port=port,
        probe_port=free_port(),
        jwks_file=folder / "jwks.json",
        sealing_keys_file=folder / "sealing.json",
        endpoints_file=folder / "endpoints.json",
        callback_base_url=f"http://127.0.0.1:{port}",
        data_folder=folder,
        clock_file=folder / "clock.json",
        attempt_seconds=2,
    )


def write_endpoints(folder: Path, endpoints: dict[str, Any]) -> None:
    fresh = folder / "endpoints.new"
    fresh.write_text(json.dumps(endpoints))
    fresh.replace(folder / "endpoints.json")
