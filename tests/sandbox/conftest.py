import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub_sandbox.app import Sandbox
from hub_sandbox.http import HttpServer, Reply, Request
from hub_sandbox.settings import SandboxSettings
from hub_web.signatures import sign, verify

AGENCY = "H26.15"
SECRET = "whsec_" + "B" * 43 + "="
TOKEN = "gateway-token"


@dataclass
class Routing:
    """Takes callbacks as routing would, and answers what a test says."""

    answers: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    url: str = ""

    async def __call__(self, request: Request, reply: Reply) -> None:
        message_id = verify(request.headers, request.body, [SECRET])
        status = self.answers.pop(0) if self.answers else 204
        self.ids.append(message_id)
        self.taken.append({"path": "/".join(request.path), "status": status, **json.loads(request.body)})
        reply.send(status)

    async def heard(self, count: int, seconds: float = 5.0) -> list[str]:
        """The types of the first `count` callbacks; fails when they don't come."""
        async with asyncio.timeout(seconds):
            while len(self.taken) < count:
                await asyncio.sleep(0.005)
        return [message["type"] for message in self.taken]


@pytest.fixture
async def routing() -> AsyncIterator[Routing]:
    routing = Routing()
    server = HttpServer(routing, "127.0.0.1", 0, drain_seconds=1)
    await server.start()
    routing.url = f"http://127.0.0.1:{server.port}"
    yield routing
    await server.stop()


@dataclass
class Other:
    """The sandbox as its callers see it."""

    client: httpx.AsyncClient
    url: str
    routing: Routing

    def handover(self, **changes: Any) -> dict[str, Any]:
        sound = {
            "kind": "dossier",
            "dossier_id": str(uuid4()),
            "leg": "lead",
            "dossier_code": "H26.15-260302-0001",
            "agency_code": AGENCY,
            "procedure_code": "1.001193",
            "procedure_name": "Đăng ký khai sinh",
            "received_at": "2026-03-02T08:00:00+07:00",
            "promised_at": None,
            "sent_at": "2026-03-02T08:00:01+07:00",
            "callback_url": f"{self.routing.url}/v1/callbacks/{AGENCY}",
            "applicant": {"full_name": "Nguyễn Văn Thử"},
            "components": [{"code": "to-khai", "name": "Tờ khai", "originals": 1, "copies": 0}],
        }
        return {**sound, **changes}

    async def hand_over(
        self, body: dict[str, Any], key: str | None = None, secret: str = SECRET, call: str = "handovers"
    ) -> httpx.Response:
        key = key or str(uuid4())
        raw = json.dumps(body).encode()
        headers = {**sign(key, raw, secret), "Idempotency-Key": key, "Content-Type": "application/json"}
        return await self.client.post(f"{self.url}/agencies/{AGENCY}/{call}", content=raw, headers=headers)

    async def text(self, key: str | None = None, token: str = TOKEN, **changes: Any) -> httpx.Response:
        sound = {"to": "+84912345678", "text": "Hồ sơ đã nhận", "sender": "MOTCUA", "reference": f"{uuid4()}:accepted"}
        headers = {"Idempotency-Key": key or str(uuid4()), "Authorization": f"Bearer {token}"}
        return await self.client.post(f"{self.url}/messages", json={**sound, **changes}, headers=headers)

    async def behave(self, party: str = AGENCY, **behaviour: Any) -> None:
        answer = await self.client.put(f"{self.url}/behaviours/{party}", json=behaviour)
        assert answer.status_code == 204, answer.text

    async def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"{self.url}/ledger/summary")).json()
        return found

    async def settled(self, **expected: int) -> dict[str, Any]:
        """The callback counts once they are as expected; fails when they don't become so."""
        async with asyncio.timeout(5):
            while True:
                counts: dict[str, Any] = (await self.summary())["callbacks"]
                if expected.items() <= counts.items():
                    return counts
                await asyncio.sleep(0.01)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., SandboxSettings]:
    (tmp_path / "endpoints.json").write_text(json.dumps({"*": {"url": "unused", "secrets": [SECRET]}}))

    def make(**changes: Any) -> SandboxSettings:
        return SandboxSettings(
            http_port=0, secrets_file=tmp_path / "endpoints.json", sms_token=TOKEN, keep_texts=True, **changes
        )

    return make


@pytest.fixture
async def run(settings: Callable[..., SandboxSettings], routing: Routing) -> AsyncIterator[Callable[..., Any]]:
    """Starts a sandbox with the settings given; all are stopped after the test."""
    running: list[tuple[Sandbox, HttpServer]] = []
    async with httpx.AsyncClient(timeout=2) as client:

        async def start(**changes: Any) -> Other:
            sandbox = Sandbox(settings(**changes))
            server = HttpServer(sandbox, "127.0.0.1", 0, drain_seconds=1)
            await sandbox.start()
            await server.start()
            running.append((sandbox, server))
            return Other(client, f"http://127.0.0.1:{server.port}", routing)

        yield start
    for sandbox, server in running:
        await server.stop()
        await sandbox.stop()


@pytest.fixture
async def other(run: Callable[..., Any]) -> Other:
    made: Other = await run()
    return made
