"""Nộp và tiếp nhận hồ sơ, through the front door."""

import asyncio
import json

import pytest

from hub_messaging.sealing import SealingKeys
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, residence

pytestmark = pytest.mark.stack

HOUSEHOLD_BUSINESS = {"procedure_code": "1.001612", "components": []}  # "theo mô tả": only a person can read the term


async def test_an_accepted_dossier_has_code_and_promised_date_and_is_announced_once(door: FrontDoor) -> None:
    answer = await door.submitted(residence(acceptance=ACCEPTANCE))

    assert answer["state"] == "accepted"
    assert answer["dossier_code"] == "H26.15.01-260302-0001"
    assert answer["national_status"] == {"code": 2, "name": "Được tiếp nhận"}
    assert answer["received_at"].startswith("2026-03-02T08:00:0")
    assert answer["promise"]["due_at"] == "2026-03-11T17:00:00+07:00"
    assert answer["received_at"] == answer["accepted_at"]
    assert answer["promise"]["counted_from"] == "2026-03-02T08:00:00+07:00", "the minute that the receipt shows"
    assert (answer["promise"]["set_by"], answer["promise"]["provisional"]) == ("rule", False)
    ((type, event),) = await door.outbox(answer["dossier_id"])
    assert type == "dossier.accepted.v1"
    assert event["dossier_code"] == answer["dossier_code"]
    assert event["promise"]["due_at"] == "2026-03-11T10:00:00Z"
    assert [leg["agency_kind"] for leg in event["legs"]] == ["commune-police"]
    assert event["territory"] == "00004", "the desk's, when the submission names none"
    shown = (await door.get(f"/v1/dossiers/{answer['dossier_id']}")).json()
    assert {name: shown[name] for name in answer} == answer
    assert (await door.get(f"/v1/dossiers?code={answer['dossier_code']}")).json()["items"] == [shown]


async def test_a_second_that_nobody_is_shown_makes_no_receipt_late_for_the_cut_off(door: FrontDoor) -> None:
    door.set_time("2026-02-13T15:02:00+07:00")
    dates = {}
    for received_at in ("15:00:00.000001", "15:00:59", "15:01:00"):
        answer = await door.submitted(birth(received_at=f"2026-02-13T{received_at}+07:00", acceptance=ACCEPTANCE))
        dates[received_at] = answer["promise"]["due_at"]
    assert dates["15:00:00.000001"] == dates["15:00:59"] == "2026-02-13T17:00:00+07:00"
    assert dates["15:01:00"] == "2026-02-23T17:00:00+07:00"


async def test_birth_registration_after_15_00_is_due_at_the_end_of_the_next_working_day(door: FrontDoor) -> None:
    door.set_time("2026-02-13T15:21:00+07:00")
    answer = await door.submitted(birth(received_at="2026-02-13T15:20:00+07:00", acceptance=ACCEPTANCE))
    assert answer["promise"]["due_at"] == "2026-02-23T17:00:00+07:00"
    assert answer["promise"]["counted_from"] == "2026-02-13T15:20:00+07:00"
    assert answer["promise"]["term"]["cut_off"] == "15:00"
    assert answer["dossier_code"] == "H26.15.01-260213-0001"


async def test_with_a_component_missing_it_is_submitted_and_not_accepted(door: FrontDoor) -> None:
    body = residence(
        acceptance=ACCEPTANCE, components=[{"code": "to-khai", "originals": 1}, {"code": "anh-the", "copies": 2}]
    )
    answer = await door.submitted(body)

    assert (answer["state"], answer["dossier_code"], answer["promise"]) == ("submitted", None, None)
    assert answer["national_status"]["code"] == 1
    assert answer["findings"] == [
        {"code": "component-missing", "component": "cho-o"},
        {"code": "component-unknown", "component": "anh-the"},
    ]
    ((type, event),) = await door.outbox(answer["dossier_id"])
    assert (type, event["findings"]) == ("dossier.submitted.v1", answer["findings"])


