"""Đường đi của hồ sơ: from the desk to the agency and back to the citizen, on real parts."""

from datetime import datetime

import pytest

from hub_local.front_door import Refused
from hub_local.proof import TOLD
from hub_messaging.clock import VIETNAM
from tests.flows.hub import OFFICER, Hub

pytestmark = pytest.mark.stack

WHOLE_WAY = {
    "accepted": 1,
    "routed": 1,
    "handed_over": 1,
    "acknowledged": 1,
    "step_recorded": 1,
    "completed": 1,
    "clock_started": 1,
    "clock_stopped": 1,
    "sent accepted:1": 1,
    "sent completed:1": 1,
}


def minute(text: str) -> str:
    """An ISO time as people read it: `17:00 05/03/2026`."""
    return f"{datetime.fromisoformat(text).astimezone(VIETNAM):%H:%M %d/%m/%Y}"


async def test_a_dossier_accepted_at_the_counter_goes_all_the_way(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"steps": True})

    receipt = await hub.accepted()
    words = await hub.reached(receipt["dossier_id"], *WHOLE_WAY)

    assert dict(words) == WHOLE_WAY
    assert await hub.effects(receipt["dossier_id"]) == TOLD
    shown = await hub.shown(receipt["dossier_id"])
    assert (shown["state"], shown["national_status"]["code"], shown["result"]) == ("completed", 9, "approved")
    assert shown["possible"] == ["result-ready", "return-result", "ask-fee", "correct"]
    assert (await hub.clock(receipt["dossier_id"]))["outcome"] == "early"
    assert {notice["state"] for notice in (await hub.notices(receipt["dossier_id"])).values()} == {"sent"}


async def test_every_step_says_when_who_and_where(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"steps": True})
    receipt = await hub.accepted()
    await hub.reached(receipt["dossier_id"], *WHOLE_WAY)

    steps = {step["type"]: step for step in await hub.steps(receipt["dossier_id"])}

    assert all(datetime.fromisoformat(step["at"]).date().isoformat() == "2026-03-02" for step in steps.values())
    assert all(step["text"] and step["where"]["name"] for step in steps.values())
    assert steps["dossier.accepted.v1"]["who"] == OFFICER
    assert steps["dossier.accepted.v1"]["where"]["kind"] == "desk"
    assert steps["dossier.step_recorded.v1"]["who"] == "CB-01"
    assert steps["dossier.step_recorded.v1"]["where"]["kind"] == "agency"
    assert steps["message.sent.v1"]["where"]["code"] == "notify"
    assert steps["deadline.clock_started.v1"]["where"]["code"] == "sla"


async def test_receipt_register_message_and_clock_show_the_same_minute(hub: Hub) -> None:
    receipt = await hub.accepted()
    await hub.reached(receipt["dossier_id"], "clock_started", "sent accepted:1")

    due = "17:00 05/03/2026"
    assert minute(receipt["promise"]["due_at"]) == due
    assert minute((await hub.shown(receipt["dossier_id"]))["promise"]["due_at"]) == due
    assert due in (await hub.texts(receipt["dossier_id"]))["accepted"]
    clock = await hub.clock(receipt["dossier_id"])
    assert minute(clock["due_at"]) == minute(clock["computed_due_at"]) == due
    assert clock["agrees"]


async def test_a_national_status_follows_the_dossier(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"callback": "on_command"})
    submitted = await hub.post("/v1/dossiers", await hub.body(channel="online"))
    assert (submitted["state"], submitted["national_status"]["code"]) == ("submitted", 1)
    assert submitted["dossier_code"] is None

    accepted = await hub.decide(submitted["dossier_id"], "accept")
    assert accepted["national_status"]["code"] == 2
    assert accepted["dossier_code"]
    await hub.reached(submitted["dossier_id"], "handed_over", "sent accepted:1")
    assert (await hub.shown(submitted["dossier_id"]))["national_status"]["code"] == 4
    await hub.door.release((await hub.shown(submitted["dossier_id"]))["agency"]["code"])

    words = await hub.reached(submitted["dossier_id"], "clock_stopped", "sent completed:1")
    assert words["submitted"] == words["accepted"] == 1
    assert (await hub.shown(submitted["dossier_id"]))["national_status"]["code"] == 9
    assert await hub.effects(submitted["dossier_id"]) == TOLD


async def test_a_dossier_is_completed_before_it_is_accepted(hub: Hub) -> None:
    body = await hub.body(channel="online")
    missing, rest = body["components"][0], body["components"][1:]
    submitted = await hub.post("/v1/dossiers", {**body, "components": rest, "acceptance": {"officer": OFFICER}})
    assert submitted["state"] == "submitted", "what lacks a paper is not accepted, even when the officer wished it"
    assert [finding["component"] for finding in submitted["findings"]] == [missing["code"]]

    here = submitted["dossier_id"]
    asked = await hub.decide(here, "request-supplement", components=[missing["code"]], reason="Thiếu giấy tờ")
    assert asked["national_status"]["code"] == 5
    await hub.reached(here, "sent supplement:1")
    assert await hub.effects(here) == {"sms supplement:1": 1}
    brought = await hub.decide(here, "supplement", components=[missing])
    assert (brought["state"], brought["findings"]) == ("submitted", [])
    await hub.decide(here, "accept")

    words = await hub.reached(here, "clock_stopped", "sent completed:1", "sent accepted:1")
    assert words["clock_paused"] == words["clock_restarted"] == 0, "the clock had not begun"
    assert await hub.effects(here) == {**TOLD, "sms supplement:1": 1}


