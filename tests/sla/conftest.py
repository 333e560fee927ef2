"""Sla with a real database and a real socket; business time is a file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from hub_messaging.clock import set_business_time
from hub_messaging.heard import Heard
from hub_web.tokens import Issuer, create_issuer_key
from services.sla.bootstrap import HANDLERS, build
from services.sla.settings import Settings
from tests.hosted import Hosted, free_port, running
from tests.sla.world import at
from tests.stack import PostgresServer


@dataclass
class Hub(Hosted):
    """Sla as its neighbours see it: events in, questions over HTTP, time that can be moved."""

    def move_time(self, to: datetime) -> None:
        set_business_time(self.settings.clock_file, to)

    async def deadline(self, dossier_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(f"/v1/deadlines/{dossier_id}")).json()
        return found

    async def listed(self, query: str) -> list[str]:
        return [item["dossier_id"] for item in (await self.get(f"/v1/deadlines?{query}")).json()["items"]]

    async def said(self, dossier_id: UUID) -> list[str]:
        """What was published about the dossier's clock, in short."""
        return [type.removeprefix("deadline.").removesuffix(".v1") for type in await self.types(dossier_id)]


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
    async with httpx.AsyncClient(timeout=5) as client:
        hub = Hub(build(settings), settings, HANDLERS, client, Issuer(tmp_path / "issuer.json"))
        hub.move_time(at("02/03 08:00"))
        yield hub


async def all_heard(_heard: Heard) -> bool:
    """Nothing waits in Kafka."""
    return True


@pytest.fixture
async def hub(idle_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """Sla's API and timers, running; events are fed by the test, so that nothing waits in Kafka."""
    monkeypatch.setattr(Heard, "everything", all_heard)
    async with running(idle_hub, "timers", "http"):
        yield idle_hub
