"""Whom no message reached, but a person told: timeline and citizen's page say so instead of asking the desk to."""

import pytest

from hub_events.notify import TOLD_OTHERWISE, CitizenUnreachedV1, CitizenUnreachedV2
from tests.intake.citizen import Visitor
from tests.intake.conftest import ACCEPTANCE, MONDAY_MORNING, FrontDoor, residence
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack


async def test_who_was_told_by_a_person_is_said_to_be(door: FrontDoor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    for reason in ("no-phone", TOLD_OTHERWISE):
        await told(door, record(CitizenUnreachedV1(duty="accepted", unreached_at=MONDAY_MORNING, reason=reason), id))

    steps = (await door.get(f"/v1/dossiers/{id}/timeline")).json()["steps"]
    assert {step["text"] for step in steps if step["type"] == "citizen.unreached.v1"} == {
        "Không báo được cho người nộp: hồ sơ được tiếp nhận; Bộ phận Một cửa cần liên hệ cách khác.",
        "Bộ phận Một cửa đã báo cho người nộp bằng cách khác: hồ sơ được tiếp nhận.",
    }
    assert "Đã báo cho ông/bà bằng cách khác: " in await Visitor(door).sees()


async def test_who_told_them_and_how_is_said_too(door: FrontDoor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    what = {"unreached_at": MONDAY_MORNING, "reason": TOLD_OTHERWISE, "told_by": "cb-02"}
    for event in (
        CitizenUnreachedV1(duty="accepted", told_how="phone", **what),
        CitizenUnreachedV2(duty="stopped", told_how="by-a-way-of-a-newer-version", **what),
    ):
        await told(door, record(event, id))

    steps = (await door.get(f"/v1/dossiers/{id}/timeline")).json()["steps"]
    assert {(step["who"], step["text"]) for step in steps if step["type"].startswith("citizen.unreached.")} == {
        ("cb-02", "Bộ phận Một cửa đã báo cho người nộp qua điện thoại: hồ sơ được tiếp nhận."),
        ("cb-02", "Bộ phận Một cửa đã báo cho người nộp bằng cách khác: dừng giải quyết hồ sơ."),
    }
    assert "Đã báo cho ông/bà qua điện thoại: " in await Visitor(door).sees()
