"""Quyết định của cán bộ: what an officer can decide when, and what follows, through the front door."""

import uuid
from datetime import datetime

import pytest

from hub_messaging.sealing import SealingKeys
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence
from tests.intake.test_lists import completed, counted
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack
LEAVING, HERE = ("request-withdrawal", "stop"), ("ask-fee", "correct")
IN_PROCESS = ("record-step", "result-ready", *HERE)


async def test_a_later_acceptance_counts_from_when_the_officer_accepts(door: FrontDoor) -> None:
    submitted = await door.submitted(residence())
    door.set_time("2026-03-04T10:00:00+07:00")
    answer = await door.decided(submitted["dossier_id"], "accept")

    assert answer["received_at"].startswith("2026-03-02T08:00:0"), "the receipt is never moved"
    assert answer["accepted_at"].startswith("2026-03-04T10:00:0")
    assert answer["promise"]["counted_from"] == "2026-03-04T10:00:00+07:00", "the minute of the acceptance"
    assert answer["promise"]["due_at"] == "2026-03-13T17:00:00+07:00"
    assert answer["dossier_code"] == "H26.15.01-260304-0001"
    types = [type for type, _ in await door.outbox(submitted["dossier_id"])]
    assert types == ["dossier.submitted.v1", "dossier.accepted.v1"]


async def test_an_officer_may_accept_in_spite_of_what_the_hub_finds_missing(door: FrontDoor) -> None:
    submitted = await door.submitted(residence(components=[]))
    assert len(submitted["findings"]) == 2
    answer = await door.decided(submitted["dossier_id"], "accept")
    assert (answer["state"], answer["findings"]) == ("accepted", submitted["findings"])


async def test_a_term_that_needs_a_person_needs_one_at_acceptance_too(door: FrontDoor) -> None:
    submitted = await door.submitted(residence(procedure_code="1.001612", components=[]))
    place = f"/v1/dossiers/{submitted['dossier_id']}/accept"
    assert (await door.post(place, ACCEPTANCE)).json()["slug"] == "term-needs-a-person"
    answer = await door.decided(
        submitted["dossier_id"], "accept", promised={"due_at": "2026-03-05T17:00:00+07:00", "reason": "đã hỏi phòng"}
    )
    assert answer["promise"]["due_at"] == "2026-03-05T17:00:00+07:00"


async def test_a_supplement_before_acceptance_brings_the_dossier_back_to_the_officer(door: FrontDoor) -> None:
    submitted = await door.submitted(residence(components=[{"code": "to-khai", "originals": 1}]))
    dossier_id = submitted["dossier_id"]
    asked = await door.decided(dossier_id, "request-supplement", components=["cho-o"], reason="Thiếu giấy tờ chỗ ở")
    assert (asked["state"], asked["national_status"]["code"]) == ("supplement_requested", 5)
    assert (asked["supplement"]["request"], asked["supplement"]["received_at"]) == (1, None)

    door.set_time("2026-03-03T09:00:00+07:00")
    brought = await door.decided(dossier_id, "supplement", components=[{"code": "cho-o", "copies": 1}])
    assert (brought["state"], brought["findings"], brought["promise"]) == ("submitted", [], None)
    assert brought["supplement"]["received_at"].startswith("2026-03-03T09:00:0")

    door.set_time("2026-03-03T09:30:00+07:00")
    accepted = await door.decided(dossier_id, "accept")
    assert accepted["promise"]["counted_from"].startswith("2026-03-03T09:30:0")
    events = dict(await door.outbox(dossier_id))
    requested, received = events["dossier.supplement_requested.v1"], events["dossier.supplement_received.v1"]
    assert (requested["after_acceptance"], requested["request"], requested["components"]) == (False, 1, ["cho-o"])
    assert "promise" not in received
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    assert keys.open("contact", uuid.UUID(dossier_id), requested["sealed_reason"]) == "Thiếu giấy tờ chỗ ở"
    form = keys.open("form", uuid.UUID(dossier_id), events["dossier.accepted.v1"]["sealed_form"])
    assert [part["code"] for part in form["components"]] == ["to-khai", "cho-o"]
    assert form["applicant"]["full_name"] == "Nguyễn Văn Mẫu"


