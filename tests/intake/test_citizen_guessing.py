"""Trang tra cứu under attack and in trouble: no oracle, no guessing, and words for people whatever happens."""

import asyncio
import re
import statistics
import time
from pathlib import Path

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.intake.domain.citizen.look_up import WRONG_PER_ADDRESS, WRONG_PER_CODE
from tests.intake.citizen import CODE, PHONE_DIGITS, Page, Visitor, assert_guarded, forgive
from tests.intake.conftest import ACCEPTANCE, FrontDoor, opened, residence
from tests.intake.test_outages import CUT_ALL_CONNECTIONS
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest.fixture
def visitor(door: FrontDoor) -> Visitor:
    return Visitor(door)


async def test_wrong_digits_and_an_unknown_code_are_the_same_page(door: FrontDoor, visitor: Visitor) -> None:
    unknown = await visitor.looks_up(CODE, "9999")
    await door.submitted(residence(acceptance=ACCEPTANCE))
    wrong = await visitor.looks_up(CODE, "9999")
    await forgive(door)
    nothing = residence(applicant={"kind": "citizen", "full_name": "Nguyễn Văn Mẫu"}, contact={})
    await door.intake.spine.pool.execute("DELETE FROM dossier")
    await door.intake.spine.pool.execute("DELETE FROM number_range")
    await door.submitted({**nothing, "acceptance": ACCEPTANCE})
    incomparable = await visitor.looks_up(CODE, "9999")
    await door.intake.spine.pool.execute("UPDATE dossier SET sealed_form = 'a..b.c.d'")
    broken = await visitor.looks_up(CODE, "9999")
    answers = {
        (one.status_code, one.content, tuple(sorted(kept(one)))) for one in (unknown, wrong, incomparable, broken)
    }
    assert len(answers) == 1
    assert unknown.status_code == 404
    assert "9999" not in unknown.text
    assert "không khớp với hồ sơ nào" in Page(unknown.text).accessible().text


def kept(response: httpx.Response) -> set[tuple[str, str]]:
    return {(name, value) for name, value in response.headers.items() if name != "date"}


async def test_wrong_digits_and_an_unknown_code_take_the_same_time(door: FrontDoor, visitor: Visitor) -> None:
    await door.submitted(residence(acceptance=ACCEPTANCE, form={"long": "x" * 250_000}))
    times: dict[str, list[float]] = {CODE: [], "H26.15.01-260302-0999": []}
    for _ in range(6):
        await forgive(door)
        for code, taken in times.items():
            began = time.perf_counter()
            assert (await visitor.looks_up(code, "9999")).status_code == 404
            taken.append(time.perf_counter() - began)
    known, unknown = map(statistics.median, times.values())
    assert abs(known - unknown) < 0.15, times
    assert min(known, unknown) >= 0.29


