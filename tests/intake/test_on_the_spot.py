"""Bốn tại chỗ: its term counts from the complete dossier, like every other's."""

from datetime import datetime
from typing import Any

import pytest

from services.intake.api.areas import in_area
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth
from tests.intake.test_life import SPOT
from tests.intake.test_lists import counted
from tests.intake.test_old_dossiers import figures

pytestmark = pytest.mark.stack


async def finished(door: FrontDoor, id: str, **changes: Any) -> dict[str, Any]:
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", {**SPOT, **changes})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def supplemented(door: FrontDoor) -> str:
    """Received on Monday 02/03, complete on Tuesday 10/03 at 09:00."""
    id = str((await door.submitted(birth()))["dossier_id"])
    await door.decided(id, "request-supplement", components=["to-khai"], reason="Tờ khai chưa ký")
    door.set_time("2026-03-10T09:00:00+07:00")
    brought = [{"code": "to-khai", "originals": 1}]
    await door.decided(id, "supplement", components=brought, received_at="2026-03-10T09:00:00+07:00")
    return id


async def test_after_a_supplement_the_term_counts_from_the_complete_dossier(door: FrontDoor) -> None:
    id = await supplemented(door)
    door.set_time("2026-03-10T09:30:00+07:00")
    done = await finished(door, id)
    assert done["received_at"].startswith("2026-03-02T08:00"), "the receipt is never moved"
    assert done["promise"]["counted_from"] == "2026-03-10T09:00:00+07:00"
    assert done["promise"]["due_at"] == "2026-03-10T17:00:00+07:00"
    assert done["dossier_code"] == "H26.15.01-260310-0001"
    assert await counted(door, "late=yes") == 0
    other = await door.submitted(birth(acceptance=ACCEPTANCE))
    assert other["dossier_code"] == "H26.15.01-260310-0002", "one range of numbers"


async def test_it_is_not_appraised_before_its_supplement_came(door: FrontDoor) -> None:
    id = await supplemented(door)
    door.set_time("2026-03-10T09:30:00+07:00")
    early = {"officer": "cb-02", "at": "2026-03-10T08:57:00+07:00"}
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", {**SPOT, "appraised": early})
    assert (answer.status_code, answer.json()["slug"]) == (422, "received-at-not-believable")


async def test_a_supplement_that_comes_in_between_is_seen_before_it_is_finished(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = str((await door.submitted(birth()))["dossier_id"])
    await door.decided(id, "request-supplement", components=["to-khai"], reason="Tờ khai chưa ký")
    door.set_time("2026-03-10T09:00:00+07:00")

    async def read_before_it_came(*asked: Any) -> Any:
        found = await in_area(*asked)
        await door.decided(id, "supplement", components=[{"code": "to-khai", "originals": 1}])
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("services.intake.api.desk.life.in_area", read_before_it_came)
        answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", SPOT)
    assert (answer.status_code, answer.json()["slug"]) == (409, "wrong-state")
    assert "finish-on-the-spot" in answer.json()["possible"], "by what it is now"
    assert (await finished(door, id))["dossier_code"] == "H26.15.01-260310-0001"


@pytest.mark.parametrize(
    ("channel", "counted_from", "code"),
    [("counter", "2026-03-02T08:00", "260302"), ("online", "2026-03-04T09:00", "260304")],
)
async def test_what_nobody_brought_counts_from_when_it_was_appraised(
    door: FrontDoor, channel: str, counted_from: str, code: str
) -> None:
    id = str((await door.submitted(birth(channel=channel)))["dossier_id"])
    door.set_time("2026-03-04T10:00:00+07:00")
    done = await finished(door, id, appraised={"officer": "cb-02", "at": "2026-03-04T09:00:00+07:00"})
    assert done["promise"]["counted_from"].startswith(counted_from)
    assert done["dossier_code"] == f"H26.15.01-{code}-0001"


async def test_what_waits_to_be_collected_after_its_approval_is_not_late(door: FrontDoor) -> None:
    id = str((await door.submitted(birth()))["dossier_id"])
    door.set_time("2026-03-03T10:00:00+07:00")
    steps = {"appraised": "2026-03-02T09:00:00+07:00", "approved": "2026-03-02T16:00:00+07:00"}
    await finished(door, id, **{step: {"officer": "ct-01", "at": at} for step, at in steps.items()})
    assert (await figures(door, "2026-03-01", "2026-03-31"))["finished"]["on_time"] == 1
    said = dict(await door.outbox(id))["dossier.finished_on_the_spot.v1"]
    assert datetime.fromisoformat(said["approved_at"]) == datetime.fromisoformat(steps["approved"])
