"""Giờ của đơn vị: a desk whose hours the directory knows promises by them, every other one by the default."""

import json
from typing import Any

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence
from tests.intake.directory_office import Desk, desk

pytestmark = pytest.mark.stack
HERE, ELSEWHERE = "H26.15.01", "H26.15.02"
EARLY, LATE = "08:00-12:00 13:00-16:30", "08:00-12:00 13:00-18:00"


async def keeps(door: FrontDoor, counting_hours: str = "", **changes: str) -> None:
    """From now on the directory says so of the desk."""
    said = {"code": HERE, "province": "01", "commune": "00004", "counting_hours": counting_hours, **changes}
    await Desk(door).published("desks", desk(**said))
    await door.intake._reference.refresh(door.intake.spine.pool)


async def promised(door: FrontDoor, body: dict[str, Any], received_at: str) -> tuple[str, str | None]:
    """The date on the receipt, and the hours by which it was counted, as sla hears them too."""
    received = f"{received_at}:00+07:00"
    door.set_time(received)
    answer = await door.submitted({**body, "received_at": received, "acceptance": ACCEPTANCE})
    ((_, event),) = await door.outbox(answer["dossier_id"])
    assert event["promise"].get("hours") == answer["promise"]["hours"]
    return answer["promise"]["due_at"].removesuffix(":00+07:00"), answer["promise"]["hours"]


@pytest.mark.parametrize(
    ("hours", "received_at", "due_at"),
    [
        (EARLY, "2026-03-02T08:00", "2026-03-11T16:30"),
        (EARLY, "2026-03-02T16:29", "2026-03-11T16:30"),
        (EARLY, "2026-03-02T16:30", "2026-03-12T16:30"),
        (LATE, "2026-03-02T17:20", "2026-03-11T18:00"),
        (LATE, "2026-03-02T18:00", "2026-03-12T18:00"),
    ],
)
async def test_seven_days_begin_and_end_with_the_desks_own_day(
    door: FrontDoor, hours: str, received_at: str, due_at: str
) -> None:
    await keeps(door, hours)
    assert await promised(door, residence(), received_at) == (due_at, hours)


@pytest.mark.parametrize(
    ("received_at", "due_at"),
    [
        ("2026-03-02T14:59", "2026-03-02T16:30"),
        ("2026-03-02T15:01", "2026-03-03T16:30"),
        ("2026-03-02T16:31", "2026-03-03T16:30"),
    ],
)
async def test_within_the_day_means_before_the_desk_closes(door: FrontDoor, received_at: str, due_at: str) -> None:
    await keeps(door, EARLY)
    assert await promised(door, birth(), received_at) == (due_at, EARLY)


async def test_a_desk_that_states_no_hours_counts_by_the_default(door: FrontDoor) -> None:
    await keeps(door, hours="Sáng 8h-12h")
    assert await promised(door, residence(), "2026-03-02T17:20") == ("2026-03-12T17:00", None)
    assert await promised(door, residence(desk_code=ELSEWHERE), "2026-03-02T17:20") == ("2026-03-12T17:00", None)
    await keeps(door, "07:00-11:30 13:30-17:00")
    assert await promised(door, residence(), "2026-03-02T17:20") == ("2026-03-12T17:00", None)


async def test_a_supplement_restarts_by_the_hours_of_that_day_and_earlier_dates_stay(door: FrontDoor) -> None:
    await keeps(door, EARLY)
    accepted = await door.submitted(residence(acceptance=ACCEPTANCE))
    id = accepted["dossier_id"]
    await keeps(door, LATE)
    asked = await door.decided(id, "request-supplement", reason="Tờ khai chưa ký")
    assert (asked["promise"]["due_at"], asked["promise"]["hours"]) == ("2026-03-11T16:30:00+07:00", EARLY)

    door.set_time("2026-03-09T17:20:00+07:00")
    brought = await door.decided(id, "supplement", components=[{"code": "to-khai", "originals": 1}])
    assert (brought["promise"]["due_at"], brought["promise"]["hours"]) == ("2026-03-18T18:00:00+07:00", LATE)
    assert dict(await door.outbox(id))["dossier.supplement_received.v1"]["promise"]["hours"] == LATE


async def test_what_an_ended_desk_received_is_counted_by_its_hours_whenever_it_is_entered(door: FrontDoor) -> None:
    await keeps(door, EARLY, valid_to="2026-03-02")
    in_time = await promised(door, residence(), "2026-03-02T10:00")
    door.set_time("2026-03-03T08:00:00+07:00")
    await door.intake._reference.refresh(door.intake.spine.pool)
    body = residence(acceptance=ACCEPTANCE, received_at="2026-03-02T10:00:00+07:00")
    late = (await door.submitted(body))["promise"]
    assert in_time == ("2026-03-11T16:30", EARLY)
    assert (late["due_at"], late["hours"]) == ("2026-03-11T16:30:00+07:00", EARLY)


async def test_an_officers_date_says_the_hours_too_for_the_reminder(door: FrontDoor) -> None:
    await keeps(door, LATE)
    promise = {"due_at": "2026-03-02T17:40:00+07:00", "reason": "đã hỏi phòng"}
    body = residence(procedure_code="1.001612", components=[], acceptance={**ACCEPTANCE, "promised": promise})
    assert (await door.submitted(body))["promise"]["hours"] == LATE


async def test_papers_are_handed_over_before_the_desk_closes(door: FrontDoor) -> None:
    await keeps(door, EARLY)
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    body = {"officer": "cb-01", "desk_code": HERE, "agency_code": "G01.01.02", "dossiers": [id]}
    made = (await door.post("/v1/hand-over-lists", body)).json()
    assert made["due_at"].startswith("2026-03-03T16:30")


async def test_hours_are_shown_and_told_in_one_form(door: FrontDoor) -> None:
    await keeps(door, '"08:00-12:00, 13:00-16:30"')
    assert (await door.get(f"/v1/desks/{HERE}")).json()["counting_hours"] == EARLY
    told = await door.intake.spine.pool.fetchval("SELECT body FROM outbox WHERE key = $1", f"desk/{HERE}@2025-07-01")
    assert json.loads(told)["counting_hours"] == EARLY


@pytest.mark.parametrize(
    "written", ["8h-12h", "08:00", "12:00-08:00", "08:00-24:00", "13:00-17:00 08:00-12:00", "08:00-12:00 12:00-17:00"]
)
async def test_hours_that_cant_be_counted_with_are_a_mistake_of_the_file(door: FrontDoor, written: str) -> None:
    assert await Desk(door).mistakes("desks", desk(counting_hours=written)) == [(2, "counting_hours")]