async def test_a_supplement_after_acceptance_restarts_the_date_from_zero_in_the_same_commit(door: FrontDoor) -> None:
    accepted = await door.submitted(residence(acceptance=ACCEPTANCE, form={"so-nha": "1"}))
    dossier_id = accepted["dossier_id"]
    door.set_time("2026-03-03T08:00:00+07:00")
    asked = await door.decided(dossier_id, "request-supplement", reason="Tờ khai chưa ký")
    assert (asked["state"], asked["promise"]) == ("supplement_requested", accepted["promise"])

    door.set_time("2026-03-09T10:00:00+07:00")
    answer = await door.decided(
        dossier_id,
        "supplement",
        components=[{"code": "to-khai", "originals": 1}],
        received_at="2026-03-09T09:00:00+07:00",
        form={"so-nha": "2"},
    )
    assert (answer["state"], answer["dossier_code"]) == ("accepted", accepted["dossier_code"])
    assert answer["promise"]["counted_from"] == "2026-03-09T09:00:00+07:00"
    assert answer["promise"]["due_at"] == "2026-03-18T17:00:00+07:00"
    event = dict(await door.outbox(dossier_id))["dossier.supplement_received.v1"]
    assert event["promise"]["due_at"] == "2026-03-18T10:00:00Z"
    assert event["previous_due_at"] == "2026-03-11T10:00:00Z"
    assert [part["code"] for part in event["components"]] == ["to-khai"]
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    form = keys.open("form", uuid.UUID(dossier_id), event["sealed_form"])
    assert (form["form"], len(form["components"])) == ({"so-nha": "2"}, 2)

    again = await door.decided(dossier_id, "request-supplement", reason="Thiếu trang hai", superior=SUPERIOR)
    assert again["supplement"]["request"] == 2


async def test_a_request_follows_the_acceptance_though_clocks_were_set_back(door: FrontDoor) -> None:
    """Else the register would take it for one before acceptance, and call late what ended while it waited."""
    id = (await door.submitted(birth()))["dossier_id"]
    door.set_time("2026-03-02T09:00:00+07:00")
    accepted = await door.decided(id, "accept")
    door.set_time("2026-03-02T08:59:00+07:00")
    asked = await door.decided(id, "request-supplement", components=["to-khai"], reason="Thiếu chữ ký")
    assert asked["supplement"]["requested_at"] == accepted["accepted_at"]
    event = dict(await door.outbox(id))["dossier.supplement_requested.v1"]
    assert datetime.fromisoformat(event["requested_at"]) == datetime.fromisoformat(accepted["accepted_at"])
    await told(door, record(completed(datetime.fromisoformat("2026-03-05T09:00:00+07:00")), id))
    assert await counted(door, "late=yes") == 0


SUPERIOR = {"officer": "ct-01", "reason": "Trang hai của ông Mẫu bị rách sau khi nộp"}


async def test_a_leg_that_the_procedure_does_not_have_is_no_way_round_a_superiors_word(door: FrontDoor) -> None:
    dossier_id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    place = f"/v1/dossiers/{dossier_id}/request-supplement"
    refused = await door.post(place, {**ACCEPTANCE, "reason": "Thiếu trang", "leg": "bia-1"})
    assert (refused.status_code, refused.json()["slug"], refused.json()["known_legs"]) == (422, "leg-unknown", ["lead"])
    assert refused.json()["next_step"]
    assert (await door.get(f"/v1/dossiers/{dossier_id}")).json()["state"] == "accepted"


async def test_a_second_request_of_the_same_stage_needs_a_superiors_word(door: FrontDoor) -> None:
    dossier_id = (await door.submitted(residence()))["dossier_id"]
    place = f"/v1/dossiers/{dossier_id}/request-supplement"
    brought = {"components": [{"code": "to-khai", "originals": 1}]}
    for after, kind in ((False, "desk"), (True, "appraisal")):
        if after:
            await door.decided(dossier_id, "accept")
        await door.decided(dossier_id, "request-supplement", reason="Thiếu chữ ký")
        await door.decided(dossier_id, "supplement", **brought)
        refused = await door.post(place, {**ACCEPTANCE, "reason": "Thiếu ngày"})
        assert (refused.status_code, refused.json()["slug"], refused.json()["stage"]) == (409, "second-request", kind)
        assert "superior" in refused.json()["next_step"]
    asked = await door.decided(dossier_id, "request-supplement", reason="Thiếu trang", leg="lead")
    assert asked["supplement"]["counts"] == {"desk": 1, "appraisal": 1, "appraisal:lead": 1}
    await door.decided(dossier_id, "supplement", **brought)
    again = await door.decided(dossier_id, "request-supplement", reason="Thiếu trang hai", superior=SUPERIOR)
    assert again["supplement"]["counts"] == {"desk": 1, "appraisal": 2, "appraisal:lead": 1}
    assert again["supplement"]["superior"] == "ct-01"
    events = [body for type, body in await door.outbox(dossier_id) if type == "dossier.supplement_requested.v1"]
    assert [(event.get("leg"), event.get("superior")) for event in events] == [
        (None, None),
        (None, None),
        ("lead", None),
        (None, "ct-01"),
    ]
    timeline = (await door.get(f"/v1/dossiers/{dossier_id}/timeline")).text
    assert "lãnh đạo đã đồng ý" in timeline
    assert "ông Mẫu" not in timeline + str(again)


