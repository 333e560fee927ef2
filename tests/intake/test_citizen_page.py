"""Trang tra cứu hồ sơ, as its visitors meet it: right words, nobody's data, no way to guess."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from hub_events.notify import CitizenUnreachedV1
from hub_events.routing import DossierCompletedV1, DossierHandedOverV1, DossierStepRecordedV1
from services.intake.settings import Settings
from tests.hosted import new_key
from tests.intake.citizen import CODE, ID_DIGITS, PHONE_DIGITS, Page, Visitor, assert_guarded
from tests.intake.conftest import ACCEPTANCE, DATA, MONDAY_MORNING, FrontDoor, birth, opened, residence
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack


@pytest.fixture
def visitor(door: FrontDoor) -> Visitor:
    return Visitor(door)


def handed_over(minutes: int = 1) -> DossierHandedOverV1:
    moment = MONDAY_MORNING + timedelta(minutes=minutes)
    return DossierHandedOverV1(leg="lead", agency=POLICE, handed_over_at=moment, attempts=1)


async def test_an_accepted_dossier_is_at_the_desk_and_its_date_is_explained(door: FrontDoor, visitor: Visitor) -> None:
    await door.submitted(residence(acceptance=ACCEPTANCE))
    text = await visitor.sees()
    for words in (
        "Trạng thái: Được tiếp nhận", "Hồ sơ đã được tiếp nhận", "Đăng ký thường trú", CODE,
        "Ông/bà chưa cần làm gì.", "chúng tôi nhắn tin cho ông/bà",
        "Bộ phận Một cửa phường Ba Đình đang giữ hồ sơ, từ 08:00 thứ Hai, 02/03/2026.",
        "17:00 thứ Tư, 11/03/2026",
        "Vì hồ sơ được nhận đủ lúc 08:00 thứ Hai, 02/03/2026, thủ tục có thời hạn “7 ngày làm việc”,"
        " không tính thứ Bảy, Chủ nhật.",
        "Quy tắc tính general@", "lịch làm việc vn@", "024 0000 0001",
    ):  # fmt: skip
        assert words in text, words
    assert await visitor.sees(digits=ID_DIGITS) == text, "the id opens it as the phone does"


async def test_an_agency_holds_it_since_it_took_it(door: FrontDoor, visitor: Visitor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    await told(door, record(routed(POLICE), id))
    assert "Hồ sơ đang được chuyển đến Công an phường Ba Đình." in await visitor.sees()
    step = DossierStepRecordedV1(
        leg="lead", agency=POLICE, step="s2", step_name="Xác minh nơi ở", officer="ca-77",
        recorded_at=MONDAY_MORNING + timedelta(days=1),
    )  # fmt: skip
    unreached = CitizenUnreachedV1(duty="accepted", unreached_at=MONDAY_MORNING, reason="no-channel-left")
    await told(door, record(handed_over(), id), record(step, id), record(unreached, id))
    text = await visitor.sees()
    assert "Hồ sơ đang được giải quyết" in text
    assert "Công an phường Ba Đình đang giữ hồ sơ, từ 08:01 thứ Hai, 02/03/2026." in text
    assert "08:00 thứ Ba, 03/03/2026 Công an phường Ba Đình: Xác minh nơi ở." in text
    assert "Chúng tôi chưa báo được cho ông/bà." in text
    assert text.index("Xác minh") < text.index("đã nhận hồ sơ") < text.index("tiếp nhận hồ sơ, hẹn trả"), "newest first"


async def test_a_supplement_names_the_papers_and_never_the_reason(door: FrontDoor, visitor: Visitor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    door.set_time("2026-03-04T09:00:00+07:00")
    await door.decided(id, "request-supplement", components=["cho-o"], reason="Giấy của ông Canary bị mờ")
    text = await visitor.sees()
    assert "Hồ sơ cần bổ sung giấy tờ" in text
    assert "Giấy tờ chứng minh chỗ ở hợp pháp Muốn biết vì sao cần bổ sung, hãy hỏi Bộ phận Một cửa theo số" in text
    assert "Đang chờ giấy tờ của ông/bà từ 09:00 thứ Tư, 04/03/2026." in text
    assert "Ngày hẹn trước đó là 17:00 thứ Tư, 11/03/2026. Thời hạn đang dừng" in text
    assert "Canary" not in text
    door.set_time("2026-03-20T09:00:00+07:00")
    assert "quá ngày hẹn" not in await visitor.sees(), "while it waits for the applicant nothing is late"

    await door.decided(id, "supplement", components=[{"code": "cho-o", "copies": 1}])
    text = await visitor.sees()
    assert "Vì giấy tờ bổ sung được nhận lúc 09:00 thứ Sáu, 20/03/2026, thời hạn “7 ngày làm việc” của thủ tục" in text
    assert "được tính lại từ đầu" in text
    assert "17:00 thứ Ba, 31/03/2026" in text
    superior = {"officer": "lanh-dao-01", "reason": "Canary"}
    await door.decided(id, "request-supplement", reason="Canary", superior=superior)
    assert "Hỏi Bộ phận Một cửa cần bổ sung giấy tờ gì" in await visitor.sees()


async def test_late_is_said_honestly_with_whom_to_call(door: FrontDoor, visitor: Visitor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
    door.set_time("2026-03-11T17:00:01+07:00")
    assert "quá ngày hẹn" not in await visitor.sees(), "the minute on the receipt is in time to its end"
    door.set_time("2026-03-11T17:01:00+07:00")
    assert "Đã quá ngày hẹn mà chưa có kết quả. Chưa có ngày hẹn mới." in await visitor.sees()
    door.set_time("2026-03-16T10:00:00+07:00")
    text = await visitor.sees()
    assert "Hồ sơ đã quá ngày hẹn Đăng ký" in text
    assert "Đã quá ngày hẹn 3 ngày làm việc mà chưa có kết quả." in text
    assert "Ông/bà có thể hỏi lý do: gọi 024 0000 0001" in text
    done = DossierCompletedV1(
        leg="lead", agency=POLICE, completed_at=MONDAY_MORNING + timedelta(days=13), result="approved"
    )
    await told(door, record(done, id))
    text = await visitor.sees()
    assert "Hồ sơ đã có kết quả" in text
    assert "Kết quả có muộn hơn ngày hẹn." in text
    assert "Nhận kết quả tại Bộ phận Một cửa phường Ba Đình. Mang theo giấy tiếp nhận" in text


async def test_a_rejected_result_is_told_as_such(door: FrontDoor, visitor: Visitor) -> None:
    id = (await door.submitted(residence(acceptance=ACCEPTANCE, channel="post")))["dossier_id"]
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=MONDAY_MORNING, result="rejected")
    await told(door, record(done, id))
    text = await visitor.sees()
    assert "Hồ sơ không được chấp thuận. Lý do ghi trong văn bản kết quả." in text
    assert "hoặc theo cách ông/bà đã chọn khi nộp hồ sơ" in text


async def test_dates_of_other_kinds_are_explained_too(door: FrontDoor, visitor: Visitor) -> None:
    promised = {"due_at": "2026-03-06T17:00:00+07:00", "reason": "Canary đi vắng"}
    household = {"procedure_code": "1.001612", "components": []}
    await door.submitted(residence(**household, acceptance={**ACCEPTANCE, "promised": promised}))
    text = await visitor.sees()
    assert "17:00 thứ Sáu, 06/03/2026" in text
    assert "“Theo mô tả”, không tính được thành ngày, nên cán bộ tiếp nhận đã ấn định ngày hẹn này." in text
    await door.submitted(residence(procedure_code="1.001445", components=[], acceptance=ACCEPTANCE))
    assert "được trả ngay khi làm xong, nên không có ngày hẹn" in await visitor.sees("H26.15.01-260302-0002")
    door.set_time("2026-02-13T15:21:00+07:00")
    await door.submitted(birth(received_at="2026-02-13T15:20:00+07:00", acceptance=ACCEPTANCE))
    text = await visitor.sees("H26.15.01-260213-0001")
    assert "lúc 15:20 thứ Sáu, 13/02/2026, sau 15:00 nên tính từ thứ Hai, 23/02/2026, thủ tục có thời hạn" in text
    assert "không tính thứ Bảy, Chủ nhật và các ngày nghỉ 16/02 (Giao thừa Tết Nguyên Đán), 17/02 (Tết" in text


async def test_nothing_personal_and_no_officer_is_ever_shown(door: FrontDoor, visitor: Visitor) -> None:
    canaries = {
        "applicant": {
            "kind": "citizen", "full_name": "Canary Thị Yến", "personal_id": "001987654321",
            "address": "Canary số 7", "date_of_birth": "1990-12-31",
        },
        "contact": {"phone": "0912987654", "email": "canary@example.vn"},
        "request": "Canary xin", "form": {"canary": "Canary"},
    }  # fmt: skip
    officer = "cb-canary-77"
    id = (await door.submitted(residence(**canaries)))["dossier_id"]
    await door.decided(id, "request-supplement", officer=officer, components=["cho-o"], reason="Canary mờ")
    await door.decided(id, "supplement", officer=officer, components=[{"code": "cho-o", "copies": 1}])
    await door.decided(id, "accept", officer=officer)
    shown = []
    for event in (routed(POLICE), handed_over()):
        await told(door, record(event, id))
        shown.append((await visitor.looks_up(CODE, "7654")).text)
    await door.decided(id, "request-supplement", officer=officer, components=["cho-o", "uy-quyen"], reason="Canary")
    shown += [(await visitor.looks_up(CODE, digits)).text for digits in ("7654", "4321", "9999")]
    assert "Hồ sơ cần bổ sung giấy tờ" in shown[-2]
    for html in shown:
        for canary in ("anary", "001987654321", "4321", "7654", "91298", "1990", "31/12", officer, id, "H26.15.01<"):
            assert canary not in html, canary


@pytest.mark.parametrize("path", ["/tra-cuu", "/tra-cuu/", f"/tra-cuu/{CODE}", "/tra-cuu/h26.15.01%20260302%200001"])
async def test_the_form_fills_in_the_code_of_the_receipt(door: FrontDoor, path: str) -> None:
    shown = await door.client.get(path)
    assert shown.status_code == 200
    assert_guarded(shown)
    page = Page(shown.text).accessible()
    fields = {attrs["name"]: attrs for tag, attrs in page.tags if tag == "input"}
    assert fields["code"]["value"] == (CODE if "26" in path else "")
    assert "value" not in fields["digits"]
    ((_, form),) = [found for found in page.tags if found[0] == "form"]
    assert (form["method"], form["action"]) == ("post", "/tra-cuu")


async def test_behind_a_path_the_form_stays_below_it(door: FrontDoor, tmp_path: Path) -> None:
    public = door.intake.settings.model_copy(update={"public_url": "https://dvc.example.vn/hub"})
    async with opened(public, tmp_path) as behind:
        assert 'action="/hub/tra-cuu"' in (await behind.client.get("/tra-cuu")).text


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", '"><img src=x>', "Gọi 1900 0000", "\u202eabc", "x" * 300]
)
async def test_a_code_that_is_none_is_not_repeated_from_an_address(door: FrontDoor, typed: str) -> None:
    shown = await door.client.get(f"/tra-cuu/{quote(typed, safe='')}")
    assert shown.content == (await door.client.get("/tra-cuu")).content if shown.status_code == 200 else True
    assert shown.status_code in (200, 404)
    assert_guarded(shown)
    assert typed not in shown.text


async def test_what_was_typed_wrong_is_said_where_it_stands(door: FrontDoor, visitor: Visitor) -> None:
    for code, digits, words in (
        ("", "", "Mã hồ sơ chưa đúng dạng"),
        ("12345", PHONE_DIGITS, "Mã hồ sơ chưa đúng dạng"),
        (CODE, "56", "Cần đúng bốn chữ số"),
        (CODE, "năm sáu", "Cần đúng bốn chữ số"),
        ("\u202e<b>\0x", "<i>", "Mã hồ sơ chưa đúng dạng"),
    ):
        answer = await visitor.looks_up(code, digits)
        assert answer.status_code == 400
        assert_guarded(answer)
        page = Page(answer.text).accessible()
        assert words in page.text
        assert "\u202e" not in answer.text
        invalid = [attrs["name"] for tag, attrs in page.tags if attrs.get("aria-invalid")]
        assert invalid == [
            *(["code"] if "Mã hồ sơ chưa" in page.text else []),
            *(["digits"] if digits != "5678" else []),
        ]


HOSTILE = "</title><script>alert(1)</script>\u202e\u0007{{ 7*7 }} \"onload='x'"


async def test_names_of_imported_data_stay_text(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    procedures = json.loads((DATA / "procedures.json").read_text())
    procedures[0]["name"] = procedures[0]["components"][1]["name"] = HOSTILE.replace("\u0007", "")
    (folder / "procedures.json").write_text(json.dumps(procedures))
    (folder / "desks.json").write_bytes((DATA / "desks.json").read_bytes())
    here = settings(await postgres.database("intake")).model_copy(update={"data_folder": folder})
    async with opened(here, tmp_path) as door:
        id = (await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"]
        agency = POLICE.model_copy(update={"name": HOSTILE})
        await told(door, record(routed(agency), id))
        await door.decided(id, "request-supplement", components=["cho-o"], reason="mờ")
        html = (await Visitor(door).looks_up(CODE, PHONE_DIGITS)).text
        page = Page(html).accessible()
        assert (
            page.text.count("</title><script>alert(1)</script> {{ 7*7 }}")
            + page.text.count("</title><script>alert(1)</script>{{ 7*7 }}")
            == 3
        )
        assert "<script" not in html
        assert "\u202e" not in html
        assert "\u0007" not in html


async def test_a_key_that_is_not_here_opens_nothing(door: FrontDoor, tmp_path: Path) -> None:
    await door.submitted(residence(acceptance=ACCEPTANCE))
    other = tmp_path / "other.json"
    other.write_text(json.dumps({purpose: [new_key(f"{purpose}-9")] for purpose in ("contact", "form")}))
    async with opened(door.intake.settings.model_copy(update={"sealing_keys_file": other}), tmp_path) as blind:
        assert (await Visitor(blind).looks_up(CODE, PHONE_DIGITS)).status_code == 404


async def test_an_organisation_is_recognised_by_its_code(door: FrontDoor, visitor: Visitor) -> None:
    company = {"kind": "organisation", "full_name": "Công ty Mẫu", "organisation_code": "0100109106-001"}
    await door.submitted(residence(acceptance=ACCEPTANCE, applicant=company, contact={}))
    assert (await visitor.looks_up(CODE, "6001")).status_code == 200
    assert (await visitor.looks_up(CODE, "0010 9106 001")).status_code == 200, "the end of a whole number"
    assert (await visitor.looks_up(CODE, "0109")).status_code == 404
