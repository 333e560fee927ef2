"""Thời gian trôi: business time moves past a promised date; what must be said is said once."""

from datetime import datetime

import pytest

from hub_local.proof import TOLD
from hub_messaging.clock import VIETNAM
from tests.flows.hub import Hub

pytestmark = pytest.mark.stack

THURSDAY_OPENING = datetime(2026, 3, 4, 7, 0, 1, tzinfo=VIETNAM)
LAST_MINUTE = datetime(2026, 3, 5, 17, 0, 20, tzinfo=VIETNAM)
TOO_LATE = datetime(2026, 3, 5, 17, 1, 1, tzinfo=VIETNAM)


async def test_a_dossier_is_warned_of_then_missed_once_then_completed_late(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"callback": "on_command"})
    receipt = await hub.accepted()
    here = receipt["dossier_id"]
    await hub.reached(here, "handed_over", "clock_started", "sent accepted:1")
    assert receipt["promise"]["due_at"] == "2026-03-05T17:00:00+07:00"

    await hub.moved_to(THURSDAY_OPENING)
    words = await hub.reached(here, "warning_raised")
    assert not words["missed"]

    await hub.moved_to(TOO_LATE)
    await hub.reached(here, "missed", "sent late:1")
    assert (await hub.clock(here))["state"] == "overdue"
    late = [
        item["dossier_id"] for item in (await hub.door.get("sla", "/v1/deadlines?state=overdue&limit=200"))["items"]
    ]
    assert here in late
    assert "17:00 05/03/2026" in (await hub.texts(here))["late"]

    await hub.door.release((await hub.shown(here))["agency"]["code"])
    words = await hub.reached(here, "clock_stopped", "sent completed:1")
    assert (words["warning_raised"], words["missed"], words["sent late:1"]) == (1, 1, 1)
    assert (await hub.clock(here))["outcome"] == "late"
    assert await hub.effects(here) == {**TOLD, "sms late": 1}


async def test_in_its_last_minute_a_dossier_is_still_on_time(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"callback": "on_command"})
    receipt = await hub.accepted()
    here = receipt["dossier_id"]
    await hub.reached(here, "handed_over", "clock_started", "sent accepted:1")

    await hub.moved_to(LAST_MINUTE)
    await hub.reached(here, "warning_raised")
    await hub.door.release((await hub.shown(here))["agency"]["code"])
    words = await hub.reached(here, "clock_stopped", "sent completed:1")

    assert (await hub.clock(here))["outcome"] == "on_time"
    assert not words["missed"]
    await hub.moved_to(TOO_LATE)
    other = await hub.accepted()
    await hub.reached(other["dossier_id"], "handed_over", "clock_started", "sent accepted:1")
    assert await hub.effects(here) == TOLD, "nothing rings for a dossier that is done"


async def test_a_receipt_outside_working_hours_counts_from_the_next_opening(hub: Hub) -> None:
    body = await hub.body("2.001159")
    receipt = await hub.post(
        "/v1/dossiers", {**body, "received_at": "2026-03-01T20:00:00+07:00", "acceptance": {"officer": "CB-001"}}
    )
    await hub.reached(receipt["dossier_id"], "clock_stopped", "sent accepted:1", "sent completed:1")

    assert receipt["promise"]["due_at"] == "2026-03-02T08:00:00+07:00", "an hour from Monday 07:00"
    clock = await hub.clock(receipt["dossier_id"])
    assert (clock["agrees"], clock["due_at"]) == (True, "2026-03-02T01:00:00Z")
    assert "08:00 02/03/2026" in (await hub.texts(receipt["dossier_id"]))["accepted"]
