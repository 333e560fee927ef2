"""Dòng thời gian, danh sách bị kẹt và danh mục, through the front door; facts come in as the consumer brings them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from hub_events.event import Envelope, Event, to_headers
from hub_events.notify import MessageSentV1
from hub_events.routing import DossierAcknowledgedV1, DossierCompletedV1, DossierHandedOverV1
from hub_events.sla import DeadlineClockStartedV1
from hub_messaging.clock import real_now
from hub_messaging.reader import Reader
from hub_messaging.refused import RawRecord
from services.intake.bootstrap import HANDLERS
from tests.intake.conftest import ACCEPTANCE, MONDAY_MORNING, FrontDoor, residence
from tests.intake.test_progress import POLICE, routed

pytestmark = pytest.mark.stack


def record(event: Event, dossier_id: str, id: UUID | None = None, **changes: Any) -> RawRecord:
    """The Kafka record of an event that another service published now."""
    now = MONDAY_MORNING + timedelta(seconds=30)
    envelope = Envelope(id or uuid4(), event.type, "/hub/test", dossier_id, now, real_now())
    fields = {"headers": tuple(to_headers(envelope)), "body": event.model_dump_json().encode(), **changes}
    return RawRecord("routing-dossier-events", 0, 0, key=dossier_id.encode(), **fields)


async def told(door: FrontDoor, *records: RawRecord) -> None:
    reader = Reader("intake", HANDLERS)
    await door.intake.spine.runner.run([reader.job(one) for one in records])


def handed_over() -> Event:
    return DossierHandedOverV1(
        leg="lead", agency=POLICE, handed_over_at=MONDAY_MORNING + timedelta(minutes=1), attempts=1
    )


async def test_the_timeline_tells_when_who_and_where_from_all_topics(door: FrontDoor) -> None:
    answer = await door.submitted(residence(acceptance=ACCEPTANCE))
    id = answer["dossier_id"]
    sent = MessageSentV1(
        duty="accepted", channel="sms", supplier="sms", sent_at=MONDAY_MORNING + timedelta(minutes=2), attempts=1
    )
    await told(door, record(routed(POLICE), id), record(handed_over(), id), record(sent, id))

    timeline = (await door.get(f"/v1/dossiers/{id}/timeline")).json()
    assert [(step["type"], step["who"], step["where"]["kind"]) for step in timeline["steps"]] == [
        ("dossier.accepted.v1", "cb-01", "desk"),
        ("dossier.routed.v1", None, "service"),
        ("dossier.handed_over.v1", None, "agency"),
        ("message.sent.v1", None, "service"),
    ]
    texts = [step["text"] for step in timeline["steps"]]
    assert texts[0] == "Hồ sơ được tiếp nhận, mã H26.15.01-260302-0001, hẹn trả kết quả lúc 17:00 11/03/2026."
    assert texts[2] == "Công an phường Ba Đình đã nhận hồ sơ."
    assert timeline["steps"][2]["at"] == "2026-03-02T08:01:00+07:00"
    shown = (await door.get(f"/v1/dossiers/{id}")).json()
    assert (shown["national_status"]["code"], shown["agency"]["code"]) == (4, POLICE.code)


async def test_an_agency_that_speaks_of_a_dossier_has_it_though_its_hand_over_is_heard_later(
    door: FrontDoor,
) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    for event in (
        DossierAcknowledgedV1(leg="lead", agency=POLICE, acknowledged_at=MONDAY_MORNING),
        handed_over(),
    ):
        await told(door, record(event, id))
        assert (await door.get(f"/v1/dossiers/{id}")).json()["national_status"]["code"] == 4


async def test_a_completed_dossier_takes_no_more_decisions(door: FrontDoor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=MONDAY_MORNING, result="approved")
    await told(door, record(done, id))
    shown = (await door.get(f"/v1/dossiers/{id}")).json()
    assert (shown["state"], shown["national_status"]["code"], shown["result"]) == ("completed", 9, "approved")
    refused = await door.post(f"/v1/dossiers/{id}/request-supplement", {**ACCEPTANCE, "reason": "thiếu"})
    assert (refused.status_code, refused.json()["state"], refused.json()["possible"]) == (
        409,
        "completed",
        ["result-ready", "return-result", "ask-fee", "correct"],
    )


async def test_a_fact_told_twice_is_one_step_and_a_fact_told_early_is_kept(door: FrontDoor) -> None:
    event, stranger = record(handed_over(), str(uuid4())), str(uuid4())
    await told(door, event, event)
    await told(door, event)
    await told(door, record(routed(POLICE), stranger))
    pool = door.intake.spine.pool
    assert await pool.fetchval("SELECT count(*) FROM step") == 2
    assert await pool.fetchval("SELECT agency_code FROM progress WHERE dossier_id = $1", UUID(stranger)) == POLICE.code
    assert (await door.get(f"/v1/dossiers/{stranger}")).status_code == 404


async def test_a_poisoned_record_is_a_dead_letter_that_an_operator_sees(door: FrontDoor) -> None:
    await told(door, record(handed_over(), str(uuid4()), body=b'{"leg": 1}'))
    (letter,) = (await door.get("/v1/intake/dead-letters")).json()["items"]
    assert (letter["reason"], letter["type"]) == ("invalid-body", "dossier.handed_over.v1")


async def test_what_is_accepted_and_not_followed_up_in_five_minutes_is_listed_and_counted(door: FrontDoor) -> None:
    pool = door.intake.spine.pool
    lost, half, fine, fresh = [(await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"] for _ in range(4)]
    undated = (await door.submitted(residence(procedure_code="1.001445", components=[], acceptance=ACCEPTANCE)))[
        "dossier_id"
    ]
    clock = DeadlineClockStartedV1(due_at=MONDAY_MORNING + timedelta(days=9), agrees=True)
    sent = MessageSentV1(duty="accepted", channel="sms", supplier="sms", sent_at=MONDAY_MORNING, attempts=1)
    for id, events in (
        (half, (routed(POLICE), sent)),
        (fine, (routed(POLICE), clock, sent)),
        (undated, (routed(POLICE),)),
    ):
        await told(door, *(record(event, id) for event in events))
    assert (await door.get("/v1/intake/stuck")).json() == {"items": [], "next_cursor": None}

    old = [UUID(id) for id in (lost, half, fine, undated)]
    await pool.execute(
        "UPDATE progress SET watched_since = now() - interval '5 minutes' WHERE dossier_id = ANY($1)", old
    )
    items = (await door.get("/v1/intake/stuck")).json()["items"]
    assert {item["dossier_id"]: item["missing"] for item in items} == {
        lost: ["route", "clock", "notice"], half: ["clock"], undated: ["notice"]
    }  # fmt: skip
    assert fresh not in {item["dossier_id"] for item in items}
    assert items[0]["dossier_code"].startswith("H26.15.01-260302-")

    first = (await door.get("/v1/intake/stuck?limit=2")).json()
    second = (await door.get(f"/v1/intake/stuck?limit=2&cursor={first['next_cursor']}")).json()
    assert first["items"] + second["items"] == items
    assert second["next_cursor"] is None

    await door.intake.measure_stuck()
    counted = {
        missing: REGISTRY.get_sample_value("hub_stuck_dossiers", {"missing": missing})
        for missing in ("route", "clock", "notice")
    }
    assert counted == {"route": 1, "clock": 2, "notice": 2}


async def test_submitted_and_refused_dossiers_are_never_stuck(door: FrontDoor) -> None:
    id = (await door.submitted(residence()))["dossier_id"]
    await door.decided(id, "refuse", reason_code="x", reason="không đúng nơi")
    sent = MessageSentV1(duty="refusal", channel="sms", supplier="sms", sent_at=MONDAY_MORNING, attempts=1)
    await told(door, record(sent, id))
    assert await door.intake.spine.pool.fetchval("SELECT watched_since FROM progress") is None
    assert (await door.get("/v1/intake/stuck")).json()["items"] == []


async def test_procedures_and_desks_are_there_to_be_read(door: FrontDoor) -> None:
    codes = [item["code"] for item in (await door.get("/v1/procedures")).json()["items"]]
    assert codes == sorted(codes)
    procedure = (await door.get("/v1/procedures/1.001193")).json()
    assert procedure["terms"] == [{"channel": None, "case": None, "text": "Trong ngày", "cut_off": "15:00"}]
    assert (await door.get("/v1/procedures/9.999999")).status_code == 404
    assert [desk["code"] for desk in (await door.get("/v1/desks")).json()["items"]] == ["H26.15.01", "H26.15.02"]
