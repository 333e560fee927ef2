"""Danh sách bàn giao: both sides sign, each once, within a working day; late ones are listed."""

import asyncio

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence

pytestmark = pytest.mark.stack
DESK, AGENCY = "H26.15.01", "G01.01.02"


async def made(door: FrontDoor) -> dict[str, object]:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    body = {"officer": "cb-01", "desk_code": DESK, "agency_code": AGENCY, "dossiers": [id, id]}
    answer = await door.post("/v1/hand-over-lists", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    assert found["dossiers"] == [id]
    return found


async def test_both_sides_sign_within_a_working_day_and_late_ones_are_listed(door: FrontDoor) -> None:
    late, signed = await made(door), await made(door)
    assert str(late["due_at"]).startswith("2026-03-03T17:00")
    place = f"/v1/hand-over-lists/{signed['id']}"
    desk, agency = door.token(area=[DESK]), door.token(area=[AGENCY])
    for side, bearer in (("desk", desk), ("agency", agency)):
        answer = await door.post(f"{place}/sign", {"officer": f"o-{side}", "side": side}, bearer=bearer)
        assert (answer.status_code, answer.json()[f"{side}_signed_by"]) == (200, f"o-{side}")
    assert answer.json()["open"] is False
    again = await door.post(f"{place}/sign", {"officer": "o", "side": "desk"}, bearer=desk)
    assert (again.status_code, again.json()["slug"]) == (409, "signed-already")

    assert (await door.get("/v1/hand-over-lists?overdue=true")).json()["items"] == []
    door.set_time("2026-03-03T17:30:00+07:00")
    (listed,) = (await door.get("/v1/hand-over-lists?overdue=true")).json()["items"]
    assert listed["id"] == late["id"]


async def test_nobody_signs_for_the_other_side_or_sees_what_is_not_theirs(door: FrontDoor) -> None:
    id = (await made(door))["id"]
    for side, area in (("agency", DESK), ("desk", AGENCY), ("desk", "H99.99.99")):
        body = {"officer": "o-1", "side": side}
        answer = await door.post(f"/v1/hand-over-lists/{id}/sign", body, bearer=door.token(area=[area]))
        assert answer.status_code == 404, (side, area)
    stranger = door.token(area=["H99.99.99"])
    assert (await door.get(f"/v1/hand-over-lists/{id}", bearer=stranger)).status_code == 404
    assert (await door.get("/v1/hand-over-lists", bearer=stranger)).json()["items"] == []
    assert len((await door.get("/v1/hand-over-lists", bearer=door.token(area=[AGENCY]))).json()["items"]) == 1


async def test_a_repeat_gets_the_first_answer_whatever_became_of_the_dossiers(door: FrontDoor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    body = {"officer": "cb-01", "desk_code": DESK, "agency_code": AGENCY, "dossiers": [id]}
    first = await door.post("/v1/hand-over-lists", body, key="k")
    await door.decided(id, "request-supplement", reason="Thiếu chữ ký")
    again = await door.post("/v1/hand-over-lists", body, key="k")
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    anew = await door.post("/v1/hand-over-lists", body)
    assert (anew.status_code, anew.json()["slug"]) == (422, "not-to-hand-over")
    reused = await door.post("/v1/hand-over-lists", {**body, "officer": "cb-02"}, key="k")
    assert (reused.status_code, reused.json()["slug"]) == (422, "idempotency-key-reused")


async def test_only_the_desks_own_accepted_dossiers_are_handed_over(door: FrontDoor) -> None:
    waiting = (await door.submitted(residence()))["dossier_id"]
    elsewhere = (await door.submitted(residence(desk_code="H26.15.02", acceptance=ACCEPTANCE)))["dossier_id"]
    for id in (waiting, elsewhere):
        body = {"officer": "cb-01", "desk_code": DESK, "agency_code": AGENCY, "dossiers": [id]}
        answer = await door.post("/v1/hand-over-lists", body)
        assert (answer.status_code, answer.json()["slug"]) == (422, "not-to-hand-over")
    empty = {"officer": "cb-01", "desk_code": DESK, "agency_code": AGENCY, "dossiers": []}
    assert (await door.post("/v1/hand-over-lists", empty)).status_code == 422


async def test_of_two_signatures_of_one_side_one_counts(door: FrontDoor, second_door: FrontDoor) -> None:
    id = (await made(door))["id"]
    body = {"officer": "o-1", "side": "desk"}
    answers = await asyncio.gather(*(one.post(f"/v1/hand-over-lists/{id}/sign", body) for one in (door, second_door)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