async def test_a_component_of_another_case_is_not_missed(door: FrontDoor) -> None:
    assert (await door.submitted(residence()))["findings"] == []
    by_proxy = await door.submitted(residence(case="uy-quyen"))
    assert by_proxy["findings"] == [{"code": "component-missing", "component": "uy-quyen"}]


async def test_a_listed_component_of_which_nothing_came_is_missing(door: FrontDoor) -> None:
    answer = await door.submitted(residence(components=[{"code": "to-khai", "electronic": True}, {"code": "cho-o"}]))
    assert answer["findings"] == [{"code": "component-missing", "component": "cho-o"}]


async def test_a_term_that_needs_a_person_is_accepted_with_the_officers_date_and_reason_only(door: FrontDoor) -> None:
    refused = await door.post("/v1/dossiers", residence(**HOUSEHOLD_BUSINESS, acceptance=ACCEPTANCE))
    assert (refused.status_code, refused.json()["slug"]) == (422, "term-needs-a-person")
    assert refused.json()["reason"] == "see-description"
    assert "promised" in refused.json()["next_step"]
    assert await door.outbox() == []

    promised = {"due_at": "2026-03-06T17:00:00+07:00", "reason": "Theo lịch của phòng chuyên môn"}
    answer = await door.submitted(residence(**HOUSEHOLD_BUSINESS, acceptance={**ACCEPTANCE, "promised": promised}))
    promise = answer["promise"]
    assert (promise["due_at"], promise["set_by"], promise["officer"]) == (promised["due_at"], "officer", "cb-01")
    ((_, event),) = await door.outbox(answer["dossier_id"])
    assert "phòng" not in json.dumps(event, ensure_ascii=False)
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    dossier_id = await door.intake.spine.pool.fetchval("SELECT id FROM dossier")
    assert keys.open("contact", dossier_id, event["promise"]["sealed_reason"]) == promised["reason"]
    timeline = (await door.get(f"/v1/dossiers/{answer['dossier_id']}/timeline")).json()
    assert timeline["steps"][0]["facts"]["promise"]["set_by"] == "officer"
    assert "sealed" not in str(timeline)


async def test_a_computable_term_leaves_no_room_for_another_date(door: FrontDoor) -> None:
    promised = {"due_at": "2026-06-06T17:00:00+07:00", "reason": "bận"}
    refused = await door.post("/v1/dossiers", residence(acceptance={**ACCEPTANCE, "promised": promised}))
    assert (refused.status_code, refused.json()["slug"]) == (422, "term-is-computed")


async def test_an_officers_date_lies_after_the_receipt(door: FrontDoor) -> None:
    promised = {"due_at": "2026-03-02T07:00:00+07:00", "reason": "gõ nhầm"}
    body = residence(**HOUSEHOLD_BUSINESS, acceptance={**ACCEPTANCE, "promised": promised})
    assert (await door.post("/v1/dossiers", body)).json()["slug"] == "promise-before-receipt"


async def test_an_immediate_term_has_no_date_and_says_why(door: FrontDoor) -> None:
    answer = await door.submitted(residence(procedure_code="1.001445", components=[], acceptance=ACCEPTANCE))
    assert (answer["state"], answer["promise"]["due_at"]) == ("accepted", None)
    assert answer["promise"]["term"]["reason"] == "immediate"


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        ({"procedure_code": "9.999999"}, "procedure-unknown"),
        ({"desk_code": "H99.01"}, "desk-unknown"),
        ({"case": "khong-co"}, "case-unknown"),
        ({"acceptance": {"officer": "cán bộ"}}, "invalid-request"),
        ({"received_at": "2026-03-02T08:03:00+07:00"}, "received-at-not-believable"),
        ({"received_at": "2023-03-02T08:00:00+07:00"}, "received-at-not-believable"),
        ({"received_at": "2026-03-02T08:00:00"}, "invalid-request"),
        ({"components": [{"code": "to-khai"}, {"code": "to-khai"}]}, "invalid-request"),
        ({"contact": {"phone": "12"}}, "invalid-request"),
        ({"misspelt": 1}, "invalid-request"),
    ],
)
async def test_what_cannot_be_true_is_refused_with_its_reason(
    door: FrontDoor, change: dict[str, object], slug: str
) -> None:
    refused = await door.post("/v1/dossiers", residence(**change))
    assert (refused.status_code, refused.json()["slug"]) == (422, slug)
    assert refused.json()["next_step"]
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM dossier") == 0


