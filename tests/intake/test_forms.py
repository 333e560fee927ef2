"""Biểu mẫu chính thức: drafted from facts, printed as data, issued once, kept as they are; through the front door."""

import asyncio
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import segno
from pypdf import PdfReader

from hub_events.routing import DossierCompletedV1, DossierHandedOverV1
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.test_progress import POLICE, routed
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack

SIGNER = {"name": "Lê Thị Ví Dụ", "title": "Công chức tiếp nhận"}
BY = {"officer": "cb-01", "signer": SIGNER}
ADDRESS = "Số 1 đường Ví Dụ, phường Hoàn Kiếm, thành phố Hà Nội"


def person(name: str = "Nguyễn Văn Mẫu") -> dict[str, Any]:
    return {"kind": "citizen", "full_name": name, "personal_id": "001090000001", "address": ADDRESS}


async def accepted(door: FrontDoor, **changes: Any) -> dict[str, Any]:
    contact = {"phone": "0912 345 678", "email": "mau@example.vn"}
    return await door.submitted(
        residence(**{"applicant": person(), "contact": contact, "acceptance": ACCEPTANCE} | changes)
    )


def a_book(**changes: Any) -> dict[str, Any]:
    return {**BY, "from": "2026-03-01", "to": "2026-03-31", **changes}


async def issue(door: FrontDoor, dossier_id: str, kind: str, *, key: str | None = None, **body: Any) -> httpx.Response:
    return await door.post(f"/v1/dossiers/{dossier_id}/forms/{kind}", {**BY, **body}, key=key)


async def issued(door: FrontDoor, dossier_id: str, kind: str, **body: Any) -> tuple[dict[str, Any], str]:
    """An issued form, and what its PDF says."""
    response = await issue(door, dossier_id, kind, **body)
    assert response.status_code == 201, response.text
    form: dict[str, Any] = response.json()
    return form, said_by(await fetched(door, form))


async def fetched(door: FrontDoor, form: Mapping[str, Any]) -> bytes:
    response = await door.get(form["pdf"])
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/pdf"
    return response.content


def said_by(pdf: bytes) -> str:
    """The text of all pages, on one line, without what only makes long words break."""
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text.replace("\u200b", "").replace("\xa0", " ")))


async def test_the_receipt_says_all_that_the_circular_asks_for(door: FrontDoor) -> None:
    dossier = await accepted(door)
    form, text = await issued(
        door, dossier["dossier_id"], "01", sets=2, authoriser="Trần Thị Ủy Quyền", result_place="Qua bưu chính công ích"
    )

    assert (form["kind"], form["number"], form["issued_by"]) == ("01", "1/TNHS", "cb-01")
    for part in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Số: 1/TNHS",
        "GIẤY TIẾP NHẬN HỒ SƠ VÀ HẸN TRẢ KẾT QUẢ", "Mã hồ sơ: H26.15.01-260302-0001",
        "Nguyễn Văn Mẫu", "Số định danh: 001090000001", ADDRESS, "Số điện thoại: 0912345678", "Email: mau@example.vn",
        "Trần Thị Ủy Quyền", "Đăng ký thường trú tại nhà mới", "(1.004222)", "2 (bộ)", "7 ngày làm việc",
        "Thời gian nhận hồ sơ: 08 giờ 00 phút, ngày 02/03/2026",
        "Thời gian trả kết quả giải quyết hồ sơ: 17 giờ 00 phút, ngày 11/03/2026",
        "Qua bưu chính công ích", "Quyển số: 2026", "Số thứ tự: 260302-0001", "ngày 02 tháng 3 năm 2026",
        "NGƯỜI NỘP HỒ SƠ", "CÔNG CHỨC TIẾP NHẬN", "Lê Thị Ví Dụ", "không có giá trị pháp lý",
        "Mẫu số 01", "Trang 1/1",
    ):  # fmt: skip
        assert part in text, part


