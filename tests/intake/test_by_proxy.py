"""Ủy quyền: a paper that has run out or doesn't say so is refused, unless somebody answers for it."""

import asyncio
import json
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hub_messaging.sealing import SealingKeys
from services.intake.domain.desk.authorisation import Authorisation, written_authorisation
from tests.hosted import new_key
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, opened, residence
from tests.intake.test_life import SPOT, refused, steps

NAME, PAPER, WHY = "Lê Văn Đại", "UQ số 15/2026", "Bà Trần Thị Lý nằm viện, đã gọi điện xác nhận"
DESPITE = {"officer": "ld-01", "reason": WHY}
LACKING = (422, "authorisation-lacking")


def proxy(**said: Any) -> dict[str, Any]:
    return {"full_name": NAME, "authorisation": PAPER, **said}


async def ready(door: FrontDoor, **said: Any) -> str:
    """A dossier that a proxy handed in, with its result at the desk."""
    id = str((await door.submitted(residence(acceptance=ACCEPTANCE, proxy=proxy(**said))))["dossier_id"])
    await door.decided(id, "result-ready")
    return id


async def accepted_papers(door: FrontDoor, **more: Any) -> list[tuple[str, str, str, str]]:
    found = (await door.get("/v1/accepted-authorisations", **more)).json()["items"]
    return [(act["dossier_id"], act["act"], act["lack"], act["officer"]) for act in found]


@pytest.mark.stack
@pytest.mark.parametrize(
    ("said", "lack", "told"),
    [
        ({"valid_until": "2026-03-01"}, "expired", "hết hiệu lực sau ngày 01/03/2026"),
        ({"valid_from": "2025-03-01"}, "expired", "hết hiệu lực sau ngày 01/03/2026"),
        ({"valid_from": "2026-03-03"}, "not-yet-valid", "có hiệu lực từ ngày 03/03/2026"),
        ({"scope": ["collect"]}, "out-of-scope", "không ghi việc nộp hồ sơ"),
    ],
)
async def test_a_paper_that_does_not_allow_it_is_refused_at_submission_unless_somebody_answers(
    door: FrontDoor, said: dict[str, Any], lack: str, told: str
) -> None:
    body = residence(acceptance=ACCEPTANCE, proxy=proxy(**said))
    answer = await door.post("/v1/dossiers", body)
    problem = answer.json()
    assert (answer.status_code, problem["slug"], problem["lack"]) == (*LACKING, lack)
    assert told in problem["detail"]
    assert "despite" in problem["next_step"]
    assert NAME not in answer.text
    assert PAPER not in answer.text

    body["proxy"]["despite"] = DESPITE
    taken = await door.submitted(body)
    assert taken["state"] == "accepted"
    id = taken["dossier_id"]
    assert await accepted_papers(door) == [(id, "submit", lack, "ld-01")]
    assert ("Chấp nhận giấy ủy quyền chưa hợp lệ.", "ld-01") in await steps(door, id)
    event = dict(await door.outbox(id))["dossier.desk_step_recorded.v1"]
    assert (event["step"], event["reason"], event["officer"]) == ("authorisation-accepted", lack, "ld-01")
    row = await door.intake.spine.pool.fetchrow("SELECT * FROM act_by_proxy")
    assert row is not None
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    assert keys.open("form", uuid.UUID(id), row["sealed"])["reason"] == WHY
    sealed = await door.intake.spine.pool.fetchval("SELECT sealed_form FROM dossier WHERE id = $1", uuid.UUID(id))
    assert "despite" not in keys.open("form", uuid.UUID(id), sealed)["proxy"]
    assert WHY not in str(await door.outbox()) + str(dict(row))


@pytest.mark.stack
async def test_a_good_paper_and_one_that_says_nothing_pass_without_a_trace(door: FrontDoor) -> None:
    for said in ({}, {"valid_from": "2026-03-02"}, {"valid_until": "2026-03-02"}, {"scope": ["submit", "collect"]}):
        id = await ready(door, **said, despite=DESPITE)
        await door.decided(id, "return-result", collected_by="proxy", despite=DESPITE)
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM act_by_proxy") == 0


@pytest.mark.stack
async def test_a_receipt_of_yesterday_is_judged_by_yesterday(door: FrontDoor) -> None:
    door.set_time("2026-03-03T09:00:00+07:00")
    body = residence(proxy=proxy(valid_until="2026-03-02"), received_at="2026-03-02T16:00:00+07:00")
    await door.submitted(body)