async def test_a_clock_two_minutes_ahead_is_forgiven(door: FrontDoor) -> None:
    assert (await door.submitted(residence(received_at="2026-03-02T08:01:59+07:00")))["state"] == "submitted"


async def test_the_same_request_again_gets_the_same_answer_and_no_second_dossier(door: FrontDoor) -> None:
    first, *others = await asyncio.gather(
        *(door.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="receipt-1") for _ in range(5))
    )
    again = await door.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="receipt-1")
    assert first.status_code == 201
    assert {(other.status_code, other.content) for other in (*others, again)} == {(201, first.content)}
    assert len(await door.outbox()) == 1

    reused = await door.post("/v1/dossiers", birth(acceptance=ACCEPTANCE), key="receipt-1")
    assert (reused.status_code, reused.json()["slug"]) == (422, "idempotency-key-reused")
    stranger = door.token(subject="another desk's system")
    theirs = await door.post("/v1/dossiers", residence(acceptance=ACCEPTANCE), key="receipt-1", bearer=stranger)
    assert theirs.json()["dossier_id"] != first.json()["dossier_id"], "a key belongs to who uses it"


async def test_a_refused_request_may_be_mended_under_its_key(door: FrontDoor) -> None:
    assert (await door.post("/v1/dossiers", residence(case="khong-co"), key="k")).status_code == 422
    assert (await door.post("/v1/dossiers", residence(), key="k")).status_code == 201


async def test_a_post_without_a_key_is_refused(door: FrontDoor) -> None:
    refused = await door.client.post("/v1/dossiers", json=residence(), headers={"Authorization": door.bearer})
    assert (refused.status_code, refused.json()["slug"]) == (400, "idempotency-key-missing")


