"""What desks and portals may send: odd names, dates, sizes; two officers at once. A clear error, nothing lost."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.test_forms import BY


def applicant(**changes: Any) -> dict[str, Any]:
    return {"kind": "citizen", "full_name": "Nguyễn Văn Mẫu", **changes}


async def kept_name(door: FrontDoor, name: str) -> str:
    """The applicant's name as an agency will read it."""
    answer = await door.submitted(residence(applicant=applicant(full_name=name), acceptance=ACCEPTANCE))
    ((_, accepted),) = await door.outbox(answer["dossier_id"])
    seals = door.intake._office.seals
    form = seals.open("form", answer["dossier_id"], accepted["sealed_form"])
    kept: str = form["applicant"]["full_name"]
    return kept


async def test_names_of_one_letter_of_two_hundred_and_of_other_scripts_are_kept_as_written(door: FrontDoor) -> None:
    for name in ("Ý", "N" * 200, "علي بن محمد", "王小明", "H'Hen Niê", "Nguyễn Thị 🌸"):
        assert await kept_name(door, name) == name


async def test_a_name_in_pieces_is_kept_in_one_form(door: FrontDoor) -> None:
    assert await kept_name(door, "Nguye\u0302\u0303n Va\u0306n A\u0309nh") == "Nguyễn Văn Ảnh"


@pytest.mark.parametrize("unseen", ["\u0007", "\n", "\u009b", "\u202e", "\u2066", "\u0000"])
async def test_a_name_with_characters_that_nobody_can_see_is_refused(door: FrontDoor, unseen: str) -> None:
    answer = await door.post("/v1/dossiers", residence(applicant=applicant(full_name=f"Nguyễn{unseen}Văn Mẫu")))
    assert answer.json()["slug"] in ("invalid-request", "malformed-json")
    assert "Mẫu" not in answer.text


async def test_a_request_may_have_lines_but_no_other_control_character(door: FrontDoor) -> None:
    await door.submitted(residence(request="Dòng một\r\n\tDòng hai"))
    answer = await door.post("/v1/dossiers", residence(request="Dòng một\u0008"))
    assert answer.json()["errors"][0]["field"] == "body.request"


@pytest.mark.parametrize(
    "born",
    ["0001-01-01", "1849-12-31", "2101-01-01", "9999-12-31", "2025-02-30", "hôm qua", 5e30, 631_152_000, "631152000"],
)
async def test_a_date_of_birth_is_a_believable_day(door: FrontDoor, born: Any) -> None:
    answer = await door.post("/v1/dossiers", residence(applicant=applicant(date_of_birth=born)))
    assert answer.json()["errors"][0]["field"] == "body.applicant.date_of_birth"


@pytest.mark.parametrize("due", ["2101-01-02T00:00:00+07:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_an_officers_date_lies_within_a_century(door: FrontDoor, due: str) -> None:
    promised = {"due_at": due, "reason": "theo mô tả"}
    body = residence(procedure_code="1.001612", components=[], acceptance={**ACCEPTANCE, "promised": promised})
    assert (await door.post("/v1/dossiers", body)).json()["slug"] == "invalid-request"


@pytest.mark.parametrize("stopped", [1764547200, 1764547200.5, "1764547200", "1764547200.0", "-1764547200", "20260302"])
async def test_a_number_is_no_time(door: FrontDoor, stopped: Any) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    given = {"reason": "Rút hồ sơ.", "requested_by": "Người nộp hồ sơ", "stopped_at": stopped}
    answer = await door.post(f"/v1/dossiers/{id}/forms/05", {**BY, **given})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.stopped_at")
    received = await door.post("/v1/dossiers", residence(received_at=stopped))
    assert received.json()["errors"][0]["field"] == "body.received_at"


@pytest.mark.parametrize("received", ["1899-12-31T08:00:00+07:00", "2101-01-01T08:00:00+07:00", "9999-12-31T23:59:59Z"])
async def test_a_receipt_of_another_century_is_not_believed(door: FrontDoor, received: str) -> None:
    answer = await door.post("/v1/dossiers", residence(received_at=received))
    assert answer.json()["slug"] in ("received-at-not-believable", "invalid-request")


async def test_ten_thousand_components_and_a_hundred_megabytes_are_refused_before_anything_is_made_of_them(
    door: FrontDoor,
) -> None:
    many = [{"code": f"to-{n}", "originals": 1} for n in range(10_000)]
    answer = await door.post("/v1/dossiers", residence(components=many))
    assert answer.json()["errors"][0]["rule"] == "too_long"
    huge = await door.client.post(
        "/v1/dossiers", content=b" " * 100_000_000, headers={"Authorization": door.bearer, "Idempotency-Key": "huge"}
    )
    assert huge.json()["slug"] == "body-too-large"
    less = await door.post("/v1/dossiers", residence(components=[{"code": "to-khai", "originals": -1}]))
    assert less.json()["errors"][0]["field"] == "body.components[0].originals"


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b"\xff\xfe{", b'{"a": "\\ud800"}', b"", b"null", b"[]"])
async def test_what_two_readers_could_read_differently_is_refused(door: FrontDoor, body: bytes) -> None:
    headers = {"Authorization": door.bearer, "Idempotency-Key": "odd", "Content-Type": "application/json"}
    answer = await door.client.post("/v1/dossiers", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.json()["next_step"]


async def test_two_officers_decide_on_one_dossier_at_once_and_one_decision_stands(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    for _ in range(10):
        dossier = (await door.submitted(residence()))["dossier_id"]
        refusal = {"officer": "cb-02", "reason_code": "khong-thuoc-tham-quyen", "reason": "Không thuộc thẩm quyền."}
        answers = await asyncio.gather(
            door.post(f"/v1/dossiers/{dossier}/accept", {"officer": "cb-01"}),
            second_door.post(f"/v1/dossiers/{dossier}/refuse", refusal),
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200, 409]
        loser = next(answer.json() for answer in answers if answer.status_code == 409)
        shown = (await door.get(f"/v1/dossiers/{dossier}")).json()
        assert (loser["slug"], loser["state"]) == ("wrong-state", shown["state"])
        assert len(await door.outbox(dossier)) == 2


async def test_a_desk_whose_clock_is_wrong_is_told_what_would_be_believed(door: FrontDoor) -> None:
    now = door.set_time("2026-03-02T08:00:00+07:00")
    answer = (await door.post("/v1/dossiers", residence(received_at="2026-03-02T08:05:00+07:00"))).json()
    assert datetime.fromisoformat(answer["latest"]) > now
    assert json.dumps(answer).count("2026") >= 1
