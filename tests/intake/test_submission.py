"""Submitting and accepting, through the front door."""

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence

pytestmark = pytest.mark.stack


async def test_an_accepted_dossier_has_code_and_promised_date_and_is_announced_once(door: FrontDoor) -> None:
    answer = await door.submitted(residence(acceptance=ACCEPTANCE))

    assert answer["state"] == "accepted"
    assert answer["dossier_code"] == "H26.15.01-260302-0001"
    assert answer["national_status"] == {"code": 2, "name": "Được tiếp nhận"}
    assert answer["received_at"].startswith("2026-03-02T08:00:0")
    assert answer["promise"]["due_at"] == "2026-03-11T17:00:00+07:00"
    assert answer["promise"]["counted_from"] == answer["received_at"]
    assert (answer["promise"]["set_by"], answer["promise"]["provisional"]) == ("rule", False)
    ((type, event),) = await door.outbox(answer["dossier_id"])
    assert type == "dossier.accepted.v1"
    assert event["dossier_code"] == answer["dossier_code"]
    assert event["promise"]["due_at"] == "2026-03-11T10:00:00Z"
    shown = (await door.get(f"/v1/dossiers/{answer['dossier_id']}")).json()
    assert shown["promise"] == answer["promise"]
    assert (await door.get(f"/v1/dossiers?code={answer['dossier_code']}")).json()["items"] == [shown]


async def test_birth_registration_after_15_00_is_due_at_the_end_of_the_next_working_day(door: FrontDoor) -> None:
    door.set_time("2026-02-13T15:21:00+07:00")
    answer = await door.submitted(birth(received_at="2026-02-13T15:20:00+07:00", acceptance=ACCEPTANCE))
    assert answer["promise"]["due_at"] == "2026-02-23T17:00:00+07:00"
    assert answer["promise"]["counted_from"] == "2026-02-13T15:20:00+07:00"
