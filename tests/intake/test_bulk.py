"""Nộp nhiều hồ sơ: a result for each line, resumable by key, and nothing twice or lost when a process is killed."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.intake.api import bulk
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence

pytestmark = pytest.mark.stack


def line(key: str | None = None, **changes: Any) -> bytes:
    return json.dumps({"key": key or str(uuid4()), "submission": residence(**changes)}).encode()


async def sent(door: FrontDoor, *lines: bytes, body: bytes | None = None, **headers: str) -> httpx.Response:
    content = b"\n".join(lines) if body is None else body
    headers = {"Authorization": door.bearer, "Content-Type": "application/x-ndjson", **headers}
    return await door.client.post("/v1/dossiers/bulk", content=content, headers=headers, timeout=60)


async def results(door: FrontDoor, *lines: bytes) -> list[dict[str, Any]]:
    response = await sent(door, *lines)
    assert response.status_code == 200, response.text
    answer = response.json()
    found: list[dict[str, Any]] = answer["results"]
    assert [one["line"] for one in found] == list(range(1, len(lines) + 1))
    assert answer["taken"] == sum(one["problem"] is None for one in found)
    assert answer["taken"] + answer["not_taken"] == len(found)
    return found


async def test_a_thousand_lines_are_a_thousand_dossiers_in_order_and_a_few_transactions(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    lines = [line(f"k-{number}", acceptance=ACCEPTANCE) for number in range(1_000)]
    found = await results(door, *lines)
    assert {one["status"] for one in found} == {201}
    assert [one["dossier_code"] for one in found] == [f"H26.15.01-260302-{n:04d}" for n in range(1, 1_001)]
    assert [one["key"] for one in found] == [f"k-{number}" for number in range(1_000)]
    assert await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM dossier") <= 40
    assert await results(door, *lines) == found
    assert await pool.fetchval("SELECT count(*) FROM dossier") == 1_000
    assert len(await door.outbox()) == 1_000


async def test_a_bad_line_is_told_why_and_stops_no_other(door: FrontDoor) -> None:
    good = line("good", acceptance=ACCEPTANCE)
    submission = json.loads(line())["submission"]
    bad = {
        b"": (400, "malformed-json", None),
        b"   \r": (400, "malformed-json", None),
        b"{": (400, "malformed-json", None),
        b"[1, 2]": (422, "invalid-request", "line"),
        b"null": (422, "invalid-request", "line"),
        b'\xef\xbb\xbf{"key": "a"}': (400, "malformed-json", None),
        b'{"key": "a", "submission": {"request": "\xff\xfe"}}': (400, "malformed-json", None),
        b'{"key": "a", "key": "b", "submission": {}}': (400, "malformed-json", None),
        line("a").replace(b'"channel": "counter"', b'"channel": "counter", "channel": "post"'):
            (400, "malformed-json", None),
        line("a").replace(b"H26.15.01", b"H26\\ud800"): (422, "invalid-request", None),
        b'{"key": "a", "submission": {"form": {"a": NaN}}}': (400, "malformed-json", None),
        b'{"submission": {}}': (422, "invalid-request", "line.key"),
        b'{"key": "\xc4\x91", "submission": {}}': (422, "invalid-request", "line.key"),
        b'{"key": "' + b"k" * 129 + b'", "submission": {}}': (422, "invalid-request", "line.key"),
        json.dumps({"key": "a", "submission": submission, "more": 1}).encode(): (422, "invalid-request", "line.more"),
        line("a", channel="fax"): (422, "invalid-request", "line.submission.channel"),
        line("a", applicant={"kind": "citizen", "full_name": "N" * 100_000}):
            (422, "invalid-request", "line.submission.applicant.full_name"),
        line("a", desk_code="H99.99.99"): (422, "desk-unknown", None),
        line("a", procedure_code="9.999999"): (422, "procedure-unknown", None),
        line("a", received_at="2031-01-01T00:00:00Z"): (422, "received-at-not-believable", None),
        line("a", form={"text": "x" * 1_100_000}): (413, "body-too-large", None),
    }  # fmt: skip
    lines = [piece for one in bad for piece in (one, line(acceptance=ACCEPTANCE))]
    found = await results(door, *lines, good)
    for one, (status, slug, field) in zip(found[::2], bad.values(), strict=False):
        problem = one["problem"]
        assert (one["status"], problem["status"], one["dossier_id"]) == (status, status, None), problem
        assert problem["slug"] == slug, problem
        if field:
            assert field in [error["field"] for error in problem["errors"]], problem
        assert problem["next_step"]
    assert {one["status"] for one in found[1::2]} == {201}
    assert found[-1]["dossier_code"]
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM dossier") == len(bad) + 1


async def test_long_lines_that_are_right_are_taken(door: FrontDoor) -> None:
    (one,) = await results(door, line(form={"text": "a" * 100_000}))
    assert one["status"] == 201


async def test_a_key_is_one_dossier_whatever_its_spaces_and_another_one_only_with_another_key(
    door: FrontDoor,
) -> None:
    first = line("same", acceptance=ACCEPTANCE)
    spaced = json.dumps(dict(reversed(json.loads(first).items())), indent=None, separators=(" , ", " : ")).encode()
    other = line("same", channel="post")
    once, again, changed, mended = await results(door, first, spaced, other, line("else", channel="post"))
    assert (once["dossier_id"], once["status"]) == (again["dossier_id"], again["status"])
    assert (changed["status"], changed["problem"]["slug"]) == (422, "idempotency-key-reused")
    assert mended["status"] == 201
    (later,) = await results(door, spaced)
    assert later["dossier_id"] == once["dossier_id"]
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM dossier") == 2


async def test_a_key_belongs_to_its_caller_and_is_none_of_a_single_submission(door: FrontDoor) -> None:
    (one,) = await results(door, line("mine"))
    alone = await door.post("/v1/dossiers", residence(), key="mine")
    door.bearer = door.token(subject="another")
    (other,) = await results(door, line("mine"))
    assert len({one["dossier_id"], alone.json()["dossier_id"], other["dossier_id"]}) == 3


async def test_outside_the_area_a_line_is_told_that_there_is_no_such_desk(door: FrontDoor) -> None:
    door.bearer = door.token(area=["H26.15.02"])
    here, there = await results(door, line(desk_code="H26.15.01"), line(desk_code="H26.15.02"))
    assert (here["status"], here["problem"]["slug"], there["status"]) == (404, "not-found", 201)


async def test_a_request_that_is_no_list_of_lines_is_refused_as_a_whole(door: FrontDoor) -> None:
    for response, status, slug in (
        (await sent(door, body=b""), 400, "no-lines"),
        (await sent(door, body=b" \n"), 413 if False else 400, "malformed-json"),
        (await sent(door, *[b"{}"] * 1_001), 413, "too-many-lines"),
        (await sent(door, body=b"x" * (bulk.MOST_BYTES + 1)), 413, "body-too-large"),
        (await sent(door, line(), **{"Content-Type": "application/json"}), 415, "media-type-unsupported"),
        (await sent(door, line(), Authorization="Bearer x"), 401, "credential-invalid"),
        (await sent(door, line(), Authorization=door.token(scopes=["dossiers:read"])), 403, "scope-missing"),
    ):
        answer = response.json()
        assert (response.status_code, answer.get("slug")) == (status, slug) or (
            slug == "malformed-json" and answer["results"][0]["problem"]["slug"] == slug
        )
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM dossier") == 0


async def test_others_are_served_while_a_thousand_lines_are_taken(door: FrontDoor) -> None:
    many = asyncio.create_task(sent(door, *[line(acceptance=ACCEPTANCE) for _ in range(1_000)]))
    await asyncio.sleep(0.1)
    slowest = 0.0
    while not many.done():
        began = asyncio.get_running_loop().time()
        await door.submitted(residence())
        slowest = max(slowest, asyncio.get_running_loop().time() - began)
    assert (await many).json()["taken"] == 1_000
    assert slowest < 2


async def test_personal_data_is_in_no_result(door: FrontDoor) -> None:
    name = "Trần Thị Chim Hoàng Yến"
    response = await sent(
        door,
        line(applicant={"kind": "citizen", "full_name": name}),
        line(applicant={"kind": "citizen", "full_name": name, "personal_id": "không phải số"}),
        line(applicant={"kind": "citizen", "full_name": name}, channel=name),
        json.dumps({"key": "a", "submission": {}, name: 1}).encode(),
    )
    assert response.json()["taken"] == 1
    assert "Chim" not in response.text
    assert "không phải số" not in response.text
