from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from hub_web.app import make_app
from hub_web.credentials import open_to_all, requires
from hub_web.limits import takes_up_to
from hub_web.problems import NOT_FOUND, Problem
from hub_web.routes import IdempotencyKey, RawBody, Router, answer
from hub_web.tokens import ALL, Caller, Issuer, Verifier, create_issuer_key

Send = Callable[..., Any]


class Component(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=8)


class Submission(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    components: list[Component] = []


class Submitted(BaseModel):
    name: str
    key: str
    caller: str


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "issuer.json", tmp_path / "jwks.json"
    create_issuer_key(private, public)
    return private, public


@pytest.fixture
def issuer(keys: tuple[Path, Path]) -> Issuer:
    return Issuer(keys[0])


@pytest.fixture
def verifier(keys: tuple[Path, Path]) -> Verifier:
    return Verifier(keys[1])


@pytest.fixture
def token(issuer: Issuer) -> str:
    return issuer.issue("Phần mềm một cửa phường Ba Đình", "system", ["dossiers:submit"], ALL)


async def _unless_in_a_hurry(request: Request) -> None:
    if request.headers.get("x-hurry"):
        raise Problem(NOT_FOUND, "Chậm lại.")


@pytest.fixture
def router() -> Router:
    router = Router()

    @router.post("/v1/things", status_code=201)
    async def submit(
        submission: Submission, caller: Annotated[Caller, requires("dossiers:submit")], key: IdempotencyKey
    ) -> Submitted:
        if submission.name == "boom":
            raise RuntimeError(f"cannot keep {submission.components}")
        return Submitted(name=submission.name, key=key, caller=caller.subject)

    @router.get("/v1/things/{code}")
    async def show(
        code: str, _caller: Annotated[Caller, requires("dossiers:submit")], limit: int = 20
    ) -> dict[str, str | int]:
        return {"code": code, "limit": limit}

    @router.post("/v1/things/{code}/pictures")
    @takes_up_to(5_000)
    async def keep(body: RawBody, _caller: Annotated[Caller, requires("dossiers:submit")]) -> dict[str, int]:
        return {"kept": len(body)}

    @router.get("/v1/things/{code}/picture", response_class=Response)
    async def see(code: str, _caller: Annotated[Caller, requires("dossiers:submit")], size: int) -> Response:
        return Response(b"x" * size)

    @router.get("/things")
    async def look(request: Request, _open: Annotated[None, open_to_all(_unless_in_a_hurry)]) -> dict[str, str]:
        return {"for": "everybody"}

    @router.put("/v1/things/{code}", dependencies=[requires("dossiers:decide")])
    async def decide(code: str) -> Response:
        return answer(b'{"kept":true}', 202, {"Location": f"/v1/things/{len(code)}"})

    return router


@pytest.fixture
def app(router: Router, verifier: Verifier) -> FastAPI:
    return make_app("Things", "1", verifier, [router], max_body=2_000)


@pytest.fixture
async def client(app: FastAPI, token: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "k1"}
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client:
        yield client
