from collections.abc import AsyncIterator
from typing import Annotated, Literal

import httpx
import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from structlog.testing import capture_logs

from hub_web.problems import MALFORMED_JSON, declared_problems, from_validation, problem_type

CANARY = "Nguyễn Thị Chim Hoàng Yến"


async def refused(client: httpx.AsyncClient, status: int, slug: str, **request: object) -> dict[str, object]:
    answer = await client.request(**{"method": "POST", "url": "/v1/things", **request})  # type: ignore[arg-type]
    body: dict[str, object] = answer.json()
    assert (answer.status_code, body["slug"], body["status"]) == (status, slug, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:mot-cua-hub:problem:{slug}"
    assert CANARY not in answer.text
    return body


async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(client: httpx.AsyncClient) -> None:
    sent = {"name": 7, "components": [{"code": CANARY}], "extra": CANARY}
    body = await refused(client, 422, "invalid-request", json=sent)
    fields = {error["field"]: error["rule"] for error in body["errors"]}  # type: ignore[attr-defined]
    assert fields == {
        "body.name": "string_type",
        "body.components[0].code": "string_too_long",
        "body.extra": "extra_forbidden",
    }
    assert body["fault"] == "sender"
    assert body["next_step"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"name":"a","name":"b"}',
        b'{"name":"a","components":[{"code":"1","code":"2"}]}',
        b'{"name":NaN}',
        b'{"name":-Infinity}',
        b'{"name":1e999}',
        b'{"name":"\xff"}',
        b'\xef\xbb\xbf{"name":"a"}',
        '{"name":"a"}'.encode("utf-16"),
        b'{"name":"\\ud800"}',
        b'{"name":"a\\u0000b"}',
        b'{"name":' + b"[" * 1900,
        b'{"name":' + b"9" * 1900 + b"}" * 0,
        b'{"name":"a"} trailing',
    ],
)
async def test_json_that_two_readers_could_read_differently_is_refused(
    client: httpx.AsyncClient, content: bytes
) -> None:
    await refused(client, 400, "malformed-json", content=content)


async def test_an_escaped_backslash_before_u0000_is_just_text(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things", content=b'{"name":"\\\\u0000"}')
    assert answer.json()["name"] == "\\u0000"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/json; charset=x, text/html"][:3])
async def test_another_media_type_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    await refused(client, 415, "media-type-unsupported", content=b"{}", headers={"Content-Type": kind})


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    await refused(client, 415, "media-type-unsupported", content=b"x", headers={"Content-Encoding": "gzip"})


async def test_a_body_above_the_limit_is_refused_whether_announced_or_streamed(client: httpx.AsyncClient) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100

    await refused(client, 413, "body-too-large", content=b" " * 3000)
    await refused(client, 413, "body-too-large", content=stream())


async def test_unknown_addresses_and_methods_are_told_apart(client: httpx.AsyncClient) -> None:
    await refused(client, 404, "not-found", url="/v1/nothing")
    await refused(client, 405, "method-not-allowed", url="/v1/things/1", method="DELETE")


async def test_a_missing_idempotency_key_is_a_400_and_a_strange_one_a_422(client: httpx.AsyncClient) -> None:
    del client.headers["Idempotency-Key"]
    await refused(client, 400, "idempotency-key-missing", json={"name": "a"})
    await refused(client, 422, "invalid-request", json={"name": "a"}, headers={"Idempotency-Key": "a" * 129})
    await refused(client, 422, "invalid-request", json={"name": "a"}, headers={"Idempotency-Key": "a b"})


async def test_nul_in_an_address_is_refused(client: httpx.AsyncClient) -> None:
    await refused(client, 422, "invalid-request", method="GET", url="/v1/things/a%00b")
    await refused(client, 422, "invalid-request", method="GET", url="/v1/things/a?limit=%00")


async def test_an_unexpected_error_is_an_incident_without_any_payload(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        body = await refused(client, 500, "internal", json={"name": "boom", "components": [{"code": CANARY[:8]}]})
    assert body["fault"] == "hub"
    assert [entry["incident"] for entry in logs] == [body["incident"]]
    assert logs[0]["route"] == "POST /v1/things"
    assert logs[0]["error"] == "RuntimeError"
    assert CANARY[:8] not in str(logs)
    assert "submit" in str(logs[0]["frames"])


def test_a_slug_means_one_thing() -> None:
    same = problem_type("malformed-json", 400, MALFORMED_JSON.title)
    assert same == MALFORMED_JSON
    with pytest.raises(ValueError, match="already means"):
        problem_type("malformed-json", 422, "Khác")
    with pytest.raises(ValueError, match="no problem type"):
        problem_type("Not A Slug", 400, "Khác")
    assert MALFORMED_JSON in declared_problems()


def test_a_kind_that_is_not_known_is_not_repeated() -> None:
    class Cat(BaseModel):
        type: Literal["cat"]

    class Dog(BaseModel):
        type: Literal["dog"]

    with pytest.raises(ValidationError) as wrong:
        TypeAdapter(Annotated[Cat | Dog, Field(discriminator="type")]).validate_python({"type": "Nguyễn Văn Mẫu"})
    assert "Mẫu" not in from_validation(wrong.value, "body").body().decode()
