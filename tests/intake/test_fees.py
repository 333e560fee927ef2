"""Phí, lệ phí: when a payment is believed."""

import pytest

from tests.intake.conftest import FrontDoor
from tests.intake.test_life import accepted, refused

pytestmark = pytest.mark.stack


async def test_a_fee_is_paid_online_before_the_desk_has_the_dossier(door: FrontDoor) -> None:
    door.set_time("2026-03-02T09:05:00+07:00")
    id = await accepted(door)
    await door.decided(id, "fees", purpose="le-phi", amount=8000)
    paid = {"reference": "NAPAS-2026-001", "by": "online"}
    typo = {**paid, "at": "2025-02-28T09:00:00+07:00"}
    assert await refused(door, id, "fees/1/payment", **typo) == (422, "received-at-not-believable")
    await door.decided(id, "fees/1/payment", **paid, at="2026-03-02T09:00:00+07:00")
    (event,) = [body for type, body in await door.outbox(id) if type == "dossier.fee_paid.v1"]
    assert event["paid_at"] == "2026-03-02T02:00:00Z"
