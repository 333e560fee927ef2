"""Dữ liệu tham chiếu được công bố: told once, whole, in the transaction that publishes it; issued forms too."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_events.reference import ProcedurePublishedV1
from hub_messaging.outbox import MAX_RECORD_BYTES
from services.intake.domain.citizen.citizen_steps import citizen_steps
from services.intake.domain.reference.directory import KINDS
from services.intake.domain.reference.reference_events import LARGEST, directory_events, procedure_event
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.directory_office import AGENCIES, DESKS, UNITS, Desk
from tests.intake.procedure_texts import channel, procedure_text
from tests.intake.published import only
from tests.intake.test_catalogue_import import CODE, imported, one, slugs

needs_a_stack = pytest.mark.stack
SIGNER = {"signer": {"name": "Lê Thị Ví Dụ", "title": "Công chức tiếp nhận"}}


async def told(door: FrontDoor) -> list[tuple[str, str, dict[str, Any]]]:
    """(type, key, body) of what was told of reference data, in order."""
    rows = await door.intake.spine.pool.fetch("SELECT type, key, body, headers FROM outbox ORDER BY seq")
    for row in rows:
        assert dict(json.loads(row["headers"]))["ce_subject"] == row["key"]
    return [(row["type"], row["key"], json.loads(row["body"])) for row in rows if "/" in row["key"]]


@needs_a_stack
async def test_a_procedure_is_told_whole_and_once_for_each_version(door: FrontDoor) -> None:
    run = str(uuid4())
    for _ in range(2):
        await imported(door, {"a.txt": procedure_text()}, run=run)
    await one(door, procedure_text())
    ((type, key, body),) = await told(door)
    assert (type, key) == ("procedure.published.v1", f"procedure/{CODE}@1")
    assert body["published_at"].startswith("2026-03-02T01:00:")
    assert [offer["term"] for offer in body["offers"]] == ["5 WORKING_DAY"]
    assert [paper["code"] for paper in body["papers"]] == ["to-khai-theo-mau", "giay-to-chung-minh"]
    assert {"agency", "steps"} <= {text["key"] for text in body["texts"]}

    await one(door, procedure_text(channels=channel(term="3 WORKING_DAY")))
    assert [key for _, key, _ in await told(door)] == [f"procedure/{CODE}@1", f"procedure/{CODE}@2"]


@needs_a_stack
async def test_a_dry_run_and_a_repeated_request_tell_nothing_more(door: FrontDoor) -> None:
    key, run = str(uuid4()), str(uuid4())
    await imported(door, {"a.txt": procedure_text()}, dry_run=True)
    assert await told(door) == []
    for _ in range(3):
        await imported(door, {"a.txt": procedure_text()}, run=run, key=key)
    assert len(await told(door)) == 1


@needs_a_stack
async def test_what_no_record_can_hold_is_refused_by_itself(door: FrontDoor) -> None:
    fits = procedure_text(code="1.999002", steps=f"    {'x' * (LARGEST - 20_000)}\n")
    large = procedure_text(steps=f"    {'ố' * (LARGEST // 3)}\n")
    answer = await imported(door, {"a.txt": procedure_text(), "b.txt": large, "c.txt": fits})
    classes = [item["class"] for item in answer["items"]]
    assert classes[1] == "refused"
    assert slugs(answer["items"][1]) == {"procedure-too-large"}
    assert "refused" not in (classes[0], classes[2])
    assert {key for _, key, _ in await told(door)} == {f"procedure/{CODE}@1", "procedure/1.999002@1"}


@needs_a_stack
async def test_the_directory_is_told_when_a_second_person_has_approved_and_not_before(door: FrontDoor) -> None:
    office = Desk(door)
    seen = await office.preview("agencies", AGENCIES)
    assert await told(door) == []
    assert (await office.decide(seen["id"])).status_code == 200
    assert (await office.decide(seen["id"])).status_code == 409
    await office.published("units", UNITS)
    await office.published("desks", DESKS)
    rejected = await office.preview("units", UNITS.replace("Sở Xây dựng", "Sở"))
    await office.decide(rejected["id"], "reject", why="sai tên đơn vị")

    events = await told(door)
    assert sorted(key for _, key, _ in events) == [
        "agency/G01.66@2025-07-01", "agency/H15.02@2018-01-01", "agency/H45.02@2018-01-01",
        "desk/H15.15.01@2025-07-01", "desk/H15.15.07@2025-07-01", "desk/H45.30.01@2010-01-01",
        "unit/H15.02@2025-07-01", "unit/H15@2025-07-01",
    ]  # fmt: skip
    by_key = {key: body for _, key, body in events}
    merged = by_key["agency/H45.02@2018-01-01"]
    assert (merged["successor"], merged["valid_to"], merged["vertical"]) == ("H15.02", "2025-06-30", False)
    desk = by_key["desk/H15.15.01@2025-07-01"]
    assert (desk["category"], desk["commune"], desk["edition"]) == ("urban", "22015", 1)


@needs_a_stack
async def test_a_version_that_was_a_mistake_is_told_again_under_its_key(door: FrontDoor) -> None:
    office = Desk(door)
    await office.published("units", UNITS)
    line = UNITS.splitlines()[2]
    await office.published("units", f"code,name,superior,valid_from,withdrawn\n{line},x\n")
    key = "unit/H15.02@2025-07-01"
    versions = [(body["edition"], body["withdrawn"]) for _, found, body in await told(door) if found == key]
    assert versions == [(1, False), (2, True)]


@needs_a_stack
async def test_roster_and_postings_are_nobody_elses_business(door: FrontDoor) -> None:
    assert [*directory_events("roster", [{"code": "x"}], 1)] == []
    assert [*directory_events("postings", [{"code": "x"}], 1)] == []
    assert {"desks", "units", "officers", "agencies", "roster", "postings"} == KINDS.keys()
    assert await told(door) == []


def test_an_officer_is_told_without_a_name() -> None:
    said = {"unit": "H15.02", "rank": "Chuyên viên", "role": "desk", "area": "H15.15.01 H15.15.07"}
    entry: Mapping[str, Any] = {
        "code": "cb-07", "valid_from": "2025-07-01", "valid_to": None, "withdrawn": False, "said": said
    }  # fmt: skip
    (event,) = directory_events("officers", [entry], 3)
    assert event.key == "officer/cb-07@2025-07-01"
    assert json.loads(event.model_dump_json(exclude_none=True)) == {
        "code": "cb-07", "valid_from": "2025-07-01", "withdrawn": False, "edition": 3,
        "unit": "H15.02", "rank": "Chuyên viên", "role": "desk", "area": ["H15.15.01", "H15.15.07"],
    }  # fmt: skip


@settings(deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=300), st.integers(1, 10_000)
)
def test_whatever_is_published_can_be_told_and_read_back(text: str, version: int) -> None:
    procedure = only(procedure_text(steps=f"    Bước 1. {text}\n"), "a.txt").procedure
    event = procedure_event(procedure, version, datetime(2026, 3, 2, tzinfo=UTC))
    body = event.__pydantic_serializer__.to_json(event, exclude_none=True)
    read = ProcedurePublishedV1.model_validate_json(body)
    assert read == event
    assert read.key == f"procedure/{procedure.code}@{version}"
    assert {one.key: one.text for one in read.texts} == procedure.texts
    assert len(body) < MAX_RECORD_BYTES


@needs_a_stack
async def test_a_form_that_is_issued_is_a_step_and_tells_the_hash_of_its_bytes(door: FrontDoor) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    key = str(uuid4())
    for _ in range(2):
        answer = await door.post(f"/v1/dossiers/{dossier}/forms/01", {"officer": "cb-01", **SIGNER}, key=key)
        assert answer.status_code == 201, answer.text
    issued = answer.json()

    (body,) = [body for type, body in await door.outbox(dossier) if type == "dossier.form_issued.v1"]
    assert (body["form"], body["kind"], body["written_number"]) == (issued["form_id"], "01", issued["number"])
    assert body["sha256"] == issued["sha256"]
    assert body["issued_by"] == "cb-01"
    assert "Ví Dụ" not in json.dumps(body, ensure_ascii=False), "who signed is on the paper, not in the event"

    steps = (await door.get(f"/v1/dossiers/{dossier}/timeline")).json()["steps"]
    (step,) = [step for step in steps if step["type"] == "dossier.form_issued.v1"]
    assert step["text"] == f"Phát hành Giấy tiếp nhận hồ sơ và hẹn trả kết quả, số {issued['number']}."


@needs_a_stack
async def test_a_form_that_replaces_another_says_so_and_the_register_of_a_desk_tells_no_dossier(
    door: FrontDoor,
) -> None:
    dossier = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    first, second = [
        (await door.post(f"/v1/dossiers/{dossier}/forms/01", {"officer": "cb-01", **SIGNER})).json() for _ in range(2)
    ]
    bodies = [body for type, body in await door.outbox(dossier) if type == "dossier.form_issued.v1"]
    assert [body.get("replaces") for body in bodies] == [None, first["form_id"]]
    assert [body["written_number"] for body in bodies] == [first["number"], second["number"]]


@pytest.mark.parametrize(("kind", "is_told"), [("01", True), ("04", True), ("06", False)])
def test_the_slip_that_goes_between_offices_is_no_step_for_the_citizen(kind: str, is_told: bool) -> None:
    from services.intake.domain.timeline import Step

    facts = {
        "kind": kind, "title": "Phiếu", "written_number": "8/PXL",
        "desk": {"code": "H26.15.01", "name": "Phường Hoàn Kiếm", "territory": "00070"},
    }  # fmt: skip
    at = datetime(2026, 3, 2, tzinfo=UTC)
    steps = citizen_steps([Step(uuid4(), uuid4(), "dossier.form_issued.v1", at, at, json.dumps(facts))])
    assert [step.text for step in steps] == (["Phường Hoàn Kiếm lập Phiếu, số 8/PXL."] if is_told else [])