async def test_the_receipt_names_the_proxy_and_where_the_result_is_sent(door: FrontDoor) -> None:
    proxy = {"full_name": "Trần Văn Thay", "authorisation": "giấy ủy quyền số 12/UQ"}
    wish = {"how": "post", "address": "Số 2 đường Ví Dụ, xã Gio Linh"}
    dossier = await accepted(door, proxy=proxy, result=wish)
    _, text = await issued(door, dossier["dossier_id"], "01")
    assert "Người được ủy quyền nộp hồ sơ: Trần Văn Thay (theo giấy ủy quyền số 12/UQ)" in text
    assert "Qua bưu chính, đến Số 2 đường Ví Dụ, xã Gio Linh" in text


@pytest.mark.parametrize(
    ("wish", "place"),
    [
        ({"how": "electronic"}, "Nhận kết quả điện tử"),
        ({"how": "desk", "desk_code": "H29.15.02"}, "Trung tâm Phục vụ hành chính công phường Thủ Đức"),
        ({"how": "desk"}, "Điểm phục vụ hành chính công phường Hoàn Kiếm"),
    ],
)
async def test_the_receipt_sends_nobody_to_another_place_than_was_wished(
    door: FrontDoor, wish: dict[str, str], place: str
) -> None:
    dossier = await accepted(door, result=wish)
    _, text = await issued(door, dossier["dossier_id"], "01")
    assert f"nhận kết quả: {'Nhận trực tiếp tại ' if wish['how'] == 'desk' else ''}{place}" in text


async def test_the_code_on_a_form_leads_to_the_tracking_page(door: FrontDoor) -> None:
    from services.intake.clients.typst_printer import tracking_code

    def modules(picture: str) -> list[str]:
        return re.findall(r' d="([^"]+)"', picture)

    url = "http://127.0.0.1:18001/tra-cuu/H26.15.01-260302-0001"
    expected = io.BytesIO()
    segno.make(url, error="m", micro=False).save(expected, kind="svg", border=0)
    assert modules(tracking_code(url)) == modules(expected.getvalue().decode())
    assert modules(tracking_code(url)) != modules(tracking_code(url[:-1] + "2"))

    dossier = await accepted(door)
    _, text = await issued(door, dossier["dossier_id"], "01")
    assert "Quét để tra cứu" in text
    submitted = await door.submitted(residence())
    await door.decided(submitted["dossier_id"], "refuse", reason_code="x", reason="Không thuộc thẩm quyền")
    _, without_code = await issued(door, submitted["dossier_id"], "03")
    assert "Quét để tra cứu" not in without_code, "without a number there is nothing to look up"


async def test_a_form_is_the_same_bytes_for_ever(door: FrontDoor) -> None:
    dossier = await accepted(door)
    form, _ = await issued(door, dossier["dossier_id"], "01")
    first = await fetched(door, form)
    door.set_time("2026-03-05T08:00:00+07:00")
    await door.decided(dossier["dossier_id"], "request-supplement", reason="Thiếu chữ ký")
    again = await door.get(form["pdf"])
    assert again.content == first
    assert hashlib.sha256(first).hexdigest() == form["sha256"]
    assert again.headers["content-disposition"] == 'inline; filename="mau-01-1-TNHS-20260302.pdf"'
    assert again.headers["cache-control"] == "private, no-store"


