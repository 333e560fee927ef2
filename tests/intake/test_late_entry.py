"""Nhập sau ngày nhận: named with its reason, or listed without one; never refused."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_messaging.sealing import SealingKeys
from hub_worktime import VIETNAM, load_calendar
from services.intake.domain.desk.late_entry import entered_late
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence
from tests.intake.test_old_dossiers import figures

pytestmark = pytest.mark.stack
CALENDAR = load_calendar()
LONG_AGO = datetime(2000, 1, 1, tzinfo=VIETNAM)


async def test_a_receipt_entered_later_than_its_working_day_is_listed_with_its_reason_or_without(
    door: FrontDoor,
) -> None:
    door.set_time("2026-03-03T09:00:00+07:00")
    yesterday = {"received_at": "2026-03-02T16:00:00+07:00", "acceptance": ACCEPTANCE}
    why = {"reason_code": "power-cut", "note": "Ông Mẫu nộp lúc mất điện"}
    told = (await door.submitted(residence(**yesterday, late_entry=why)))["dossier_id"]
    silent = (await door.submitted(residence(**yesterday)))["dossier_id"]
    in_time = (await door.submitted(residence(received_at="2026-03-03T07:30:00+07:00")))["dossier_id"]

    (listed,) = (await door.get("/v1/late-entries")).json()["items"]
    assert (listed["dossier_id"], listed["reason"], listed["officer"]) == (silent, None, "cb-01")
    both = (await door.get("/v1/late-entries?unexplained=false")).json()["items"]
    assert {entry["dossier_id"]: entry["reason"] for entry in both} == {told: "power-cut", silent: None}
    assert (await door.get("/v1/late-entries", bearer=door.token(area=["H99.99.99"]))).json()["items"] == []

    (step,) = [
        step
        for step in (await door.get(f"/v1/dossiers/{told}/timeline")).json()["steps"]
        if step["type"] == "dossier.desk_step_recorded.v1"
    ]
    assert (step["text"], step["who"], step["facts"]["reason"]) == (
        "Nhập vào hệ thống sau ngày nhận.",
        "cb-01",
        "power-cut",
    )
    sealed = await door.intake.spine.pool.fetchval("SELECT sealed_note FROM late_entry WHERE sealed_note IS NOT NULL")
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    assert keys.open("contact", UUID(told), sealed) == why["note"]
    assert in_time not in str(both)


async def test_what_a_desk_without_a_line_did_is_judged_by_when_it_was_done(door: FrontDoor) -> None:
    door.set_time("2026-03-02T20:00:00+07:00")
    receipt = await door.submitted(birth(received_at="2026-03-02T08:00:00+07:00", acceptance=ACCEPTANCE))
    id, due_at = receipt["dossier_id"], "2026-03-02T17:00:00+07:00"
    assert receipt["promise"]["due_at"] == due_at, "before it was entered"
    before = {**ACCEPTANCE, "at": "2026-03-02T07:59:00+07:00"}
    assert (await door.post(f"/v1/dossiers/{id}/result-ready", before)).json()["slug"] == "received-at-not-believable"
    await door.decided(id, "steps", step="signed", at="2026-03-02T14:00:00+07:00")
    await door.decided(id, "result-ready", at="2026-03-02T14:30:00+07:00")
    await door.decided(id, "return-result", collected_by="applicant", at="2026-03-02T15:00:00+07:00")
    assert (await figures(door, "2026-03-02", "2026-03-02"))["finished"]["on_time"] == 1


async def test_a_reason_that_nobody_knows_is_refused(door: FrontDoor) -> None:
    answer = await door.post("/v1/dossiers", residence(late_entry={"reason_code": "lazy"}))
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("received", "entered", "late"),
    [
        ("2026-03-02T08:00", "2026-03-02T23:59", False),
        ("2026-03-02T23:59", "2026-03-03T00:00", True),
        ("2026-02-28T09:00", "2026-03-02T17:00", False),  # a Saturday: entered on Monday
        ("2026-02-28T09:00", "2026-03-03T08:00", True),
        ("2026-02-14T09:00", "2026-02-23T08:00", False),  # over the New Year of the lunar calendar
    ],
)
def test_the_working_day_of_the_receipt(received: str, entered: str, late: bool) -> None:
    first, then = (datetime.fromisoformat(text).replace(tzinfo=VIETNAM) for text in (received, entered))
    assert entered_late(first, then, CALENDAR) is late


@given(
    st.timedeltas(timedelta(0), timedelta(days=36_500)).map(lambda passed: LONG_AGO + passed),
    st.timedeltas(timedelta(0), timedelta(days=366)),
)
def test_whatever_the_dates_the_same_day_is_in_time_and_later_never_gets_better(
    received: datetime, wait: timedelta
) -> None:
    assert not entered_late(received, received, CALENDAR)
    if entered_late(received, received + wait, CALENDAR):
        assert entered_late(received, received + wait + timedelta(days=1), CALENDAR)
