"""Nộp nhiều hồ sơ: a result for each line, resumable by key, and nothing twice or lost when a process is killed."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from hub_web import rates
from hub_web.problems import Problem
from services.intake.api.systems import bulk
from services.intake.settings import Settings
from tests.hosted import ROOT, free_port
from tests.intake.conftest import ACCEPTANCE, FrontDoor, opened, residence
from tests.stack import PostgresServer
from tests.waiting import until

pytestmark = pytest.mark.stack


def line(key: str | None = None, **changes: Any) -> bytes:
    return json.dumps({"key": key or str(uuid4()), "submission": residence(**changes)}).encode()


async def sent(
    door: FrontDoor, *lines: bytes, body: bytes | None = None, changed: dict[str, str] | None = None
) -> httpx.Response:
    content = b"\n".join(lines) if body is None else body
    headers = {"Authorization": door.bearer, "Content-Type": "application/x-ndjson", **(changed or {})}
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


async def test_a_number_of_any_length_in_a_form_is_taken_and_its_repeat_known(door: FrontDoor) -> None:
    lines = [line("tai-khoan", form={"so_tai_khoan": 123456789012345678901})]
    first, again = await results(door, *lines), await results(door, *lines)
    assert (first[0]["status"], again[0]) == (201, first[0])


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
        (await sent(door, body=b" \n"), 400, "malformed-json"),
        (await sent(door, *[b"{}"] * 1_001), 413, "too-many-lines"),
        (await sent(door, line(), changed={"Content-Type": "application/json"}), 415, "media-type-unsupported"),
        (await sent(door, line(), changed={"Authorization": "Bearer x"}), 401, "credential-invalid"),
        (
            await sent(door, line(), changed={"Authorization": door.token(scopes=["dossiers:read"])}),
            403,
            "scope-missing",
        ),
    ):
        answer = response.json()
        assert (response.status_code, answer.get("slug")) == (status, slug) or (
            slug == "malformed-json" and answer["results"][0]["problem"]["slug"] == slug
        )
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM dossier") == 0


async def test_a_body_above_the_limit_is_refused_before_it_is_sent(door: FrontDoor) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(door.url).port)
    head = f"POST /v1/dossiers/bulk HTTP/1.1\r\nHost: x\r\nContent-Length: {bulk.MOST_BYTES + 1}\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert f'"limit_bytes":{bulk.MOST_BYTES}'.encode() in answer
    writer.close()


async def test_others_are_served_while_a_thousand_lines_are_taken(door: FrontDoor) -> None:
    slowest = 0.0
    async with asyncio.TaskGroup() as group:
        many = group.create_task(sent(door, *[line(acceptance=ACCEPTANCE) for _ in range(1_000)]))
        await asyncio.sleep(0.1)
        while not many.done():
            began = asyncio.get_running_loop().time()
            await door.submitted(residence())
            slowest = max(slowest, asyncio.get_running_loop().time() - began)
    assert many.result().json()["taken"] == 1_000
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


async def test_a_process_killed_in_the_middle_and_the_file_sent_again_nothing_is_twice_or_lost(
    door: FrontDoor, tmp_path: Path
) -> None:
    pool = door.intake.spine.pool
    lines = [line(f"k-{number}", acceptance=ACCEPTANCE) for number in range(1_000)]
    for killed_after in (100, 500):
        async with web_process(door, tmp_path) as (process, url):
            sending = asyncio.create_task(_sent_to(url, door, lines))
            while await pool.fetchval("SELECT count(*) FROM dossier") < killed_after:
                await asyncio.sleep(0.005)
            process.kill()
            await process.wait()
            with pytest.raises(httpx.TransportError):
                await sending
        there = await pool.fetchval("SELECT count(*) FROM dossier")
        assert killed_after <= there < 1_000, "the process was killed in the middle"
    found = await results(door, *lines)
    assert {one["status"] for one in found} == {201}
    assert len({one["dossier_id"] for one in found}) == 1_000
    assert await pool.fetchval("SELECT count(*) FROM dossier") == 1_000
    assert await pool.fetchval("SELECT count(*) FROM register_line") == 1_000
    assert len(await door.outbox()) == 1_000
    followed = await door.get("/v1/changes?limit=200")
    seen = followed.json()["items"]
    while followed.json()["more"]:
        followed = await door.get(f"/v1/changes?limit=200&after={followed.json()['next_cursor']}")
        seen += followed.json()["items"]
    assert sorted(item["dossier_id"] for item in seen) == sorted(one["dossier_id"] for one in found)


async def _sent_to(url: str, door: FrontDoor, lines: list[bytes]) -> httpx.Response:
    headers = {"Authorization": door.bearer, "Content-Type": "application/x-ndjson"}
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        return await client.post("/v1/dossiers/bulk", content=b"\n".join(lines), headers=headers)


@asynccontextmanager
async def web_process(door: FrontDoor, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The role `web` as a process of its own, on the database of `door`."""
    known = door.intake.settings
    settings = {
        "ENVIRONMENT": known.environment, "DATABASE_URL": known.database_url, "KAFKA_SERVERS": known.kafka_servers,
        "HTTP_PORT": free_port(), "PROBE_PORT": free_port(), "JWKS_FILE": known.jwks_file,
        "CLOCK_FILE": known.clock_file, "SEALING_KEYS_FILE": known.sealing_keys_file,
        "DATA_FOLDER": known.data_folder,
    }  # fmt: skip
    with (folder / "web.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.intake.entrypoints.web", cwd=ROOT, stdout=log, stderr=log,
            env={**os.environ, **{f"INTAKE_{name}": str(value) for name, value in settings.items()}},
        )  # fmt: skip
    url = f"http://127.0.0.1:{settings['HTTP_PORT']}"
    try:
        await until(lambda: _answers(url), within=30)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/v1/desks")).status_code == 401
        except httpx.TransportError:
            return False