async def test_an_agency_asks_for_a_supplement_and_the_term_starts_from_zero(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"asks_supplement": True})
    receipt = await hub.accepted()
    here = receipt["dossier_id"]
    await hub.reached(here, "supplement_asked", "clock_started", "sent accepted:1")
    shown = await hub.shown(here)
    assert shown["supplement_asked_at"]
    assert shown["national_status"]["code"] == 4, "the desk decides: nothing is asked of the citizen by itself"

    code = shown["components"][0]["code"]
    await hub.moved_to(datetime(2026, 3, 3, 9, 0, tzinfo=VIETNAM))
    await hub.decide(here, "request-supplement", components=[code], reason="Bản sao mờ")
    await hub.reached(here, "clock_paused", "sent supplement:1")
    assert (await hub.clock(here))["state"] == "paused"

    await hub.moved_to(datetime(2026, 3, 10, 10, 0, tzinfo=VIETNAM))
    again = {"code": code, "originals": 1, "copies": 0}
    brought = await hub.decide(here, "supplement", components=[again])
    words = await hub.reached(here, "clock_restarted", "completed", "clock_stopped", "sent completed:1")

    assert minute(brought["promise"]["due_at"]) == "17:00 13/03/2026"
    clock = await hub.clock(here)
    assert (minute(clock["due_at"]), clock["agrees"], clock["outcome"]) == ("17:00 13/03/2026", True, "early")
    assert words["handed_over"] == 2
    agencies = {step["where"]["code"] for step in await hub.steps(here) if step["type"] == "dossier.handed_over.v1"}
    assert len(agencies) == 1, "the supplement goes the dossier's own way"
    assert await hub.effects(here) == {**TOLD, "supplement lead:supplement:1": 1, "sms supplement:1": 1}


async def test_a_refusal_is_told_once_and_goes_nowhere_else(hub: Hub) -> None:
    submitted = await hub.post("/v1/dossiers", await hub.body())
    here = submitted["dossier_id"]

    refused = await hub.decide(here, "refuse", reason_code="not-entitled", reason="Không thuộc đối tượng")
    words = await hub.reached(here, "sent refusal:1")

    assert (refused["state"], refused["national_status"]["code"]) == ("refused", 3)
    assert dict(words) == {"submitted": 1, "refused": 1, "sent refusal:1": 1}
    assert await hub.effects(here) == {"sms refusal": 1}
    with pytest.raises(Refused) as late:
        await hub.decide(here, "accept")
    assert late.value.status == 409


async def test_whoever_cannot_be_told_is_listed_at_once(hub: Hub) -> None:
    body = await hub.body()
    del body["contact"]
    receipt = await hub.post("/v1/dossiers", {**body, "acceptance": {"officer": OFFICER}})
    here = receipt["dossier_id"]

    words = await hub.reached(here, "unreached accepted:1", "unreached completed:1", "clock_stopped")

    assert not any(word.startswith("sent") for word in words)
    assert await hub.effects(here) == {"handover lead": 1}
    listed = (await hub.door.get("notify", "/v1/notices?state=unreached&limit=200"))["items"]
    assert here in {item["dossier_id"] for item in listed}
    assert {notice["reason"] for notice in (await hub.notices(here)).values()} == {"no-contact"}


async def test_a_term_that_is_none_has_no_date_and_rings_for_nobody(hub: Hub) -> None:
    with pytest.raises(Refused) as refused:
        await hub.accepted("1.004873")
    assert (refused.value.status, refused.value.slug) == (422, "term-needs-a-person")

    body = await hub.body("1.004873")
    promised = {"due_at": "2026-03-06T17:00:00+07:00", "reason": "Ba ngày theo quyết định công bố"}
    receipt = await hub.post("/v1/dossiers", {**body, "acceptance": {"officer": OFFICER, "promised": promised}})
    await hub.reached(receipt["dossier_id"], "clock_stopped", "sent completed:1")

    assert receipt["promise"]["set_by"] == "officer"
    assert "17:00 06/03/2026" in (await hub.texts(receipt["dossier_id"]))["accepted"]
    assert minute((await hub.clock(receipt["dossier_id"]))["due_at"]) == "17:00 06/03/2026"
    assert await hub.effects(receipt["dossier_id"]) == TOLD


async def test_outside_its_area_a_dossier_does_not_exist(hub: Hub) -> None:
    receipt = await hub.accepted()
    here = receipt["dossier_id"]
    await hub.reached(here, "clock_stopped", "sent completed:1")
    elsewhere, own = hub.token(["H29.15.01"]), hub.token([receipt["dossier_code"].split("-")[0]])
    places = [
        ("intake", f"/v1/dossiers/{here}"),
        ("intake", f"/v1/dossiers/{here}/timeline"),
        ("routing", f"/v1/transfers/{here}"),
        ("notify", f"/v1/notices/{here}"),
        ("sla", f"/v1/deadlines/{here}"),
    ]

    statuses = {
        path: [
            (await hub.http.get(hub.layout.url(service) + path, headers=token)).status_code
            for token in (own, elsewhere, {})
        ]
        for service, path in places
    }

    assert statuses == {path: [200, 404, 401] for _, path in places}
    decided = await hub.http.post(
        hub.layout.url("intake") + f"/v1/dossiers/{here}/request-supplement",
        json={"officer": OFFICER, "reason": "x"},
        headers={**elsewhere, "idempotency-key": "not-theirs"},
    )
    assert decided.status_code == 404
