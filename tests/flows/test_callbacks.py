"""Trả lời của cơ quan: twice, late, out of order, forged; nothing that is true changes."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub_local.proof import TOLD
from hub_messaging.clock import VIETNAM
from hub_web.signatures import sign
from tests.flows.hub import MORNING, Hub
from tests.flows.test_a_dossiers_way import WHOLE_WAY

pytestmark = pytest.mark.stack


class Agency:
    """The agency of one dossier, speaking for itself."""

    def __init__(self, hub: Hub, dossier_id: str, code: str) -> None:
        self._hub = hub
        self._dossier_id = dossier_id
        self.code = code

    async def says(self, kind: str, *, id: str | None = None, at: datetime = MORNING, **members: Any) -> httpx.Response:
        """Sends one signed callback."""
        body = {"type": kind, "dossier_id": self._dossier_id, "leg": "lead", "at": at.isoformat(), **members}
        return await self.sends(json.dumps(body).encode(), id or str(uuid4()))

    async def sends(self, body: bytes, id: str, *, secret: str | None = None) -> httpx.Response:
        secret = secret or self._hub.stack.keys.webhook_secret.read_text()
        headers = {**sign(id, body, secret), "content-type": "application/json"}
        url = self._hub.layout.url("routing") + f"/v1/callbacks/{self.code}"
        return await self._hub.http.post(url, content=body, headers=headers)


async def waiting_dossier(hub: Hub) -> tuple[str, Agency]:
    """A dossier at an agency that says nothing by itself."""
    await hub.door.put_behaviour("*", {"callback": "never"})
    receipt = await hub.accepted()
    here = receipt["dossier_id"]
    await hub.reached(here, "handed_over", "clock_started", "sent accepted:1")
    return here, Agency(hub, here, (await hub.shown(here))["agency"]["code"])


@pytest.mark.parametrize(
    "behaviour",
    [
        {"steps": True, "completed": "twice"},
        {"steps": True, "completed": "twice_with_another_id"},
        {"steps": True, "callback_seconds": 1.5},
        {"steps": True, "late_answer_seconds": 0.5},
    ],
    ids=["twice with one id", "twice with two ids", "late", "before the hand-over is answered"],
)
async def test_an_odd_way_to_call_back_changes_nothing_that_is_true(hub: Hub, behaviour: dict[str, Any]) -> None:
    await hub.door.put_behaviour("*", behaviour)

    receipt = await hub.accepted()
    words = await hub.reached(receipt["dossier_id"], *WHOLE_WAY)

    assert dict(words) == WHOLE_WAY
    assert await hub.effects(receipt["dossier_id"]) == TOLD


async def test_an_acknowledgement_after_the_result_is_noted_and_opens_nothing_again(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"out_of_order": True})

    receipt = await hub.accepted()
    words = await hub.reached(receipt["dossier_id"], "acknowledged", "clock_stopped", "sent completed:1")

    assert words["completed"] == words["acknowledged"] == 1
    assert (await hub.shown(receipt["dossier_id"]))["state"] == "completed"
    assert await hub.effects(receipt["dossier_id"]) == TOLD


async def test_a_result_that_contradicts_the_first_is_listed_and_told_to_nobody(hub: Hub) -> None:
    here, agency = await waiting_dossier(hub)
    assert (await agency.says("completed", result={"code": "approved", "number": "KQ-1"})).status_code == 204
    await hub.reached(here, "clock_stopped", "sent completed:1")

    assert (await agency.says("completed", result={"code": "rejected"})).status_code == 204

    assert (await hub.shown(here))["result"] == "approved"
    contradicted = (await hub.door.get("routing", "/v1/transfers?contradicted=true"))["items"]
    assert here in [transfer["dossier_id"] for transfer in contradicted]
    assert await hub.effects(here) == TOLD


async def test_a_callback_an_hour_later_in_business_time_still_completes(hub: Hub) -> None:
    here, agency = await waiting_dossier(hub)
    later = MORNING + timedelta(hours=1)
    await hub.moved_to(later)

    assert (await agency.says("completed", at=later, result={"code": "approved"})).status_code == 204
    await hub.reached(here, "clock_stopped", "sent completed:1")

    assert datetime.fromisoformat((await hub.shown(here))["completed_at"]).astimezone(VIETNAM) == later


async def test_callbacks_that_cannot_be_taken_are_answered_with_why(hub: Hub) -> None:
    here, agency = await waiting_dossier(hub)
    message = str(uuid4())
    first = await agency.says("acknowledged", id=message)
    again = await agency.says("acknowledged", id=message)
    other_body = await agency.says("acknowledged", id=message, foreign_number="X-1")
    forged = await agency.sends(b"{}", str(uuid4()), secret="whsec_" + "A" * 43 + "=")
    unknown = await Agency(hub, str(uuid4()), agency.code).says("acknowledged")
    not_theirs = await Agency(hub, here, "H17.20.01").says("acknowledged")
    nonsense = await agency.says("completed", result={"code": "perhaps"})
    in_two_years = await agency.says("acknowledged", at=MORNING + timedelta(days=730))
    this_afternoon = await agency.says("acknowledged", at=MORNING + timedelta(hours=7))

    answers = [first, again, other_body, forged, unknown, not_theirs, nonsense, in_two_years, this_afternoon]
    assert [answer.status_code for answer in answers] == [204, 204, 409, 401, 404, 404, 422, 422, 503]
    assert all(answer.json()["title"] and answer.json()["fault"] for answer in answers[2:])
    words = await hub.reached(here, "acknowledged")
    assert words["acknowledged"] == 1
