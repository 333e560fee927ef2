"""Bộ phận Một cửa đã kết thúc: what it received until its last day is still its own."""

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.directory_office import DESKS, Desk, desk
from tests.intake.test_forms import a_book, issued
from tests.intake.test_old_dossiers import book, entered, line
from tests.intake.test_results import THERE, ready, sending, sign

pytestmark = pytest.mark.stack
ENDED = "H45.30.01"  # on 30/06/2025
HANDED_OUT = ("dossier.desk_step_recorded.v1", "dossier.result_returned.v1")


@pytest.fixture
async def office(door: FrontDoor) -> Desk:
    office = Desk(door)
    await office.published("desks", DESKS)
    await door.intake._reference.refresh(door.intake.spine.pool)
    return office


async def ends(office: Desk, code: str, commune: str, last_day: str) -> None:
    """The directory says so, and this process knows it."""
    await office.published("desks", desk(code=code, province="01", commune=commune, valid_to=last_day))
    await office.door.intake._reference.refresh(office.door.intake.spine.pool)


async def test_the_old_book_of_an_ended_desk_is_entered_and_printed(office: Desk) -> None:
    result = await entered(office.door, book(line(desk_code=ENDED)))
    assert [item["outcome"] for item in result["items"]] == ["entered"]
    printed = await office.door.post(
        f"/v1/desks/{ENDED}/register", a_book(**{"from": "2025-02-01", "to": "2025-02-28"})
    )
    assert (printed.status_code, printed.json()["lines"]) == (201, 1), printed.text


async def test_the_receipt_decides_whether_a_desk_was_still_there(office: Desk) -> None:
    door = office.door
    in_time = await door.post("/v1/dossiers", residence(desk_code=ENDED, received_at="2025-06-30T16:30:00+07:00"))
    assert in_time.status_code == 201, in_time.text
    late = await door.post("/v1/dossiers", residence(desk_code=ENDED, received_at="2025-07-01T00:00:00+07:00"))
    assert (late.status_code, late.json()["slug"], late.json()["last_day"]) == (422, "desk-unknown", "2025-06-30")
    wanted = {"how": "desk", "desk_code": ENDED}
    refused = await door.post("/v1/dossiers", residence(result=wanted))
    assert (refused.status_code, refused.json()["slug"]) == (422, "desk-unknown"), "nobody hands out anything there"


async def test_a_repeat_is_answered_as_the_first_time_though_the_desk_has_ended(office: Desk) -> None:
    door, body = office.door, residence(acceptance=ACCEPTANCE, result={"how": "desk", "desk_code": "H26.15.02"})
    first = await door.post("/v1/dossiers", body, key="k")
    assert first.status_code == 201, first.text
    door.set_time("2026-03-03T08:00:00+07:00")
    for code, commune in (("H26.15.01", "00004"), ("H26.15.02", "00008")):
        await ends(office, code, commune, "2026-03-02")
    again = await door.post("/v1/dossiers", body, key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert (await door.post("/v1/dossiers", residence())).json()["slug"] == "desk-unknown"


async def test_a_desk_that_has_ended_keeps_its_name_for_the_results_that_were_wanted_there(office: Desk) -> None:
    door, name = office.door, "Bộ phận Một cửa phường Mới"
    there = {"code": THERE, "name": name, "province": "01", "commune": "00008"}
    await office.published("desks", desk(**there))
    here, travels = await ready(door, wanted=THERE), await ready(door, wanted=THERE)
    made = await sending(door, travels)
    assert (await sign(door, made, "desk")).status_code == 200
    door.set_time("2026-03-03T08:00:00+07:00")
    await office.published("desks", desk(**there, valid_to="2026-03-02"))
    await door.intake._reference.refresh(door.intake.spine.pool)

    assert (await sign(door, made, "agency")).status_code == 200
    await door.decided(travels, "return-result", collected_by="applicant")
    told = [body["desk"] for type, body in await door.outbox(travels) if type in HANDED_OUT]
    assert [(at["code"], at["name"]) for at in told[-2:]] == [(THERE, name)] * 2
    _, text = await issued(door, here, "01")
    assert f"Nhận trực tiếp tại {name}" in text


async def test_a_territory_that_is_none_is_refused_at_once(door: FrontDoor) -> None:
    """Nobody could be found competent for it, and nothing corrects it afterwards."""
    for mistyped in ("99999", "99"):
        refused = await door.post("/v1/dossiers", residence(territory=mistyped))
        assert (refused.status_code, refused.json()["slug"]) == (422, "territory-unknown")
        assert refused.json()["next_step"]
    for known in ("00008", "01"):
        assert (await door.submitted(residence(territory=known)))["state"] == "submitted"
