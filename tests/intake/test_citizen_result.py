"""Trang tra cứu: corrections that its owner notices, and where and how the result comes."""

import pytest

from tests.intake.citizen import Visitor
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence

pytestmark = pytest.mark.stack
HERE, THERE = "Bộ phận Một cửa phường Ba Đình", "Bộ phận Một cửa phường Ngọc Hà"


@pytest.fixture
def visitor(door: FrontDoor) -> Visitor:
    return Visitor(door)


async def test_a_correction_is_shown_by_what_it_is_about_and_whom_to_tell_if_it_is_wrong(
    door: FrontDoor, visitor: Visitor
) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await door.decided(
        id, "corrections", reason="Ghi nhầm số", contact={"phone": "0912 345 678", "full_name": "Bà Lê Thị Ví Dụ"}
    )
    door.set_time("2026-03-02T10:00:00+07:00")
    applicant = {
        "kind": "citizen",
        "full_name": "Nguyễn Văn Mẫu",
        "personal_id": "001090000001",
        "address": "2 Phố Mẫu",
    }
    await door.decided(
        id, "corrections", reason="Ghi nhầm", applicant=applicant, components=[{"code": "to-khai", "originals": 2}]
    )
    text = await visitor.sees()
    section = text.partition("Đã đính chính")[2].partition("Ngày hẹn")[0]
    assert "đính chính thông tin người nộp, giấy tờ trong hồ sơ." in section
    assert "10:00 thứ Hai, 02/03/2026" in section
    assert "Nếu ông/bà không đề nghị việc này" in section
    assert "024 0000 0001" in section
    assert "đính chính thông tin liên hệ." in text, "the one before is a step"
    assert not any(secret in text for secret in ("Ví Dụ", "Phố Mẫu", "Ghi nhầm"))


async def test_a_result_that_travels_sends_nobody_to_a_desk_in_vain(door: FrontDoor, visitor: Visitor) -> None:
    wish = {"how": "desk", "desk_code": "H26.15.02"}
    id = (await door.submitted(residence(acceptance=ACCEPTANCE, result=wish)))["dossier_id"]
    await door.decided(id, "result-ready")

    async def said() -> str:
        return await visitor.sees()

    assert f"sẽ được chuyển đến {THERE}." in await said()
    assert f"Kết quả chưa đến {THERE}" in await said()
    body = {
        "officer": "cb-01",
        "desk_code": "H26.15.01",
        "agency_code": "H26.15.02",
        "dossiers": [id],
        "carries": "results",
    }
    made = (await door.post("/v1/hand-over-lists", body)).json()["id"]
    await door.post(f"/v1/hand-over-lists/{made}/sign", {"officer": "cb-01", "side": "desk"})
    assert f"đang được chuyển từ {HERE} đến {THERE}" in await said()
    assert "Nhận kết quả tại" not in await said()
    await door.post(f"/v1/hand-over-lists/{made}/sign", {"officer": "cb-02", "side": "agency"})
    assert f"Nhận kết quả tại {THERE}." in await said()
    assert f"Kết quả có tại {THERE} từ" in await said()
    assert "giấy ủy quyền còn hiệu lực" in await said()
    await door.decided(id, "return-result", collected_by="applicant")
    assert f"{THERE} đã trả kết quả lúc" in await said()


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"how": "post", "address": "1 Phố Mẫu"}, "gửi qua bưu chính đến địa chỉ ông/bà đã đăng ký"),
        ({"how": "electronic"}, "Kết quả điện tử được gửi"),
        ({"how": "desk"}, "Nhận kết quả tại Bộ phận Một cửa phường Ba Đình. Mang theo"),
    ],
)
async def test_how_the_result_comes_is_said_as_it_was_asked(
    door: FrontDoor, visitor: Visitor, wish: dict[str, str], words: str
) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE, result=wish, channel="online")))["dossier_id"]
    await door.decided(id, "result-ready")
    text = await visitor.sees()
    assert words in text
    assert "Phố Mẫu" not in text