async def test_a_code_is_guessed_five_times_however_many_at_once_and_at_however_many_processes(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    await door.submitted(residence(acceptance=ACCEPTANCE))
    visitors = (Visitor(door), Visitor(second_door)) * 10
    before = REGISTRY.get_sample_value("hub_look_ups_total", {"outcome": "limited"}) or 0
    answers = await asyncio.gather(*(one.looks_up(CODE, f"{9000 + number}") for number, one in enumerate(visitors)))
    assert sorted(one.status_code for one in answers) == [404] * WRONG_PER_CODE.most + [429] * 15
    assert REGISTRY.get_sample_value("hub_look_ups_total", {"outcome": "limited"}) == before + 15
    refused = await visitors[0].looks_up(CODE, PHONE_DIGITS)
    assert refused.status_code == 429, "the right digits would tell that they are right"
    assert 100 < int(refused.headers["retry-after"]) <= 181
    page = Page(refused.text).accessible()
    assert "Đã thử quá nhiều lần" in page.text
    assert re.search(r"thử lại sau [1-4] phút\.", page.text)
    assert_guarded(refused)
    unknown = [await visitors[0].looks_up("H26.15.01-260302-0999", "9999") for _ in range(6)]
    assert [one.status_code for one in unknown] == [404] * 5 + [429], "a code that nobody has is no different"

    await door.intake.spine.pool.execute("UPDATE wrong_try SET free_at = free_at - interval '3 minutes'")
    assert (await visitors[1].looks_up(CODE, PHONE_DIGITS)).status_code == 200
    for _ in range(8):
        assert (await visitors[1].looks_up(CODE, PHONE_DIGITS)).status_code == 200, "right digits are no try"


async def test_an_address_walks_through_no_more_codes_than_its_share(door: FrontDoor, visitor: Visitor) -> None:
    codes = [f"H26.15.01-260302-{number:04d}" for number in range(WRONG_PER_ADDRESS.most + 10)]
    answers = await asyncio.gather(*(visitor.looks_up(code, "9999") for code in codes))
    assert sorted(one.status_code for one in answers) == [404] * WRONG_PER_ADDRESS.most + [429] * 10
    others = await Visitor(door, forwarded="203.0.113.9").looks_up(CODE, "9999")
    assert others.status_code == 429, "without a proxy of ours the header is only somebody's word"


async def test_behind_a_proxy_the_address_it_saw_counts(door: FrontDoor, tmp_path: Path) -> None:
    async with opened(door.intake.settings.model_copy(update={"proxies_in_front": 1}), tmp_path) as behind:
        for number in range(WRONG_PER_ADDRESS.most):
            liar = Visitor(behind, forwarded=f"198.51.100.{number}, 203.0.113.9")
            await liar.looks_up("none", "9999")
        assert (await Visitor(behind, forwarded="203.0.113.9").looks_up("none", "9")).status_code == 429
        assert (await Visitor(behind, forwarded="203.0.113.8").looks_up("none", "9")).status_code == 400
        customer = [f"2001:db8:1:2::{number:x}" for number in range(WRONG_PER_ADDRESS.most)]
        for address in customer:
            await Visitor(behind, forwarded=address).looks_up("none", "9999")
        assert (await Visitor(behind, forwarded="2001:db8:1:2:ffff::1").looks_up("none", "9")).status_code == 429
        assert (await Visitor(behind, forwarded="2001:db8:1:3::1").looks_up("none", "9")).status_code == 400
        assert (await Visitor(behind, forwarded="garbage").looks_up("none", "9")).status_code == 400


async def test_paid_debts_are_forgotten_and_nothing_in_the_table_names_anybody(
    door: FrontDoor, visitor: Visitor
) -> None:
    for number in range(8):
        await visitor.looks_up(f"H26.15.01-260302-{number:04d}", "9999")
    pool = door.intake.spine.pool
    text = str(await pool.fetch("SELECT wrong_try::text, encode(key, 'escape') FROM wrong_try"))
    assert "127.0.0.1" not in text
    assert "260302" not in text
    await pool.execute("UPDATE wrong_try SET free_at = free_at - interval '2 hours'")
    await visitor.looks_up(CODE, "9999")
    assert await pool.fetchval("SELECT count(*) FROM wrong_try") == 2, "this code and this address"


async def test_refusals_of_the_whole_server_are_pages_here(door: FrontDoor) -> None:
    client = door.client
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = {
        404: await client.get("/tra-cuu/a/b"),
        405: await client.put("/tra-cuu"),
        413: await client.post("/tra-cuu", content=b"code=" + b"x" * 5000, headers=form),
        415: await client.post("/tra-cuu", json={"code": CODE}),
        422: await client.get("/tra-cuu/a%00b"),
        400: await client.post("/tra-cuu", content=b"\xff\xfe%ff&&&=&code=%F0%28", headers=form),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert_guarded(answer)
        Page(answer.text).accessible()
    chunked = await raw(door, b"Transfer-Encoding: chunked\r\n\r\n" + b"bb8\r\n" + b"x" * 3000)
    assert b" 413 " in chunked.split(b"\r\n")[0]
    assert "Nội dung gửi đến quá dài".encode() in chunked
    assert (await client.get("/tra-cuutra")).headers["content-type"] == "application/problem+json"


async def raw(door: FrontDoor, rest: bytes) -> bytes:
    """The answer to a POST whose last header and body, perhaps never finished, are given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rsplit(":", 1)[1]))
    writer.write(b"POST /tra-cuu HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n" + rest)
    answer = b""
    while b"</html>" not in answer:
        async with asyncio.timeout(5):
            piece = await reader.read(65_536)
        assert piece, answer
        answer += piece
    writer.close()
    return answer


async def test_a_bug_and_a_lost_database_are_told_calmly(
    door: FrontDoor, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.submitted(residence(acceptance=ACCEPTANCE))
    monkeypatch.setattr("services.intake.api.citizen.citizen_page.citizen_view", lambda *_: 1 / 0)
    bug = await visitor.looks_up(CODE, PHONE_DIGITS)
    assert bug.status_code == 500
    assert_guarded(bug)
    assert re.search("Mã sự cố: [0-9a-f-]{36}", Page(bug.text).accessible().text)
    monkeypatch.undo()

    outsider = await asyncpg.connect(door.intake.settings.database_url)
    name = await outsider.fetchval("SELECT current_database()")
    await outsider.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    await outsider.execute(CUT_ALL_CONNECTIONS)
    try:
        # A connection that is being cut may answer once more.
        gone = await until(lambda: visitor.looks_up(CODE, PHONE_DIGITS), lambda answer: answer.status_code != 200)
        assert (await door.client.get("/tra-cuu")).status_code == 200, "the form needs no database"
    finally:
        await outsider.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
        await outsider.close()
    assert gone.status_code == 503
    assert gone.headers["retry-after"]
    assert_guarded(gone)
    assert "Hồ sơ của ông/bà vẫn an toàn" in Page(gone.text).accessible().text


async def test_a_body_that_never_ends_is_let_go(door: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_web.routes.BODY_SECONDS", 0.3)
    answer = await raw(door, b"Content-Length: 50\r\n\r\ncode=")
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert "Đường truyền quá chậm".encode() in answer


@given(st.binary(max_size=2500), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_sent_a_page_comes_back(door: FrontDoor, body: bytes, as_fields: bool) -> None:
    await forgive(door)
    content = b"code=" + body[:1000] + b"&digits=" + body[1000:] if as_fields else body
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await door.client.post("/tra-cuu", content=content, headers=headers)
    assert answer.status_code in (400, 404, 413)
    assert_guarded(answer)
    Page(answer.text).accessible()
