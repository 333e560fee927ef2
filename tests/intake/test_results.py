"""Kết quả chờ trả: what a desk hands out, also for dossiers of other desks; both sign when it travels."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hub_messaging.sealing import SealingKeys
from hub_worktime import VIETNAM, load_calendar
from services.intake.domain.citizen.promise_words import working_days_late
from services.intake.domain.desk.results import uncollected_since
from services.intake.store.desk.results import STATEMENTS
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.test_life import done, refused, steps
from tests.intake.test_lists import completed
from tests.intake.test_old_dossiers import book, entered, line
from tests.intake.test_timeline import record, told

HERE, THERE, NOWHERE = "H26.15.01", "H26.15.02", "H99.99.99"
CALENDAR = load_calendar()


async def accepted(door: FrontDoor, *, wanted: str | None = None, **changes: Any) -> str:
    wish = {} if wanted is None else {"result": {"how": "desk", "desk_code": wanted}}
    return str((await door.submitted(residence(acceptance=ACCEPTANCE, **wish, **changes)))["dossier_id"])


async def ready(door: FrontDoor, *, wanted: str | None = None, **changes: Any) -> str:
    id = await accepted(door, wanted=wanted, **changes)
    await door.decided(id, "result-ready")
    return id


async def listed(door: FrontDoor, desk: str, query: str = "", **more: Any) -> list[dict[str, Any]]:
    answer = await door.get(f"/v1/desks/{desk}/results?{query}", **more)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def ids(door: FrontDoor, desk: str, where: str = "here", more: str = "") -> list[str]:
    return [one["dossier_id"] for one in await listed(door, desk, f"where={where}{more}")]


async def sending(door: FrontDoor, *dossiers: str, to: str = THERE) -> str:
    body = {"officer": "cb-01", "desk_code": HERE, "agency_code": to, "dossiers": dossiers, "carries": "results"}
    answer = await door.post("/v1/hand-over-lists", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["carries"] == "results"
    return str(answer.json()["id"])


async def sign(door: FrontDoor, made: str, side: str, **more: Any) -> Any:
    return await door.post(f"/v1/hand-over-lists/{made}/sign", {"officer": f"o-{side}", "side": side}, **more)


@pytest.mark.stack
async def test_a_result_wanted_elsewhere_is_sent_signed_for_and_handed_out_there(door: FrontDoor) -> None:
    own, travels = await ready(door), await ready(door, wanted=THERE)
    assert (await ids(door, HERE), await ids(door, HERE, "to-send")) == ([own], [travels])
    assert (await ids(door, THERE), await ids(door, THERE, "coming")) == ([], [travels])
    there = door.token(area=[THERE])
    body = {**ACCEPTANCE, "collected_by": "applicant"}
    path = f"/v1/dossiers/{travels}/return-result"
    early = await door.post(path, body, bearer=there)
    assert (early.status_code, early.json()["slug"], early.json()["desk_code"]) == (409, "result-elsewhere", HERE)
    assert (await door.post(path, body, bearer=door.token(area=[NOWHERE]))).status_code == 404
    unfinished = await accepted(door, wanted=THERE)
    early = await door.post(f"/v1/dossiers/{unfinished}/return-result", body, bearer=there)
    assert early.status_code == 404, "nothing of it is theirs before there is a result"

    made = await sending(door, travels)
    door.set_time("2026-03-02T10:00:00+07:00")
    assert (await sign(door, made, "desk")).status_code == 200
    assert await refused(door, travels, "return-result", collected_by="applicant") == (409, "result-under-way")
    assert (await door.post(path, body, bearer=there)).json()["slug"] == "result-under-way"
    assert await ids(door, HERE, "to-send") == []
    (coming,) = await listed(door, THERE, "where=coming")
    assert (coming["sent_at"][:19], coming["received_by"]) == ("2026-03-02T10:00:00", HERE)
    door.set_time("2026-03-02T14:00:00+07:00")
    assert (await sign(door, made, "agency", bearer=there)).json()["open"] is False
    (waits,) = await listed(door, THERE, bearer=there)
    assert (waits["dossier_id"], waits["since"][:19], waits["how"]) == (travels, "2026-03-02T14:00:00", "desk")
    assert waits["procedure_name"]
    assert (await ids(door, THERE, "coming"), await ids(door, HERE)) == ([], [own])

    here = await door.post(f"/v1/dossiers/{travels}/return-result", body, bearer=door.token(area=[HERE]))
    assert (here.status_code, here.json()["slug"], here.json()["desk_code"]) == (409, "result-elsewhere", THERE)
    back = await door.post(f"/v1/dossiers/{travels}/return-result", body, bearer=there)
    assert (back.status_code, back.json()["phase"]) == (200, "returned")
    assert await ids(door, THERE) == []
    event = dict(await door.outbox(travels))["dossier.result_returned.v1"]
    assert event["desk"]["code"] == THERE, "the timeline and the citizen read who handed it over"
    assert [text for text, _ in await steps(door, travels)][2:] == [
        "Kết quả được chuyển đến Bộ phận Một cửa mà người nộp chọn.",
        "Kết quả đã đến Bộ phận Một cửa mà người nộp chọn.",
        "Đã trả kết quả cho người nộp.",
    ]


@pytest.mark.stack
async def test_what_the_agency_finished_is_in_the_list_too_and_what_is_closed_is_not(door: FrontDoor) -> None:
    by_agency, by_desk, returned, open_one = [await accepted(door) for _ in range(4)]
    await told(door, record(done(), by_agency))
    await door.decided(by_desk, "result-ready")
    await door.decided(by_desk, "fees", purpose="le-phi", amount=8000)
    await door.decided(returned, "result-ready")
    await door.decided(returned, "return-result", collected_by="applicant")
    found = {one["dossier_id"]: one for one in await listed(door, HERE)}
    assert found.keys() == {by_agency, by_desk}
    assert (found[by_desk]["fees_due"], found[by_agency]["fees_due"], found[by_agency]["how"]) == (8000, 0, None)
    assert "Nguyễn Văn Mẫu" not in str(found)
    assert open_one not in found


@pytest.mark.stack
async def test_only_what_is_there_and_wanted_there_is_sent(door: FrontDoor) -> None:
    own, unfinished, by_post = (
        await ready(door),
        await accepted(door, wanted=THERE),
        await ready(door, result={"how": "post", "address": "1 Phố Mẫu"}),
    )
    same = await ready(door, wanted=HERE)
    for id in (own, unfinished, by_post, same):
        body = {"officer": "cb-01", "desk_code": HERE, "agency_code": THERE, "dossiers": [id], "carries": "results"}
        answer = await door.post("/v1/hand-over-lists", body)
        assert (answer.status_code, answer.json()["slug"]) == (422, "not-to-hand-over"), id
    assert set(await ids(door, HERE)) == {own, by_post, same}


@pytest.mark.stack
async def test_what_was_handed_out_meanwhile_falls_off_the_list(door: FrontDoor) -> None:
    gone, stays = await ready(door, wanted=THERE), await ready(door, wanted=THERE)
    made, alone = await sending(door, gone, stays), await sending(door, gone)
    await door.decided(gone, "return-result", collected_by="applicant")
    assert (await sign(door, made, "desk")).json()["dossiers"] == [stays]
    empty = await sign(door, alone, "desk")
    assert (empty.status_code, empty.json()["slug"]) == (422, "not-to-hand-over")
    assert (await sign(door, made, "agency")).status_code == 200
    assert await ids(door, THERE) == [stays]


@pytest.mark.stack
async def test_of_two_lists_with_one_result_one_takes_it(door: FrontDoor, second_door: FrontDoor) -> None:
    id = await ready(door, wanted=THERE)
    lists = [await sending(door, id), await sending(door, id)]
    answers = await asyncio.gather(
        *(sign(one, made, "desk") for one, made in zip((door, second_door), lists, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert [step for step, _ in await steps(door, id)].count(
        "Kết quả được chuyển đến Bộ phận Một cửa mà người nộp chọn."
    ) == 1


@pytest.mark.stack
async def test_who_receives_may_sign_first_and_a_repeated_signature_says_nothing_new(door: FrontDoor) -> None:
    id = await ready(door, wanted=THERE)
    made = await sending(door, id)
    first, again = [await sign(door, made, "agency", key="k-1") for _ in range(2)]
    assert (first.status_code, again.json()) == (200, first.json())
    assert await ids(door, THERE) == [id]
    assert (await sign(door, made, "desk")).json()["dossiers"] == [id]
    life = (await door.get(f"/v1/dossiers/{id}")).json()["life"]
    assert life["result_sent_at"] == life["result_arrived_at"]
    assert len([step for step, _ in await steps(door, id) if "Một cửa mà người nộp chọn" in step]) == 1


@pytest.mark.stack
async def test_the_other_desk_takes_the_payment_that_is_still_open(door: FrontDoor) -> None:
    id = await ready(door, wanted=THERE)
    await door.decided(id, "fees", purpose="le-phi", amount=8000)
    made = await sending(door, id)
    there, path = door.token(area=[THERE]), f"/v1/dossiers/{id}/fees/1/payment"
    paid = {**ACCEPTANCE, "reference": "TT-1", "by": "cash"}
    assert (await door.post(path, paid, bearer=there)).status_code == 404
    await sign(door, made, "desk")
    await sign(door, made, "agency")
    assert (await listed(door, THERE))[0]["fees_due"] == 8000
    assert (await door.post(path, paid, bearer=there)).status_code == 200
    assert (await door.post(path, paid, bearer=door.token(area=[HERE]))).status_code == 200, "the same payment"
    assert (await door.post(path, paid, bearer=door.token(area=[NOWHERE]))).status_code == 404


@pytest.mark.stack
async def test_the_citizen_wants_it_elsewhere_after_all_until_it_has_left(door: FrontDoor) -> None:
    id = await ready(door, result={"how": "post", "address": "1 Phố Mẫu"})
    changed = await door.decided(id, "result-place", result={"how": "desk", "desk_code": THERE})
    assert (changed["life"]["result_by"], changed["life"]["result_desk"]) == ("desk", THERE)
    assert await ids(door, HERE, "to-send") == [id]
    assert ("Đổi nơi, cách nhận kết quả theo đề nghị của người nộp.", "cb-01") in await steps(door, id)
    by_post = {"how": "post", "address": "2 Phố Mẫu"}
    await door.decided(id, "result-place", result=by_post)
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    sealed = await door.intake.spine.pool.fetchval("SELECT sealed_form FROM dossier WHERE id = $1", UUID(id))
    assert keys.open("form", UUID(id), sealed)["result_address"] == "2 Phố Mẫu"
    assert "Phố Mẫu" not in str(await door.outbox())
    assert await refused(door, id, "result-place", result={"how": "post"}) == (422, "invalid-request")
    unknown = {"how": "desk", "desk_code": NOWHERE}
    assert await refused(door, id, "result-place", result=unknown) == (422, "desk-unknown")
    stranger = door.token(area=[THERE])
    body = {**ACCEPTANCE, "result": by_post}
    assert (await door.post(f"/v1/dossiers/{id}/result-place", body, bearer=stranger)).status_code == 404

    await door.decided(id, "result-place", result={"how": "desk", "desk_code": THERE})
    assert "result_address" not in keys.open(
        "form",
        UUID(id),
        await door.intake.spine.pool.fetchval("SELECT sealed_form FROM dossier WHERE id = $1", UUID(id)),
    )
    made = await sending(door, id)
    await sign(door, made, "desk")
    assert await refused(door, id, "result-place", result={"how": "desk"}) == (409, "result-elsewhere")
    await sign(door, made, "agency")
    await door.post(f"/v1/dossiers/{id}/return-result", {**ACCEPTANCE, "collected_by": "applicant"})
    assert await refused(door, id, "result-place", result={"how": "desk"}) == (409, "wrong-state")


@pytest.mark.stack
async def test_a_list_says_nothing_about_a_result_that_is_wanted_elsewhere_meanwhile(door: FrontDoor) -> None:
    id = await ready(door, wanted=THERE)
    made = await sending(door, id)
    await door.decided(id, "result-place", result={"how": "desk"})
    assert (await sign(door, made, "agency")).status_code == 200
    assert (await ids(door, THERE), await ids(door, HERE)) == ([], [id])


@pytest.mark.stack
async def test_a_proxys_paper_is_accepted_by_the_desk_that_hands_the_result_out(door: FrontDoor) -> None:
    id = await ready(
        door, wanted=THERE, proxy={"full_name": "Lê Văn Đại", "authorisation": "UQ 1", "scope": ["submit"]}
    )
    await sign(door, await sending(door, id), "agency")
    there = door.token(area=[THERE])
    body = {**ACCEPTANCE, "collected_by": "proxy", "despite": {"officer": "ld-02", "reason": "Đã gọi điện xác nhận"}}
    assert (await door.post(f"/v1/dossiers/{id}/return-result", body, bearer=there)).status_code == 200
    (act,) = (await door.get("/v1/accepted-authorisations", bearer=there)).json()["items"]
    assert (act["desk_code"], act["officer"]) == (THERE, "ld-02")


@pytest.mark.stack
async def test_uncollected_results_are_listed_after_so_many_working_days(door: FrontDoor) -> None:
    monday, travels = await ready(door), await ready(door, wanted=THERE)
    made = await sending(door, travels)
    await sign(door, made, "desk")
    door.set_time("2026-03-04T09:00:00+07:00")  # Wednesday
    await sign(door, made, "agency")
    door.set_time("2026-03-09T09:00:00+07:00")  # the Monday after: 5 working days, and 3
    assert [one["waited"] for one in await listed(door, HERE)] == [5]
    assert await ids(door, HERE, more="&uncollected_for=4") == [monday]
    assert await ids(door, HERE, more="&uncollected_for=5") == []
    assert [one["waited"] for one in await listed(door, THERE)] == [3]
    assert await ids(door, THERE, more="&uncollected_for=2") == [travels]
    assert await ids(door, THERE, more="&uncollected_for=3") == []


@pytest.mark.stack
async def test_the_list_is_paged_by_both_sources_and_closed_to_other_areas(door: FrontDoor) -> None:
    expected = []
    for number in range(6):
        door.set_time(f"2026-03-02T{8 + number:02}:00:00+07:00")
        if number % 2:
            expected.append(await ready(door, desk_code=THERE))
        else:
            expected.append(await ready(door, wanted=THERE))
            made = await sending(door, expected[-1])
            await sign(door, made, "agency")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await door.get(f"/v1/desks/{THERE}/results?limit=2" + (f"&cursor={cursor}" if cursor else ""))).json()
        seen += [one["dossier_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert seen == expected
    stranger = door.token(area=[NOWHERE, HERE])
    assert (await door.get(f"/v1/desks/{THERE}/results", bearer=stranger)).status_code == 404
    for wrong in ("where=x", "uncollected_for=-1", "uncollected_for=251", "limit=0"):
        assert (await door.get(f"/v1/desks/{HERE}/results?{wrong}")).status_code == 422, wrong
    assert (await door.get(f"/v1/desks/{HERE}/results?cursor=W10")).status_code == 400


@pytest.mark.stack
async def test_a_result_that_came_while_a_supplement_was_waited_for_is_handed_out_like_others(door: FrontDoor) -> None:
    own, travels = await accepted(door), await accepted(door, wanted=THERE)
    door.set_time("2026-03-04T08:00:00+07:00")
    for id in (own, travels):
        await door.decided(id, "request-supplement", reason="thiếu", components=["cho-o"])
    door.set_time("2026-03-06T08:00:00+07:00")
    ended = datetime.fromisoformat("2026-03-05T10:00:00+07:00")
    for id in (own, travels):
        await told(door, record(completed(ended), id))
    assert (await ids(door, HERE), await ids(door, HERE, "to-send")) == ([own], [travels])
    (waits,) = await listed(door, HERE)
    assert {datetime.fromisoformat(waits[when]) for when in ("completed_at", "since")} == {ended}
    made = await sending(door, travels)
    for side in ("desk", "agency"):
        assert (await sign(door, made, side)).status_code == 200
    assert await ids(door, THERE) == [travels]
    for id in (own, travels):
        await door.decided(id, "return-result", collected_by="applicant")
    assert (await ids(door, HERE), await ids(door, THERE)) == ([], [])


@pytest.mark.stack
async def test_an_old_book_does_not_fill_the_list(door: FrontDoor) -> None:
    assert (await entered(door, book(line())))["entered"] == 1
    assert await ids(door, HERE) == []


@pytest.mark.stack
async def test_a_desks_list_walks_its_own_index_alone(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    id = await ready(door)
    columns = "desk_code, territory, channel, procedure, desk, components, findings, contact_channels, sealed_form"
    await pool.execute(
        f"""
        INSERT INTO dossier (id, state, code, received_at, accepted_at, promise, {columns})
        SELECT gen_random_uuid(), CASE WHEN n % 50 = 0 THEN 'accepted' ELSE 'returned' END, 'X-' || n, received_at,
               accepted_at, promise, {columns.replace("desk_code", "'H26.15.' || lpad((n % 40)::text, 2, '0')", 1)}
        FROM dossier, generate_series(1, 20000) AS n WHERE id = $1
        """,
        UUID(id),
    )
    await pool.execute(
        "UPDATE register_line SET completed_at = received_at, phase = 'completed' WHERE dossier_id <> $1", UUID(id)
    )
    await pool.execute("ANALYZE register_line, dossier, dossier_life")
    async with pool.acquire() as connection:
        for statement in STATEMENTS.values():
            rows = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {statement}", HERE, None, None, None, 51)
            plan = "\n".join(row[0] for row in rows)
            assert "Seq Scan on register_line" not in plan, plan
            assert "Seq Scan on dossier " not in plan, plan
            assert max(map(int, re.findall(r"Rows Removed by Filter: (\d+)", plan)), default=0) <= 600, plan


_MOMENTS = some.integers(0, 349 * 1440).map(
    lambda minutes: datetime(2026, 1, 5, tzinfo=VIETNAM) + timedelta(minutes=minutes)
)


@given(_MOMENTS, some.integers(0, 250), some.timedeltas(timedelta(0), timedelta(days=200)))
def test_what_is_asked_for_and_what_is_shown_count_the_same_days(now: datetime, days: int, waited: timedelta) -> None:
    since, before = now - waited, uncollected_since(now, days, CALENDAR)
    counted = working_days_late(since, now, CALENDAR)
    if before is None or counted is None:
        return
    assert (since < before) == (counted > days), uuid4()