async def test_codes_of_one_desk_and_day_are_all_different_from_the_very_first_on(door: FrontDoor) -> None:
    answers = await asyncio.gather(*(door.submitted(residence(acceptance=ACCEPTANCE)) for _ in range(150)))
    assert len({answer["dossier_code"] for answer in answers}) == 150
    assert max(answer["dossier_code"] for answer in answers) == "H26.15.01-260302-0150"
    elsewhere = await door.submitted(residence(desk_code="H26.15.02", acceptance=ACCEPTANCE))
    assert elsewhere["dossier_code"] == "H26.15.02-260302-0001"
    door.set_time("2026-03-03T00:00:01+07:00")
    assert (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_code"] == "H26.15.01-260303-0001"


async def test_a_desk_that_needs_more_than_9999_numbers_gets_wider_ones(door: FrontDoor) -> None:
    await door.intake.spine.pool.execute("INSERT INTO number_range VALUES ('H26.15.01/260302', 9999)")
    assert (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_code"] == "H26.15.01-260302-10000"


async def test_personal_data_rests_and_travels_sealed_only(door: FrontDoor) -> None:
    personal = {
        "applicant": {
            "kind": "citizen", "full_name": "Trần Thị Chim Én", "personal_id": "001190987654",
            "address": "Ngõ Chim Én", "date_of_birth": "1990-01-31",
        },
        "contact": {"full_name": "Trần Thị Chim Én", "phone": "0987654321", "email": "chimen@example.vn"},
        "request": "Chim Én xin đăng ký", "form": {"note": "Chim Én", "list": [1, {"deep": None}]},
    }  # fmt: skip
    answer = await door.submitted(residence(**personal, acceptance=ACCEPTANCE))
    ((_, event),) = await door.outbox()
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    row = await door.intake.spine.pool.fetchrow("SELECT * FROM dossier")
    assert row is not None
    assert keys.open("contact", row["id"], event["sealed_contact"]) == {
        "full_name": "Trần Thị Chim Én", "phone": "+84987654321", "email": "chimen@example.vn"
    }  # fmt: skip
    form = keys.open("form", row["id"], event["sealed_form"])
    assert (form["applicant"], form["request"], form["form"]) == (
        personal["applicant"], personal["request"], personal["form"]
    )  # fmt: skip
    assert form["components"][1] == {
        "code": "cho-o", "name": "Giấy tờ chứng minh chỗ ở hợp pháp", "originals": 0, "copies": 1
    }  # fmt: skip
    shown = (await door.get(f"/v1/dossiers/{answer['dossier_id']}")).text
    everything = [shown, (await door.get(f"/v1/dossiers/{answer['dossier_id']}/timeline")).text]
    for table in ("dossier", "progress", "step", "outbox", "request", "number_range"):
        rows = await door.intake.spine.pool.fetch(f"SELECT {table}::text AS text FROM {table}")
        everything += [row["text"] for row in rows]
    for canary in ("Chim", "001190987654", "987654321", "chimen@"):
        found = [text[:80] for text in everything if canary in text or canary.encode().hex() in text]
        assert not found, canary


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity", "9" * 5000])
async def test_a_number_that_could_not_be_told_to_an_agency_is_refused_at_once(door: FrontDoor, number: str) -> None:
    body = json.dumps(residence(form={"deep": [{"n": "HERE"}]})).replace('"HERE"', number).encode()
    headers = {"Authorization": door.bearer, "Idempotency-Key": number[:20], "Content-Type": "application/json"}
    refused = await door.client.post("/v1/dossiers", content=body, headers=headers)
    assert refused.status_code in (400, 422), refused.text


async def test_a_form_that_no_event_could_carry_is_refused_at_once(door: FrontDoor) -> None:
    refused = await door.post("/v1/dossiers", residence(form={"long": "x" * 500_000}))
    assert (refused.status_code, refused.json()["slug"]) == (413, "body-too-large")


async def test_outside_the_callers_area_nothing_exists(door: FrontDoor) -> None:
    answer = await door.submitted(residence(acceptance=ACCEPTANCE))
    neighbour = door.token(area=["H26.15.02"])
    place = f"/v1/dossiers/{answer['dossier_id']}"
    for response in (
        await door.post("/v1/dossiers", residence(), bearer=neighbour),
        await door.get(place, bearer=neighbour),
        await door.get(f"{place}/timeline", bearer=neighbour),
        await door.post(f"{place}/accept", ACCEPTANCE, bearer=neighbour),
        await door.post(f"{place}/request-supplement", {**ACCEPTANCE, "reason": "thiếu"}, bearer=neighbour),
        await door.post(f"{place}/supplement", {**ACCEPTANCE, "components": [], "form": {}}, bearer=neighbour),
        await door.post(f"{place}/refuse", {**ACCEPTANCE, "reason_code": "x", "reason": "thiếu"}, bearer=neighbour),
    ):
        assert (response.status_code, response.json()["slug"]) == (404, "not-found")
    found = await door.get(f"/v1/dossiers?code={answer['dossier_code']}", bearer=neighbour)
    assert found.json() == {"items": [], "next_cursor": None}
    assert (await door.get(place, bearer=door.token(area=["H26.15.01"]))).status_code == 200


async def test_each_route_asks_for_its_own_scope(door: FrontDoor) -> None:
    submitter, decider, reader = (door.token([f"dossiers:{scope}"]) for scope in ("submit", "decide", "read"))
    answer = await door.submitted(residence())
    place = f"/v1/dossiers/{answer['dossier_id']}"
    assert (await door.post("/v1/dossiers", residence(), bearer=decider)).status_code == 403
    assert (await door.post(f"{place}/accept", ACCEPTANCE, bearer=submitter)).status_code == 403
    assert (await door.get(place, bearer=submitter)).status_code == 403
    assert (await door.get("/v1/intake/stuck", bearer=reader)).status_code == 403
    assert (await door.get("/v1/intake/dead-letters", bearer=reader)).status_code == 403
    assert (await door.get(place, bearer=reader)).status_code == 200
    assert (await door.post(f"{place}/accept", ACCEPTANCE, bearer=decider)).status_code == 200
