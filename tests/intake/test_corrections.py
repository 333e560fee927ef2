"""Đính chính, ủy quyền và nơi nhận kết quả: who and where, right and sealed."""

import uuid

import pytest

from hub_messaging.sealing import SealingKeys
from tests.intake.conftest import FrontDoor, residence
from tests.intake.test_life import STOP, accepted, refused, steps

pytestmark = pytest.mark.stack


async def test_a_correction_keeps_what_was_wrong_sealed_and_tells_the_new_contact(door: FrontDoor) -> None:
    id = await accepted(door)
    before = (await door.get(f"/v1/dossiers/{id}")).json()
    right = {
        "contact": {"full_name": "Trần Thị Thử", "phone": "0987 654 321"},
        "applicant": {"kind": "citizen", "full_name": "Nguyễn Văn Mầu", "personal_id": "001090000002"},
        "components": [{"code": "to-khai", "originals": 2}, {"code": "cho-o", "copies": 1}],
    }
    answer = await door.decided(id, "corrections", reason="Gõ nhầm họ tên ông Mầu", **right)
    assert (answer["life"]["corrections"], answer["promise"]) == (1, before["promise"])
    event = dict(await door.outbox(id))["dossier.corrected.v1"]
    assert (event["what"], event["contact_channels"]) == (["contact", "applicant", "components"], ["sms"])
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    assert keys.open("contact", uuid.UUID(id), event["sealed_contact"])["phone"] == "+84987654321"
    sealed = await door.intake.spine.pool.fetchval("SELECT sealed FROM correction")
    kept = keys.open("form", uuid.UUID(id), sealed)
    assert (kept["old"]["applicant"]["full_name"], kept["new"]["applicant"]["full_name"]) == (
        "Nguyễn Văn Mẫu",
        "Nguyễn Văn Mầu",
    )
    assert (kept["old"]["contact"]["phone"], kept["reason"]) == ("+84912345678", "Gõ nhầm họ tên ông Mầu")
    assert [part["originals"] for part in kept["old"]["components"]] == [1, 0]
    assert (event["dossier_code"], event["components"][0]["originals"]) == (answer["dossier_code"], 2)
    assert keys.open("form", uuid.UUID(id), event["sealed_form"])["applicant"]["full_name"] == "Nguyễn Văn Mầu"
    form = keys.open("form", uuid.UUID(id), await door.intake.spine.pool.fetchval("SELECT sealed_form FROM dossier"))
    assert (form["applicant"]["personal_id"], form["components"][0]["originals"]) == ("001090000002", 2)
    (listed,) = (await door.get(f"/v1/dossiers/{id}/corrections")).json()["items"]
    assert (listed["number"], listed["officer"], listed["what"]) == (1, "cb-01", event["what"])
    assert "Mầu" not in str([listed, event, answer, await steps(door, id)])
    assert (await steps(door, id))[-1][0] == ("Đính chính thông tin liên hệ, thông tin người nộp, thành phần hồ sơ.")


async def test_agencies_are_not_sent_what_is_not_theirs(door: FrontDoor) -> None:
    id = await accepted(door)
    await door.decided(id, "corrections", reason="Gõ nhầm số điện thoại", contact={"phone": "0987 654 321"})
    event = dict(await door.outbox(id))["dossier.corrected.v1"]
    assert (event.get("sealed_form"), event.get("components", [])) == (None, [])


async def test_a_correction_of_nothing_or_to_what_the_procedure_does_not_know_is_refused(door: FrontDoor) -> None:
    id = await accepted(door)
    same = {"applicant": residence()["applicant"], "components": residence()["components"]}
    assert await refused(door, id, "corrections", reason="x", **same) == (422, "nothing-corrected")
    assert await refused(door, id, "corrections", reason="x") == (422, "nothing-corrected")
    assert await refused(door, id, "corrections", reason="x", case="khong-co") == (422, "case-unknown")
    await door.decided(id, "stop", **STOP)
    assert await refused(door, id, "corrections", reason="x", case="khong-co") == (409, "wrong-state")
    stranger = door.token(area=["H99.99.99"])
    assert (await door.get(f"/v1/dossiers/{id}/corrections", bearer=stranger)).status_code == 404


async def test_a_proxy_hands_it_in_and_the_result_is_wanted_elsewhere(door: FrontDoor) -> None:
    proxy = {"full_name": "Lê Văn Đại", "personal_id": "001090000003", "authorisation": "UQ số 15/2026"}
    answer = await door.submitted(residence(proxy=proxy, result={"how": "desk", "desk_code": "H26.15.02"}))
    assert (answer["life"]["result_by"], answer["life"]["result_desk"]) == ("desk", "H26.15.02")
    id = answer["dossier_id"]
    sealed = await door.intake.spine.pool.fetchval("SELECT sealed_form FROM dossier")
    form = SealingKeys.read(door.intake.settings.sealing_keys_file).open("form", uuid.UUID(id), sealed)
    assert form["proxy"] == proxy
    shown = (await door.get(f"/v1/dossiers/{id}")).text + str(await door.outbox(id))
    assert "Lê Văn Đại" not in shown
    assert "UQ số 15" not in shown
    await door.decided(id, "accept")
    assert (await door.decided(id, "result-ready"))["life"]["result_desk"] == "H26.15.02", "kept from then on"


@pytest.mark.parametrize(
    ("result", "slug"),
    [
        ({"how": "post"}, "invalid-request"),
        ({"how": "electronic", "address": "1 Phố Mẫu"}, "invalid-request"),
        ({"how": "post", "address": "1 Phố Mẫu", "desk_code": "H26.15.02"}, "invalid-request"),
        ({"how": "desk", "desk_code": "H99.99.99"}, "desk-unknown"),
    ],
)
async def test_a_result_can_be_wanted_only_where_it_can_be_brought(
    door: FrontDoor, result: dict[str, str], slug: str
) -> None:
    answer = await door.post("/v1/dossiers", residence(result=result))
    assert (answer.status_code, answer.json()["slug"]) == (422, slug)


async def test_a_plain_submission_writes_nothing_of_the_desks_record(door: FrontDoor) -> None:
    await accepted(door)
    for table in ("dossier_life", "late_entry", "correction"):
        assert await door.intake.spine.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table