async def test_a_supplement_is_not_received_before_it_was_asked_for_nor_in_the_future(door: FrontDoor) -> None:
    dossier_id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await door.decided(dossier_id, "request-supplement", reason="Tờ khai chưa ký")
    for moment in ("2026-03-02T07:00:00+07:00", "2026-03-02T09:00:00+07:00"):
        body = {**ACCEPTANCE, "components": [{"code": "to-khai", "originals": 1}], "received_at": moment}
        refused = await door.post(f"/v1/dossiers/{dossier_id}/supplement", body)
        assert (refused.status_code, refused.json()["slug"]) == (422, "received-at-not-believable")


async def test_a_refused_dossier_is_closed_with_a_sealed_reason(door: FrontDoor) -> None:
    submitted = await door.submitted(residence())
    answer = await door.decided(
        submitted["dossier_id"], "refuse", reason_code="not-competent", reason="Không thuộc thẩm quyền của phường"
    )
    assert (answer["state"], answer["national_status"]["code"]) == ("refused", 3)
    shown = (await door.get(f"/v1/dossiers/{submitted['dossier_id']}")).json()
    assert (shown["refused_by"], shown["refused_reason"], shown["possible"]) == ("cb-01", "not-competent", [])
    event = dict(await door.outbox(submitted["dossier_id"]))["dossier.refused.v1"]
    assert event["reason"] == "not-competent"
    assert "thẩm quyền" not in str(event)


async def test_what_is_not_possible_now_is_told_with_what_is(door: FrontDoor) -> None:
    accepted = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    waiting = (await door.submitted(residence()))["dossier_id"]
    await door.decided(waiting, "request-supplement", reason="Thiếu chữ ký")
    refused = (await door.submitted(residence()))["dossier_id"]
    await door.decided(refused, "refuse", reason_code="incomplete", reason="Không bổ sung")
    bodies: dict[str, dict[str, object]] = {
        "accept": {},
        "request-supplement": {"reason": "x"},
        "supplement": {"components": [], "form": {}},
        "refuse": {"reason_code": "x", "reason": "x"},
    }
    cases = [
        (accepted, ("accept", "supplement", "refuse"), "accepted", ["request-supplement", *LEAVING, *IN_PROCESS]),
        (waiting, ("accept", "request-supplement"), "supplement_requested", ["supplement", "refuse", *LEAVING, *HERE]),
        (refused, tuple(bodies), "refused", []),
    ]
    for dossier_id, actions, state, possible in cases:
        for action in actions:
            answer = await door.post(f"/v1/dossiers/{dossier_id}/{action}", {**ACCEPTANCE, **bodies[action]})
            assert (answer.status_code, answer.json()["slug"]) == (409, "wrong-state"), (state, action)
            assert (answer.json()["state"], answer.json()["possible"]) == (state, possible)


async def test_a_component_that_the_procedure_does_not_know_cannot_be_asked_for(door: FrontDoor) -> None:
    dossier_id = (await door.submitted(residence()))["dossier_id"]
    body = {**ACCEPTANCE, "components": ["anh-the"], "reason": "Thiếu ảnh"}
    refused = await door.post(f"/v1/dossiers/{dossier_id}/request-supplement", body)
    assert (refused.json()["slug"], refused.json()["components"]) == ("component-unknown", ["anh-the"])


async def test_a_decision_sent_again_is_one_decision(door: FrontDoor) -> None:
    dossier_id = (await door.submitted(residence()))["dossier_id"]
    first = await door.post(f"/v1/dossiers/{dossier_id}/accept", ACCEPTANCE, key="decision")
    again = await door.post(f"/v1/dossiers/{dossier_id}/accept", ACCEPTANCE, key="decision")
    assert (again.status_code, again.content) == (200, first.content)
    assert len(await door.outbox(dossier_id)) == 2


async def test_nobody_decides_about_a_dossier_that_is_not_there(door: FrontDoor) -> None:
    answer = await door.post(f"/v1/dossiers/{uuid.uuid4()}/accept", ACCEPTANCE)
    assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    assert (await door.post("/v1/dossiers/not-an-id/accept", ACCEPTANCE)).status_code == 422
