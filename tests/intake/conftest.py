"""Intake as its callers meet it: real PostgreSQL, real sockets, a clock that tests move."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub_messaging.clock import set_business_time
from hub_messaging.database import Pool, open_pool
from hub_web.server import HttpServer
from hub_web.tokens import ALL, SCOPES, All, Issuer, create_issuer_key
from services.intake.bootstrap import Service, build
from services.intake.settings import Settings
from tests.hosted import new_key
from tests.intake.filing import Desk
from tests.stack import PostgresServer

DATA = Path(__file__).parent / "data"
MONDAY_MORNING = datetime.fromisoformat("2026-03-02T08:00:00+07:00")


@dataclass
class FrontDoor:
    """A desk's system in front of a running intake. Each POST has its own key unless one is given."""

    intake: Service
    url: str
    issuer: Issuer
    clock_file: Path
    client: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.bearer = self.token()

    def token(self, scopes: Iterable[str] = SCOPES, area: Iterable[str] | All = ALL, subject: str = "desk") -> str:
        return "Bearer " + self.issuer.issue(subject, "system", scopes, area)

    def set_time(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        set_business_time(self.clock_file, moment)
        self.intake.spine.clock._next_look = 0.0  # the file is looked at every 0.2 s; a test doesn't wait
        return moment

    async def post(self, path: str, body: Any, *, key: str | None = None, bearer: str | None = None) -> httpx.Response:
        headers = {"Authorization": bearer or self.bearer, "Idempotency-Key": key or str(uuid4())}
        return await self.client.post(path, json=body, headers=headers)

    async def get(self, path: str, *, bearer: str | None = None) -> httpx.Response:
        return await self.client.get(path, headers={"Authorization": bearer or self.bearer})

    async def submitted(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a submission that is taken."""
        response = await self.post("/v1/dossiers", body)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def decided(self, dossier_id: str, action: str, **body: Any) -> dict[str, Any]:
        """The answer to a decision that is taken."""
        response = await self.post(f"/v1/dossiers/{dossier_id}/{action}", {"officer": "cb-01", **body})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def outbox(self, dossier_id: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        """(type, body) of every published event, in order; of one dossier or all."""
        rows = await self.intake.spine.pool.fetch("SELECT type, key, body FROM outbox ORDER BY seq")
        return [(row["type"], json.loads(row["body"])) for row in rows if dossier_id in (None, row["key"])]


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], Settings]:
    create_issuer_key(tmp_path / "issuer.json", tmp_path / "jwks.json")
    (tmp_path / "sealing.json").write_text(
        json.dumps({purpose: [new_key(f"{purpose}-1")] for purpose in ("contact", "form")})
    )
    set_business_time(tmp_path / "clock.json", MONDAY_MORNING)
    return lambda url: Settings(
        environment="test",
        database_url=url,
        kafka_servers="127.0.0.1:1",
        http_port=1,
        probe_port=1,
        clock_file=tmp_path / "clock.json",
        jwks_file=tmp_path / "jwks.json",
        sealing_keys_file=tmp_path / "sealing.json",
        data_folder=DATA,
        files_url=(tmp_path / "files").as_uri(),
    )


@asynccontextmanager
async def opened(settings: Settings, folder: Path) -> AsyncIterator[FrontDoor]:
    """A running intake; several may share one database."""
    intake = build(settings)
    await intake.spine.open()
    server = HttpServer(intake.app(), "127.0.0.1", 0)
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield FrontDoor(intake, url, Issuer(folder / "issuer.json"), folder / "clock.json", client)
    await server.stop()
    await intake.spine.close()


@pytest.fixture
async def door(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path
) -> AsyncIterator[FrontDoor]:
    """Intake on its own database, at 08:00 on Monday 02/03/2026."""
    async with opened(settings(await postgres.database("intake")), tmp_path) as door:
        yield door


@pytest.fixture
async def second_door(door: FrontDoor, tmp_path: Path) -> AsyncIterator[FrontDoor]:
    """Another process's worth of intake on the database of `door`."""
    async with opened(door.intake.settings, tmp_path) as second:
        yield second


@pytest.fixture
async def pool(postgres: PostgresServer) -> AsyncIterator[Pool]:
    """Intake's database, without intake."""
    pool = await open_pool(await postgres.database("intake"), 3)
    yield pool
    await pool.close()


@pytest.fixture
async def desk(door: FrontDoor) -> Desk:
    """A system that hands in files of one dossier."""
    return Desk(door, (await door.submitted(residence()))["dossier_id"])


def residence(**changes: Any) -> dict[str, Any]:
    """A complete submission for permanent residence, 7 working days, by an invented person."""
    return {
        "procedure_code": "1.004222",
        "desk_code": "H26.15.01",
        "channel": "counter",
        "applicant": {"kind": "citizen", "full_name": "Nguyễn Văn Mẫu", "personal_id": "001090000001"},
        "contact": {"phone": "0912 345 678"},
        "request": "Đăng ký thường trú tại nhà mới",
        "components": [{"code": "to-khai", "originals": 1}, {"code": "cho-o", "copies": 1}],
        **changes,
    }


def birth(**changes: Any) -> dict[str, Any]:
    """A complete birth registration: same day; after 15:00 the next working day."""
    return residence(procedure_code="1.001193", components=[{"code": "to-khai", "originals": 1}], **changes)


ACCEPTANCE = {"officer": "cb-01"}