@pytest.mark.stack
async def test_a_repeated_request_is_answered_as_before_even_after_the_paper_ran_out(door: FrontDoor) -> None:
    body = residence(proxy=proxy(valid_until="2026-03-02"))
    first = await door.post("/v1/dossiers", body, key="k-1")
    door.set_time("2026-03-05T09:00:00+07:00")
    again = await door.post("/v1/dossiers", body, key="k-1")
    assert (again.status_code, again.json()) == (201, first.json())


@pytest.mark.stack
async def test_at_the_return_an_expired_paper_is_refused_and_a_new_one_or_an_officer_helps(door: FrontDoor) -> None:
    by_paper, by_officer, by_owner = [await ready(door, valid_until="2026-03-04") for _ in range(3)]
    door.set_time("2026-03-05T09:00:00+07:00")
    for id in (by_paper, by_officer, by_owner):
        assert await refused(door, id, "return-result", collected_by="proxy") == LACKING
        assert (await door.get(f"/v1/dossiers/{id}")).json()["phase"] == "result_ready"
    other = {"full_name": "Phạm Thị Hoa", "authorisation": "UQ số 77/2026", "valid_from": "2026-03-05"}
    await door.decided(by_paper, "return-result", collected_by="proxy", proxy=other)
    await door.decided(by_officer, "return-result", collected_by="proxy", despite=DESPITE)
    await door.decided(by_owner, "return-result", collected_by="applicant")

    assert await accepted_papers(door) == [(by_officer, "collect", "expired", "ld-01")]
    rows = await door.intake.spine.pool.fetch("SELECT dossier_id, lack, sealed FROM act_by_proxy ORDER BY lack")
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    kept = {str(row["dossier_id"]): keys.open("form", row["dossier_id"], row["sealed"]) for row in rows}
    assert kept == {
        by_paper: {"proxy": other, "reason": None},
        by_officer: {"proxy": None, "reason": WHY},
    }
    assert "Phạm Thị Hoa" not in str([dict(row) for row in rows]) + str(await door.outbox())


@pytest.mark.stack
async def test_a_result_handed_over_on_the_last_day_and_entered_later_is_good(door: FrontDoor) -> None:
    id = await ready(door, valid_until="2026-03-04")
    door.set_time("2026-03-05T09:00:00+07:00")
    await door.decided(id, "return-result", collected_by="proxy", at="2026-03-04T16:59:00+07:00")


@pytest.mark.stack
async def test_on_the_spot_a_proxy_collects_by_the_same_rule(door: FrontDoor) -> None:
    id = str((await door.submitted(birth(proxy=proxy(scope=["submit"]))))["dossier_id"])
    spot = {**SPOT, "collected_by": "proxy"}
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", spot)
    assert (answer.status_code, answer.json()["lack"]) == (422, "out-of-scope")
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", {**spot, "despite": DESPITE})
    assert (answer.status_code, answer.json()["phase"]) == (200, "returned")
    assert await accepted_papers(door) == [(id, "collect", "out-of-scope", "ld-01")]