async def test_who_asks_too_often_is_told_when_to_come_again_and_others_are_served(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path
) -> None:
    (tmp_path / "limits.json").write_text('{"portal": 50}')
    own = {"caller_requests_per_second": 5, "caller_limits_file": tmp_path / "limits.json"}
    limited = settings(await postgres.database("intake")).model_copy(update=own)
    async with opened(limited, tmp_path) as door:
        answers = [await door.get("/v1/desks") for _ in range(20)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert [answer.status_code for answer in answers[:10]] == [200] * 10
        assert (refused.json()["slug"], refused.json()["fault"]) == ("too-many-requests", "sender")
        assert refused.headers["ratelimit-policy"] == '"caller";q=10;w=2'
        assert refused.headers["ratelimit"] == '"caller";r=0;t=1'
        portal = door.token(subject="portal")
        assert [(await door.get("/v1/desks", bearer=portal)).status_code for _ in range(20)] == [200] * 20
        other = door.token(subject="another desk")
        assert (await door.get("/v1/desks", bearer=other)).status_code == 200
        await asyncio.sleep(int(refused.headers["retry-after"]))
        assert (await door.get("/v1/desks")).status_code == 200
        key = str(uuid4())
        while (await door.post("/v1/dossiers", residence(), key=key)).status_code == 429:
            await asyncio.sleep(0.2)
        assert len(await door.outbox()) == 1


def test_a_bucket_fills_with_time_never_over_its_rim_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    bucket = rates.Rates(2, clock=lambda: now)

    def taken(subject: str = "a") -> int:
        for number in range(100):
            try:
                bucket.take(subject)
            except Problem:
                return number
        return 100

    assert taken() == 4
    now += 0.5
    assert taken() == 1
    now += 3600
    assert taken() == 4
    monkeypatch.setattr(rates, "KEPT_SUBJECTS", 2)
    assert [taken("b"), taken("c"), taken("a"), len(bucket._buckets)] == [4, 4, 4, 2]


async def test_another_issuer_is_trusted_by_its_keys_two_at_a_time(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path
) -> None:
    keys: list[OKPKey | ECKey] = [
        OKPKey.generate_key("Ed25519", {"kid": "old"}),
        ECKey.generate_key("P-256", {"kid": "next"}),
    ]
    issuer = "https://sso.example.vn"
    foreign = settings(await postgres.database("intake")).model_copy(update={"token_issuer": issuer})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False) for key in keys]}))
    claims = {
        "iss": issuer, "aud": "mot-cua-hub", "sub": "desk", "kind": "system", "scope": "openid dossiers:read",
        "area": ["H26.15.01"], "exp": int(time.time()) + 60,
    }  # fmt: skip

    def token(number: int, **changes: Any) -> str:
        algorithm = ("Ed25519", "ES256")[number]
        header = {"alg": algorithm, "kid": keys[number].kid}
        return "Bearer " + jwt.encode(header, {**claims, **changes}, keys[number], algorithms=[algorithm])

    async with opened(foreign, tmp_path) as door:
        for bearer, status in (
            (token(0), 200), (token(1), 200), (token(1, iss="mot-cua-hub/issuer"), 401), (token(0, aud="other"), 401),
            (token(0, scope="openid"), 403), (door.bearer, 401),
        ):  # fmt: skip
            assert (await door.get("/v1/dossiers", bearer=bearer)).status_code == status