async def test_a_repeat_is_one_form_and_another_body_is_refused(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    first = await issue(door, dossier_id, "01", key="receipt")
    again = await issue(door, dossier_id, "01", key="receipt")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    other = await issue(door, dossier_id, "01", key="receipt", sets=3)
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    together = await asyncio.gather(*(issue(door, dossier_id, "01", key="together", sets=2) for _ in range(5)))
    assert len({answer.content for answer in together}) == 1
    listed = (await door.get(f"/v1/dossiers/{dossier_id}/forms")).json()["items"]
    assert [form["number"] for form in listed] == ["1/TNHS", "2/TNHS"]


async def test_a_second_form_names_the_one_it_replaces(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    first, _ = await issued(door, dossier_id, "01")
    second, text = await issued(door, dossier_id, "01", sets=2)
    assert (second["number"], second["replaces"]) == ("2/TNHS", first["form_id"])
    assert "Thay thế số 1/TNHS, ngày 02 tháng 3 năm 2026" in text
    draft = (await door.post(f"/v1/dossiers/{dossier_id}/forms/01/draft", BY)).json()
    assert (draft["replaces"], draft["missing"]) == ("2/TNHS", [])
    assert "2/TNHS" in draft["notes"][0]


async def test_forms_of_many_officers_have_numbers_without_gaps(door: FrontDoor, second_door: FrontDoor) -> None:
    dossiers = [await accepted(door) for _ in range(8)]
    doors = (door, second_door)
    answers = await asyncio.gather(*(issue(doors[n % 2], dossiers[n % 8]["dossier_id"], "01") for n in range(24)))
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(int(answer.json()["number"].split("/")[0]) for answer in answers) == list(range(1, 25))
    replaced = [answer.json()["replaces"] for answer in answers]
    assert replaced.count(None) == 8, "one first form for each dossier"
    named = [form for form in replaced if form is not None]
    assert len(set(named)) == 16, "each form is replaced by one only"


async def test_a_process_that_dies_while_printing_leaves_nothing(
    door: FrontDoor, second_door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.intake.clients.typst_printer import TypstPrinter

    dossier_id = (await accepted(door))["dossier_id"]

    with monkeypatch.context() as patch:
        patch.setattr(TypstPrinter, "print", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        assert (await issue(door, dossier_id, "01", key="k")).status_code == 500
    assert (await door.get(f"/v1/dossiers/{dossier_id}/forms")).json()["items"] == []
    form = (await issue(second_door, dossier_id, "01", key="k")).json()
    assert form["number"] == "1/TNHS"
    assert (await issue(door, dossier_id, "01", key="k")).json() == form


async def test_the_reason_of_a_decision_is_kept_sealed_for_its_form(door: FrontDoor) -> None:
    dossier = await accepted(door)
    reason = "Bản sao thiếu trang hai; ông Nguyễn Văn Kín chưa ký"
    await door.decided(dossier["dossier_id"], "request-supplement", components=["cho-o"], reason=reason)
    form, text = await issued(door, dossier["dossier_id"], "02")
    assert form["number"] == "1/YCBS"
    for part in ("PHIẾU YÊU CẦU BỔ SUNG, HOÀN THIỆN HỒ SƠ", "(Lần thứ 1)", "1. ", reason, "cb-01", "024 0000"):
        assert part in text, part
    submitted = await door.submitted(residence(applicant=person()))
    await door.decided(submitted["dossier_id"], "refuse", reason_code="not-competent", reason="Không thuộc thẩm quyền")
    _, refusal = await issued(door, submitted["dossier_id"], "03")
    for part in ("PHIẾU TỪ CHỐI TIẾP NHẬN", "không tiếp nhận", "Không thuộc thẩm quyền", "001090000001"):
        assert part in refusal, part
    _, own = await issued(door, submitted["dossier_id"], "03", reason="Lý do viết lại")
    assert "Lý do viết lại" in own


async def test_what_rests_says_nothing_about_a_person(door: FrontDoor) -> None:
    dossier = await accepted(door)
    await door.decided(dossier["dossier_id"], "request-supplement", reason="Ông Kín chưa ký")
    await issued(door, dossier["dossier_id"], "01")
    await issued(door, dossier["dossier_id"], "02")
    at_rest = []
    for table in ("official_form", "typed_reason", "request"):
        rows = await door.intake.spine.pool.fetch(f"SELECT {table}::text AS text FROM {table}")
        assert rows, table
        at_rest += [unicodedata.normalize("NFC", row["text"]) for row in rows]
    for canary in ("Mẫu", "001090000001", "0912345678", "Kín", "Ví Dụ", "%PDF"):
        assert not [text[:80] for text in at_rest if canary in text or canary.encode().hex() in text], canary


async def test_an_apology_needs_a_person_to_say_when_and_why(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    draft = (await door.post(f"/v1/dossiers/{dossier_id}/forms/04/draft", {"officer": "cb-01"})).json()
    assert draft["missing"] == ["new_due_at", "reason", "signer_name", "signer_title"]
    assert draft["fields"]["due_at"] == "17 giờ 00 phút, ngày 11/03/2026"
    refused = await issue(door, dossier_id, "04", reason="Cần xác minh")
    assert (refused.status_code, refused.json()["slug"]) == (422, "form-incomplete")
    assert refused.json()["missing"] == ["new_due_at"]
    for early in ("2026-03-11T17:00:00+07:00", "2026-03-01T17:00:00+07:00"):
        late = await issue(door, dossier_id, "04", reason="Cần xác minh", new_due_at=early)
        assert (late.status_code, late.json()["slug"]) == (422, "new-date-not-later")
    form, text = await issued(
        door, dossier_id, "04", reason="Cần xác minh nơi cư trú cũ.", new_due_at="2026-03-16T10:00:00Z"
    )
    assert form["number"] == "1/PXL"
    for part in (
        "PHIẾU XIN LỖI VÀ HẸN LẠI NGÀY TRẢ KẾT QUẢ", "Kính gửi: Nguyễn Văn Mẫu", "H26.15.01-260302-0001",
        "17 giờ 00 phút, ngày 11/03/2026", "17 giờ 00 phút, ngày 16/03/2026", "Cần xác minh nơi cư trú cũ.",
        "xin lỗi", "001090000001", "Đăng ký thường trú", "08 giờ 00 phút, ngày 02/03/2026",
    ):  # fmt: skip
        assert part in text, part
    again = (await door.post(f"/v1/dossiers/{dossier_id}/forms/04/draft", {"officer": "cb-01"})).json()
    assert any("một lần" in note for note in again["notes"])


async def test_a_stop_is_told_as_it_was_decided(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    _, text = await issued(
        door, dossier_id, "05",
        reason="Người nộp rút hồ sơ", requested_by="Người nộp hồ sơ", stopped_at="2026-03-03T09:30:00+07:00",
    )  # fmt: skip
    for part in ("THÔNG BÁO DỪNG GIẢI QUYẾT HỒ SƠ", "09 giờ 30 phút, ngày 03/03/2026", "Người nộp rút hồ sơ"):
        assert part in text, part


async def test_a_stop_that_was_decided_is_told_without_asking_again(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    await door.decided(dossier_id, "request-withdrawal")
    await door.decided(dossier_id, "stop", reason_code="applicant-withdraws", reason="Ông Kín không còn nhu cầu")
    _, text = await issued(door, dossier_id, "05")
    for part in ("Ông Kín không còn nhu cầu", "Theo đề nghị của: Người nộp hồ sơ", "08 giờ 00 phút, ngày 02/03/2026"):
        assert part in text, part
    late = await issue(door, dossier_id, "04", reason="x", new_due_at="2026-03-16T10:00:00Z")
    assert late.json()["slug"] == "form-not-possible"


async def test_the_control_slip_shows_each_hand_over(door: FrontDoor) -> None:
    dossier = await accepted(door)
    dossier_id = dossier["dossier_id"]
    assert (await issue(door, dossier_id, "06")).json()["missing"] == ["lead_agency"]
    at_eight = datetime.fromisoformat("2026-03-02T08:01:00+07:00")
    handed = DossierHandedOverV1(leg="lead", agency=POLICE, handed_over_at=at_eight, attempts=1)
    late = datetime.fromisoformat("2026-03-12T09:00:00+07:00")
    done = DossierCompletedV1(leg="lead", agency=POLICE, completed_at=late, result="approved")
    facts = [record(fact, dossier_id) for fact in (done, handed, handed, routed(POLICE))]
    await told(door, *facts)
    form, text = await issued(door, dossier_id, "06")
    assert form["number"] == "1/PKSHS"
    for part in (
        "PHIẾU KIỂM SOÁT QUÁ TRÌNH GIẢI QUYẾT HỒ SƠ", "Cơ quan chủ trì giải quyết: Công an phường Ba Đình",
        "Tiếp nhận hồ sơ", "Chuyển hồ sơ", "08:01 02/03/2026", "Đã có kết quả", "09:00 12/03/2026", "Quá hạn", "cb-01",
    ):  # fmt: skip
        assert part in text, part


async def test_a_form_before_its_time_is_told_with_the_reason(door: FrontDoor) -> None:
    submitted = (await door.submitted(residence()))["dossier_id"]
    for kind in ("01", "02", "03", "04", "05", "06"):
        answer = await issue(door, submitted, kind)
        assert (answer.status_code, answer.json()["slug"]) == (409, "form-not-possible"), kind
    dossier_id = (await accepted(door))["dossier_id"]
    foreign = await issue(door, dossier_id, "01", new_due_at="2026-03-16T10:00:00Z", reason="x")
    assert (foreign.status_code, foreign.json()["fields"]) == (422, ["new_due_at", "reason"])
    assert (await issue(door, dossier_id, "08")).status_code == 422


async def test_outside_the_area_there_is_no_form(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    form, _ = await issued(door, dossier_id, "01")
    elsewhere, reads = door.token(area=["H29.15.01"]), door.token(scopes=["dossiers:read"])
    place = f"/v1/dossiers/{dossier_id}/forms"
    for answer in (
        await door.get(form["pdf"], bearer=elsewhere),
        await door.get(place, bearer=elsewhere),
        await door.post(f"{place}/01", BY, bearer=elsewhere),
        await door.post(f"{place}/01/draft", BY, bearer=elsewhere),
        await door.post("/v1/desks/H26.15.01/register", a_book(), bearer=elsewhere),
        await door.get(f"/v1/forms/{uuid4()}.pdf"),
        await door.post(f"/v1/dossiers/{uuid4()}/forms/01", BY),
    ):
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    assert (await door.get(form["pdf"], bearer=reads)).status_code == 200
    for path in (f"{place}/01", f"{place}/01/draft"):
        assert (await door.post(path, BY, bearer=reads)).status_code == 403, "a draft shows personal data"


NASTY = [
    "#panic()", '#read("/etc/passwd")', "*đậm* _nghiêng_ $x^2$ `mã`", "@label <nhãn>", "] } ) \\ // /* chú thích",
    "= Tiêu đề", "#{1+1} #sys.inputs", '"; drop', "Ơ", "A" * 200, "Nguyễn " * 28 + "Dài", "Nguyễn Văn 😀 Mẫu",
    "Nguyễn Văn\u200b Mẫu", "مرحبا שלום", unicodedata.normalize("NFD", "Nguyễn Thị Thuỳ Mẫu"),
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY, ids=lambda name: f"{len(name)}-{ascii(name)[:24]}")
async def test_a_name_is_printed_and_never_obeyed(door: FrontDoor, name: str) -> None:
    dossier = await accepted(door, applicant=person(name), request=f"{name}\n{name}")
    _, text = await issued(door, dossier["dossier_id"], "01", authoriser=name[:150])
    draft = (await door.post(f"/v1/dossiers/{dossier['dossier_id']}/forms/01/draft", BY)).json()
    shown = draft["fields"]["applicant"]
    assert unicodedata.is_normalized("NFC", shown)
    assert not {"\u202e", "\u0007", "\u200b"} & set(shown)
    if name.isascii() or "Dài" in name or "Thuỳ" in shown:
        assert re.sub(r"\s+", "", shown) in re.sub(r"\s+", "", text)


async def test_sixty_papers_go_on_over_several_pages(door: FrontDoor) -> None:
    papers = [{"code": f"giay-to-{n}", "originals": 1} for n in range(60)]
    required = [{"code": "to-khai", "originals": 1}, {"code": "cho-o", "copies": 1}]
    dossier = await accepted(door, components=required + papers)
    form, text = await issued(door, dossier["dossier_id"], "01")
    pages = PdfReader(io.BytesIO(await fetched(door, form))).pages
    assert len(pages) >= 2
    assert f"Trang {len(pages)}/{len(pages)}" in text
    assert "giay-to-59" in text
    assert all("Tên giấy tờ" in page.extract_text() for page in pages[:2]), "the head of the table is repeated"


async def test_a_signature_can_be_checked(door: FrontDoor) -> None:
    from base64 import b64decode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    form, _ = await issued(door, (await accepted(door))["dossier_id"], "01")
    kept = await door.intake.spine.pool.fetchval("SELECT signature FROM official_form")
    record = json.loads(kept)
    assert record["method"] == form["signature"] == "sandbox-ed25519"
    key = Ed25519PublicKey.from_public_bytes(b64decode(record["public_key"]))
    key.verify(b64decode(record["value"]), await fetched(door, form))
