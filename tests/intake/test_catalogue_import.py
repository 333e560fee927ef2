"""Nhập danh mục thủ tục, through the front door: classes, versions, and dossiers accepted under them."""

import base64
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.procedure_texts import channel, procedure_text

pytestmark = pytest.mark.stack

CODE = "1.999001"


async def imported(
    door: FrontDoor, files: Mapping[str, str | bytes], run: str | None = None, dry_run: bool = False, **more: Any
) -> dict[str, Any]:
    """The answer to an import that is taken; its numbers add up."""
    sent = [
        {"name": name, "content": base64.b64encode(text.encode() if isinstance(text, str) else text).decode()}
        for name, text in files.items()
    ]
    body = {"run": run or str(uuid4()), "files": sent}
    response = await door.post(f"/v1/catalogue/imports?dry_run={str(dry_run).lower()}", body, **more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["published"] + answer["flagged"] + answer["refused"] == answer["files"] == len(files)
    assert [item["file"] for item in answer["items"]] == list(files)
    return answer


async def one(door: FrontDoor, text: str | bytes, name: str = "a.txt", **more: Any) -> dict[str, Any]:
    """What became of one file."""
    item: dict[str, Any] = (await imported(door, {name: text}, **more))["items"][0]
    return item


def slugs(item: Mapping[str, Any]) -> set[str]:
    return {reason["slug"] for reason in item["reasons"]}


async def test_a_clean_text_is_published_and_a_dossier_is_accepted_under_it(door: FrontDoor) -> None:
    item = await one(door, procedure_text())
    assert (item["class"], item["code"], item["version"], item["reasons"]) == ("published", CODE, 1, [])

    shown = (await door.get(f"/v1/procedures/{CODE}")).json()
    assert [part["code"] for part in shown["components"]] == ["to-khai-theo-mau", "giay-to-chung-minh"]
    assert shown["legs"] == [{"leg": "lead", "role": "lead", "order": 1, "agency_kind": "commune-police"}]
    assert shown["published"]["decision"] == "0001/QĐ-BVD"

    components = [{"code": "to-khai-theo-mau", "originals": 1}, {"code": "giay-to-chung-minh", "copies": 1}]
    answer = await door.submitted(residence(procedure_code=CODE, components=components, acceptance=ACCEPTANCE))
    assert answer["state"] == "accepted"
    assert answer["promise"]["due_at"] == "2026-03-09T17:00:00+07:00"
    event = dict(await door.outbox(answer["dossier_id"]))["dossier.accepted.v1"]
    assert event["procedure"] == {
        "code": CODE, "version": 1, "name": "Đăng ký ví dụ cho hộ gia đình", "field": "linh-vuc-vi-du"
    }  # fmt: skip
    assert event["legs"][0]["agency_kind"] == "commune-police"


async def test_the_same_content_again_makes_no_version_and_other_content_makes_the_next(door: FrontDoor) -> None:
    first = await one(door, procedure_text())
    again = await one(door, procedure_text())
    assert (again["version"], again["unchanged"], again["class"]) == (1, True, first["class"])
    changed = await one(door, procedure_text(channels=channel(term="3 WORKING_DAY")))
    assert (changed["version"], changed["unchanged"]) == (2, False)
    back = await one(door, procedure_text())
    assert back["version"] == 3
    old = (await door.get(f"/v1/procedures/{CODE}/versions/1")).json()
    assert (old["version"], old["terms"][0]["text"]) == (1, "5 WORKING_DAY")
    lines = (await door.get(f"/v1/procedures/{CODE}/versions")).json()["items"]
    assert [line["version"] for line in lines] == [1, 2, 3]