@pytest.mark.stack
async def test_a_proxy_of_whom_nothing_was_written_down_collects_as_before(door: FrontDoor) -> None:
    id = str((await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"])
    await door.decided(id, "result-ready")
    assert await refused(door, id, "return-result", collected_by="applicant", despite=DESPITE) == (
        422,
        "invalid-request",
    )
    await door.decided(id, "return-result", collected_by="proxy")


@pytest.mark.stack
async def test_what_cannot_be_returned_says_so_before_any_paper(door: FrontDoor) -> None:
    body = residence(acceptance=ACCEPTANCE, proxy=proxy(scope=["submit"]))
    id = str((await door.submitted(body))["dossier_id"])
    assert await refused(door, id, "return-result", collected_by="proxy") == (409, "wrong-state")


@pytest.mark.stack
async def test_of_two_officers_who_accept_a_paper_one_is_kept(door: FrontDoor, second_door: FrontDoor) -> None:
    id = await ready(door, scope=["submit"])
    body = {**ACCEPTANCE, "collected_by": "proxy", "despite": DESPITE}
    answers = await asyncio.gather(*(one.post(f"/v1/dossiers/{id}/return-result", body) for one in (door, second_door)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await accepted_papers(door)) == 1


@pytest.mark.stack
async def test_accepted_papers_are_listed_page_by_page_within_the_area(door: FrontDoor) -> None:
    for desk in ("H26.15.01", "H26.15.02", "H26.15.01"):
        await door.submitted(residence(desk_code=desk, proxy=proxy(scope=["collect"], despite=DESPITE)))
    assert len(await accepted_papers(door, bearer=door.token(area=["H26.15.01"]))) == 2
    assert await accepted_papers(door, bearer=door.token(area=["H99.99.99"])) == []
    seen, path = [], "/v1/accepted-authorisations?limit=1"
    cursor = ""
    while cursor is not None:
        page = (await door.get(path + (f"&cursor={cursor}" if cursor else ""))).json()
        seen += [act["dossier_id"] for act in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.stack
@pytest.mark.parametrize(
    "said",
    [
        {"valid_from": "2026-03-05", "valid_until": "2026-03-04"},
        {"valid_from": "0001-01-01"},
        {"scope": []},
        {"scope": ["sell"]},
        {"despite": {"officer": "ld-01"}},
    ],
)
async def test_a_paper_that_contradicts_itself_is_a_typing_error(door: FrontDoor, said: dict[str, Any]) -> None:
    answer = await door.post("/v1/dossiers", residence(proxy=proxy(**said)))
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")


@pytest.mark.stack
async def test_without_the_key_of_the_seal_the_paper_is_taken_anew(door: FrontDoor, tmp_path: Path) -> None:
    id = await ready(door, valid_until="2026-12-31")
    keys = tmp_path / "others.json"
    keys.write_text(json.dumps({purpose: [new_key(f"{purpose}-2")] for purpose in ("contact", "form")}))
    async with opened(door.intake.settings.model_copy(update={"sealing_keys_file": keys}), tmp_path) as keyless:
        body = {**ACCEPTANCE, "collected_by": "proxy"}
        answer = await keyless.post(f"/v1/dossiers/{id}/return-result", body)
        assert (answer.status_code, answer.json()["lack"]) == (422, "unreadable")
        answer = await keyless.post(f"/v1/dossiers/{id}/return-result", {**body, "proxy": proxy()})
        assert (answer.status_code, answer.json()["phase"]) == (200, "returned")


BROUGHT = {"components": [{"code": "cho-o", "copies": 1}]}
OF_THE_APPLICANT = pytest.mark.parametrize(
    ("action", "act", "body", "named"),
    [("supplement", "supplement", BROUGHT, "bổ sung hồ sơ"), ("request-withdrawal", "withdraw", {}, "rút hồ sơ")],
)
"""What the applicant does between submission and result, or a proxy for him."""


async def waiting(door: FrontDoor, **said: Any) -> str:
    """A dossier that a proxy handed in, and that waits for a supplement."""
    id = str((await door.submitted(residence(acceptance=ACCEPTANCE, proxy=proxy(**said))))["dossier_id"])
    await door.decided(id, "request-supplement", reason="thiếu", components=["cho-o"])
    return id


@pytest.mark.stack
@OF_THE_APPLICANT
async def test_a_proxy_supplements_and_withdraws_by_the_same_rule(
    door: FrontDoor, action: str, act: str, body: dict[str, Any], named: str
) -> None:
    by_paper, by_officer = [await waiting(door, valid_until="2026-03-04", scope=["submit", act]) for _ in range(2)]
    in_time = await waiting(door, valid_until="2026-03-05", scope=["submit", act])
    other = await waiting(door, scope=["collect", "submit"] if act == "withdraw" else ["collect"], despite=DESPITE)
    door.set_time("2026-03-05T09:00:00+07:00")
    lacks = [(by_paper, "expired"), (by_officer, "expired"), (other, "out-of-scope")]
    for id, lack in lacks:
        before = await door.outbox(id)
        answer = await door.post(f"/v1/dossiers/{id}/{action}", {**ACCEPTANCE, **body, "acted_by": "proxy"})
        assert (answer.status_code, answer.json()["slug"], answer.json()["lack"]) == (*LACKING, lack)
        assert f"Người nộp tự {named}" in answer.json()["next_step"]
        assert NAME not in answer.text
        assert await door.outbox(id) == before, "nothing of it was done"
    assert f"không ghi việc {named}" in answer.json()["detail"]

    new = proxy(valid_from="2026-03-05", scope=[act])
    await door.decided(in_time, action, **body, acted_by="proxy")
    await door.decided(by_paper, action, **body, acted_by="proxy", proxy=new)
    await door.decided(by_officer, action, **body, acted_by="proxy", despite=DESPITE)
    assert (by_officer, act, "expired", "ld-01") in await accepted_papers(door)
    assert {id for id, did, _, _ in await accepted_papers(door) if did == act} == {by_officer}
    assert ("Chấp nhận giấy ủy quyền chưa hợp lệ.", "ld-01") in await steps(door, by_officer)
    row = await door.intake.spine.pool.fetchrow(
        "SELECT act, lack, officer, sealed FROM act_by_proxy WHERE dossier_id = $1", uuid.UUID(by_paper)
    )
    assert row is not None
    assert (row["act"], row["lack"], row["officer"]) == (act, None, None)
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    assert keys.open("form", uuid.UUID(by_paper), row["sealed"]) == {"proxy": new, "reason": None}


@pytest.mark.stack
@OF_THE_APPLICANT
async def test_the_applicant_himself_and_systems_that_name_nobody_are_asked_for_no_paper(
    door: FrontDoor, action: str, act: str, body: dict[str, Any], named: str
) -> None:
    himself, unnamed = [await waiting(door, valid_until="2026-03-02") for _ in range(2)]
    door.set_time("2026-03-05T09:00:00+07:00")
    await door.decided(himself, action, **body, acted_by="applicant")
    await door.decided(unnamed, action, **body)
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM act_by_proxy") == 0
    assert "ủy quyền" not in str(await steps(door, himself)) + str(await steps(door, unnamed)), named
    for who in ({}, {"acted_by": "applicant"}):
        path = f"/v1/dossiers/{himself}/{action}"
        answer = await door.post(path, {**ACCEPTANCE, **body, **who, "despite": DESPITE})
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), act


@pytest.mark.stack
async def test_the_timeline_and_other_systems_hear_who_supplemented_and_who_withdrew(door: FrontDoor) -> None:
    id = await waiting(door)
    await door.decided(id, "supplement", **BROUGHT, acted_by="proxy")
    await door.decided(id, "request-withdrawal", acted_by="proxy")
    events = dict(await door.outbox(id))
    assert events["dossier.supplement_received.v1"]["acted_by"] == "proxy"
    assert events["dossier.withdrawal_requested.v1"]["acted_by"] == "proxy"
    told = [text for text, _ in await steps(door, id)]
    assert any(text.startswith("Đã nhận bổ sung lần 1 từ người được ủy quyền") for text in told)
    assert "Người được ủy quyền yêu cầu rút hồ sơ." in told


@pytest.mark.stack
async def test_a_supplement_of_yesterday_is_judged_by_yesterday(door: FrontDoor) -> None:
    id = await waiting(door, valid_until="2026-03-04")
    door.set_time("2026-03-05T09:00:00+07:00")
    await door.decided(id, "supplement", **BROUGHT, acted_by="proxy", received_at="2026-03-04T16:59:00+07:00")


@pytest.mark.stack
async def test_a_paper_that_allows_to_submit_allows_to_supplement_and_not_to_withdraw(door: FrontDoor) -> None:
    id = await waiting(door, scope=["submit", "collect"])
    assert await refused(door, id, "request-withdrawal", acted_by="proxy") == LACKING
    await door.decided(id, "supplement", **BROUGHT, acted_by="proxy")
    assert await refused(door, id, "supplement", **BROUGHT, acted_by="proxy") == (409, "wrong-state")


_DAYS = some.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(_DAYS, some.none() | _DAYS, some.none() | _DAYS)
def test_within_its_days_it_is_good_and_outside_it_is_not(day: date, begin: date | None, end: date | None) -> None:
    paper = Authorisation(begin, end)
    written = {"valid_from": begin and begin.isoformat(), "valid_until": end and end.isoformat()}
    assert written_authorisation(written) == paper
    too_early, last = begin is not None and day < begin, paper.last_day
    assert (paper.lack("collect", day) is None) == (not too_early and (last is None or day <= last))
    if begin is not None and end is None:
        assert last is not None
        assert timedelta(days=365) <= last - begin <= timedelta(days=366)
