from collections.abc import MutableMapping
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from hub_web.app import make_app
from hub_web.credentials import requires, signed_by, unprotected_routes
from hub_web.routes import Router
from hub_web.signatures import sign
from hub_web.tokens import ALL, Caller, Issuer, Verifier

SECRET = "whsec_" + "A" * 43 + "="


async def test_a_good_request_reaches_its_handler(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things", json={"name": "Đơn"})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert answer.json() == {"name": "Đơn", "key": "k1", "caller": "Phần mềm một cửa phường Ba Đình"}
    assert (await client.get("/v1/things/a?limit=3")).json() == {"code": "a", "limit": 3}
    assert (await client.get("/v1/things/a?limit=x")).json()["errors"][0]["field"] == "query.limit"


async def test_a_filter_that_would_be_passed_over_is_refused(client: httpx.AsyncClient) -> None:
    """Misspelt or given twice, it would answer another question than was asked."""
    for sent, found in [
        ("limt=3", ("query.limt", "extra_forbidden")),
        ("limit=3&limit=4", ("query.limit", "repeated")),
        ("limit=3&Nguy%E1%BB%85n%20V%C4%83n%20A=1", ("query.?", "extra_forbidden")),
    ]:
        answer = await client.get(f"/v1/things/a?{sent}")
        assert answer.status_code == 422
        assert [(error["field"], error["rule"]) for error in answer.json()["errors"]] == [found]


async def test_what_is_opened_by_a_link_takes_what_apps_add_to_it(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/things/a/picture?size=2&utm_source=zalo")).content == b"xx"
    assert (await client.get("/v1/things/a/picture?size=2&size=3")).status_code == 422


async def test_without_a_good_token_nothing_is_looked_at(client: httpx.AsyncClient) -> None:
    for sent, error in [("", "invalid_token"), ("Basic x", "invalid_token"), ("Bearer nonsense", "invalid_token")]:
        answer = await client.post("/v1/things", content=b"{", headers={"Authorization": sent})
        assert (answer.status_code, answer.json()["slug"]) == (401, "credential-invalid")
        assert error in answer.headers["www-authenticate"]
    del client.headers["Authorization"]
    answer = await client.post("/v1/things", content=b"{")
    assert (answer.status_code, answer.json()["slug"]) == (401, "credential-missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_without_the_scope_is_told_which_one(client: httpx.AsyncClient, issuer: Issuer) -> None:
    answer = await client.put("/v1/things/abc")
    assert (answer.status_code, answer.json()["scope"]) == (403, "dossiers:decide")
    token = issuer.issue("a", "officer", ["dossiers:decide"], ALL)
    answer = await client.put("/v1/things/abc", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.content, answer.headers["location"]) == (202, b'{"kept":true}', "/v1/things/3")


async def test_the_document_shows_models_credentials_and_problems(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json", headers={"Authorization": ""})).json()
    assert document["openapi"].startswith("3.1")
    submit = document["paths"]["/v1/things"]["post"]
    assert submit["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Submission"}
    assert submit["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/Submitted")
    assert submit["security"] == [{"bearer": ["dossiers:submit"]}]
    assert [parameter["name"] for parameter in submit["parameters"]] == ["Idempotency-Key"]
    assert set(submit["responses"]) == {"201", "default"}
    assert "malformed-json" in document["components"]["schemas"]["Problem"]["properties"]["slug"]["enum"]
    assert (await client.get("/docs/events")).status_code == 404


async def test_a_route_may_take_larger_bodies_than_the_others(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things/a/pictures", content=b"x" * 5_000)
    assert answer.json() == {"kept": 5_000}
    assert (await client.post("/v1/things/a/pictures", content=b"x" * 5_001)).json()["limit_bytes"] == 5_000
    assert (await client.post("/v1/things", content=b"x" * 2_001)).json()["limit_bytes"] == 2_000


async def test_a_page_for_citizens_is_open_and_guarded(client: httpx.AsyncClient) -> None:
    del client.headers["Authorization"]
    assert (await client.get("/things")).json() == {"for": "everybody"}
    assert (await client.get("/things", headers={"x-hurry": "1"})).status_code == 404
    assert (await client.get("/openapi.json")).json()["paths"]["/things"]["get"]["security"] == [{}]


def test_an_open_or_foreign_route_stops_the_start(verifier: Verifier, app: FastAPI) -> None:
    router = Router()

    @router.get("/v1/open")
    async def open_to_all() -> dict[str, str]:
        return {}

    with pytest.raises(TypeError, match="GET /v1/open"):
        make_app("x", "1", verifier, [router])
    foreign = APIRouter()
    foreign.get("/v1/foreign", dependencies=[requires("operations")])(open_to_all)
    with pytest.raises(TypeError, match="hub_web"):
        make_app("x", "1", verifier, [foreign])  # type: ignore[list-item]
    assert unprotected_routes(app) == []


def test_a_route_that_asks_for_more_than_it_may_is_refused_when_declared() -> None:
    router = Router()

    async def nested(_request: Request, _deeper: Annotated[str, requires("operations")]) -> str:
        return ""

    async def two_bodies(one: dict[str, str], other: dict[str, str]) -> None: ...
    async def optional_body(one: dict[str, str] | None = None) -> None: ...
    async def deep(_value: Annotated[str, Depends(nested)]) -> None: ...
    def not_async() -> None: ...

    for route in (two_bodies, optional_body, deep, not_async):
        with pytest.raises(TypeError, match="/v1/x"):
            router.post("/v1/x")(route)
    with pytest.raises(ValueError, match="unknown scope"):
        requires("dossiers:everything")


async def test_a_callback_needs_the_partys_signature(verifier: Verifier) -> None:
    router = Router()

    async def secrets_of(request: Request) -> list[str]:
        return [SECRET] if request.path_params["agency"] == "G01" else []

    @router.post("/v1/callbacks/{agency}", status_code=204)
    async def take(agency: str, message: dict[str, str], webhook_id: Annotated[str, signed_by(secrets_of)]) -> None:
        assert (agency, message, webhook_id) == ("G01", {"type": "completed"}, "m-1")

    app = make_app("x", "1", verifier, [router])
    body = b'{"type":"completed"}'
    headers = {**sign("m-1", body, SECRET), "content-type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        taken = await client.post("/v1/callbacks/G01", content=body, headers=headers)
        assert (taken.status_code, taken.content) == (204, b"")
        for path, content in [("/v1/callbacks/G01", body + b" "), ("/v1/callbacks/G02", body)]:
            answer = await client.post(path, content=content, headers=headers)
            assert (answer.status_code, answer.json()["slug"]) == (401, "signature-invalid")
    assert app.openapi()["paths"]["/v1/callbacks/{agency}"]["post"]["security"] == [{"signature": []}]


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    st.binary(max_size=30),
    st.lists(
        st.tuples(
            st.sampled_from(["authorization", "content-type", "content-length", "idempotency-key", "x-other"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
        ),
        max_size=5,
    ),
    st.binary(max_size=200),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_request_however_strange_is_an_incident(
    app: FastAPI, token: str, method: str, path: bytes, headers: list[tuple[str, str]], body: bytes
) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http", "method": method, "path": "/v1/things/" + path.decode("latin-1"), "query_string": path,
        "headers": [*sent, (b"authorization", b"Bearer " + token.encode())], "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    assert len(statuses) == 1
    assert statuses[0] < 500


async def test_the_area_is_part_of_the_caller(issuer: Issuer, verifier: Verifier) -> None:
    caller: Caller = verifier.caller(issuer.issue("a", "officer", ["dossiers:read"], ["H26.01"]))
    assert caller.covers("H26.01")


async def test_an_outage_of_the_database_is_answered_503_with_retry_after(verifier: Verifier, token: str) -> None:
    class DatabaseAway(Exception):
        pass

    router = Router()

    @router.get("/v1/things")
    async def things(_caller: Annotated[Caller, requires("dossiers:submit")]) -> None:
        raise DatabaseAway("password=secret")

    app = make_app("Thử", "1", verifier, [router], outages=[DatabaseAway])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        found = await client.get("/v1/things", headers={"Authorization": f"Bearer {token}"})
    assert (found.status_code, found.json()["slug"], found.headers["retry-after"]) == (503, "unavailable", "2")
    assert "secret" not in found.text
