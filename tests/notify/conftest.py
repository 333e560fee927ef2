"""Notify with a real database, a real socket, and the sandbox as its SMS gateway."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub_messaging.sealing import SealingKeys
from hub_web.tokens import Issuer, create_issuer_key
from services.notify.bootstrap import build, handlers
from services.notify.settings import Settings
from tests.hosted import SMS_TOKEN, Hosted, free_port, new_key, running, sandbox
from tests.notify.world import SENDING
from tests.stack import PostgresServer

PHONE = "+84912345678"


@dataclass
class Hub(Hosted):
    """Notify as its neighbours see it: events in, HTTP in and out, rows to count."""

    sandbox_url: str

    def contact(self, dossier_id: UUID, **contact: str) -> dict[str, Any]:
        """The fields of an event that name whom to tell."""
        given = contact or {"phone": PHONE}
        keys = SealingKeys.read(self.settings.sealing_keys_file)
        return {"contact_channels": ("sms",), "sealed_contact": keys.seal("contact", dossier_id, given)}

    async def states(self, dossier_id: UUID) -> dict[str, str]:
        found = (await self.get(f"/v1/notices/{dossier_id}")).json()["notices"]
        return {f"{notice['duty']}:{notice['occasion']}": notice["state"] for notice in found}

    async def settled(self, dossier_id: UUID, **states: str) -> bool:
        return await self.states(dossier_id) == {f"{duty}:1": state for duty, state in states.items()}

    async def behave(self, **behaviour: Any) -> None:
        answer = await self.client.put(f"{self.sandbox_url}/behaviours/sms", json=behaviour)
        assert answer.status_code == 204, answer.text

    async def effects(self, dossier_id: UUID) -> list[dict[str, Any]]:
        """What the gateway took for this dossier."""
        answer = await self.client.get(f"{self.sandbox_url}/ledger/effects?dossier_id={dossier_id}")
        found: list[dict[str, Any]] = answer.json()["effects"]
        return found


@pytest.fixture
async def idle_hub(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Hub]:
    """Notify with nothing of it running yet, beside a running gateway."""
    (tmp_path / "sealing.json").write_text(json.dumps({"contact": [new_key("contact-1")]}))
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    async with sandbox(tmp_path) as sandbox_url, httpx.AsyncClient(timeout=5) as client:
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
        issuer = Issuer(tmp_path / "issuer.json")
        yield Hub(build(settings), settings, handlers(SENDING), client, issuer, sandbox_url)


@pytest.fixture
async def hub(idle_hub: Hub) -> AsyncIterator[Hub]:
    """Notify's API and sender, running; events are fed by the test."""
    async with running(idle_hub, "lanes", "http"):
        yield idle_hub
