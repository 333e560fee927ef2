"""Đọc nội dung công bố dạng văn bản: every quirk in its place, nothing repaired in silence, one class for any bytes."""

import random
import time
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub_worktime import Unit
from tests.intake.procedure_texts import COMPONENTS, channel, many, procedure_text
from tests.intake.published import assessed, class_of, in_one_class, only, refused, slugs


def test_a_clean_text_has_nothing_to_look_at() -> None:
    one = only(procedure_text())
    assert one.reasons == ()
    assert class_of(assessed(procedure_text())) == "published"
    published = one.procedure
    assert (published.code, published.name) == ("1.999001", "Đăng ký ví dụ cho hộ gia đình")
    assert (published.levels, published.agency_kind) == (("commune",), "commune-police")
    assert [(paper.name, paper.originals, paper.copies, paper.form) for paper in published.papers] == [
        ("Tờ khai theo mẫu", 1, 0, "mau-01.docx"),
        ("Giấy tờ chứng minh", 0, 1, ""),
    ]
    term = published.procedure(1, None).term_for("counter", None)
    assert (term.unit, term.amount) == (Unit.WORKING_DAY, Decimal(5))


def test_the_texts_example_is_read_whole() -> None:
    """The shape that texts are passed around in, with two channels that disagree and a case of its own."""
    rows = (
        channel("ONLINE", "6 WORKING_DAY", "10000 VNĐ (nộp trực tuyến)")
        + channel("DIRECT", "40 ngày", "20000 VNĐ (hộ gia đình) | 0 VNĐ (người có công)", "Nộp tại Bộ phận Một cửa")
        + "  * Hình thức nộp: POSTAL\n    Thời hạn giải quyết: OTHER\n"
    )
    papers = COMPONENTS + "  * Trường hợp ủy quyền:\n    - Văn bản ủy quyền\n      Số lượng: Bản chính: 1, Bản sao: 1\n"
    one = only(procedure_text(channels=rows, components=papers))
    offers = one.procedure.offers
    assert [(offer.channel, offer.term) for offer in offers] == [
        ("online", "6 WORKING_DAY"),
        ("counter", "40 ngày"),
        ("post", "OTHER"),
    ]
    assert [(fee.amount, fee.text) for fee in offers[1].fees] == [
        (20000, "20000 VNĐ (hộ gia đình)"),
        (0, "0 VNĐ (người có công)"),
    ]
    assert one.procedure.cases == (("truong-hop-uy-quyen", "Trường hợp ủy quyền"),)
    assert one.procedure.papers[2].case == "truong-hop-uy-quyen"
    assert {reason.slug for reason in one.reasons} == {"term-other", "fee-not-stated", "terms-differ-by-channel"}


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        (procedure_text(name="ĐĂNG KÝ VÍ DỤ"), "name-in-capitals"),
        (procedure_text(name="Đăng ký  ví dụ"), "spacing-unusual"),
        (procedure_text(name="Đăng ký\u00a0ví dụ"), "spacing-unusual"),
        (procedure_text(name="Đăng ký\nví dụ"), "spacing-unusual"),
        (unicodedata.normalize("NFD", procedure_text()), "not-nfc"),
        (procedure_text(code="1.999001.H47"), "code-provincial"),
        (procedure_text(code="1.999001.000.00.00.H47"), "code-long"),
        (procedure_text(code="1. 999001.h47"), "code-respelled"),
        (procedure_text(code="C08_XPHCDB"), "code-internal"),
        (procedure_text(agency="Không có thông tin"), "agency-not-stated"),
        (procedure_text(agency="Không có thông tin"), "agency-unknown"),
        (procedure_text(agency="Cục Ví dụ"), "agency-unknown"),
        (procedure_text(agency="Công an Xã, Chi cục Thuế"), "agency-ambiguous"),
        (procedure_text(agency="Chi cục Thuế khu vực"), "level-unreliable"),
        (procedure_text(agency="Kho bạc Nhà nước khu vực"), "level-unreliable"),
        (procedure_text(agency="Chi cục Hải quan khu vực"), "level-unreliable"),
        (procedure_text(level="Cấp nào đó"), "level-unknown"),
        (procedure_text(field="Không có thông tin"), "field-not-stated"),
        (procedure_text(channels=channel(fee="40 VNĐ ()")), "fee-suspiciously-small"),
        (procedure_text(channels=channel(fee="100 VNĐ")), "fee-suspiciously-small"),
        (procedure_text(channels=channel(fee="Không có thông tin")), "fee-not-stated"),
        (procedure_text(channels=channel(fee="Mười nghìn đồng")), "fee-in-words"),
        (procedure_text(channels=channel(fee="Do Hội đồng nhân dân tỉnh quy định")), "fee-set-locally"),
        (procedure_text(channels=channel(fee="-5000 VNĐ")), "fee-unreadable"),
        (procedure_text(channels=channel(term="")), "term-empty"),
        (procedure_text(channels=channel(term="OTHER")), "term-other"),
        (procedure_text(channels=channel(term="0 OTHER")), "term-zero-other"),
        (procedure_text(channels=channel(term="1 OTHER")), "term-needs-a-person"),
        (procedure_text(channels=channel(term="Theo mô tả OTHER")), "term-see-description"),
        (procedure_text(channels=channel(term="Không quy định")), "term-not-stated"),
        (procedure_text(channels=channel(term="Trước ngày 30/6")), "term-fixed-date"),
        (procedure_text(channels=channel(term="101 năm")), "term-unreadable"),
        (procedure_text(channels=channel(term="", description="Thời hạn giải quyết: 5 ngày")), "term-in-description"),
        (
            procedure_text(channels=channel(description="Nộp tại chỗ; thời hạn giải quyết: 7 ngày làm việc")),
            "term-contradicts-description",
        ),
        (
            procedure_text(channels=channel(term=""), steps="    Bước 2: thời hạn giải quyết: 5 ngày làm việc\n"),
            "term-in-steps",
        ),
        (procedure_text(channels=channel() + channel(term="9 ngày")), "channel-repeated"),
        (procedure_text(channels=channel() + channel("Fax")), "channel-unknown"),
        (procedure_text(channels=channel("ONLINE", "3 ngày") + channel()), "terms-differ-by-channel"),
        (procedure_text(components="    - Tờ khai\n"), "component-counts-missing"),
        (procedure_text(components="Không có thông tin"), "components-not-stated"),
        (procedure_text(results="Không có thông tin"), "result-not-stated"),
        (procedure_text(cooperating="Sở Ví dụ"), "cooperating-agency"),
        (procedure_text(bases="  * Nghị định số 61/2018/NĐ-CP\n"), "expired-basis"),
        (procedure_text(bases="  * Thông tư 01/2018/TT-VPCP\n"), "expired-basis"),
        (procedure_text(bases="  * Luật nào đó\n"), "basis-unreadable"),
        (procedure_text().replace("Từ khóa: Không có thông tin\n", ""), "key-missing"),
        (procedure_text().replace("Lĩnh vực:", "Điều lạ: có\nLĩnh vực:"), "key-unknown"),
        (procedure_text().replace("Lĩnh vực:", "Cơ quan thực hiện: Sở A\nLĩnh vực:"), "key-repeated"),
        (procedure_text(more="Mức độ dịch vụ công: 4\n"), "online-level-old"),
        (procedure_text(more="Mức độ dịch vụ công: rất cao\n"), "online-level-unknown"),
        (procedure_text(name="Đăng ký \x07"), "broken-letters"),
        (procedure_text().encode("utf-16"), "encoding-not-utf-8"),
    ],
)
def test_a_quirk_is_flagged_and_nothing_is_refused_for_it(text: str | bytes, slug: str) -> None:
    assert slug in slugs(text)
    assert class_of(assessed(text)) == "flagged"


@pytest.mark.parametrize(
    ("text", "slug", "place"),
    [
        ("", "empty", "tệp"),
        (" \n\t\n", "empty", "tệp"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe\x00", "unreadable-bytes", "dòng 1"),
        (procedure_text().encode() + b"\xff", "unreadable-bytes", "dòng 35"),
        (procedure_text(name="a\0b"), "unreadable-bytes", "dòng 4"),
        ("Một bức thư: gửi ai đó.\nKính gửi: ông A\n", "not-a-procedure", "tệp"),
        (procedure_text(code=""), "code-missing", "dòng 2"),
        (procedure_text(code="Không có thông tin"), "code-missing", "dòng 2"),
        (procedure_text().replace("Mã thủ tục: 1.999001\n", ""), "code-missing", "dòng 2"),
        (procedure_text(code="12345"), "code-invalid", "dòng 2"),
        (procedure_text(code="1.999001; 1.999002"), "code-invalid", "dòng 2"),
        (procedure_text(name="Không có thông tin"), "name-missing", "dòng 4"),
        (procedure_text(channels="    Không có thông tin\n"), "channel-missing", "dòng 10"),
        (procedure_text(channels=""), "channel-missing", "dòng 10"),
        (
            procedure_text().replace("Lĩnh vực:", "Mã thủ tục: 1.999002\nLĩnh vực:"),
            "several-codes",
            "dòng 7",
        ),
    ],
)
def test_what_cannot_be_identified_is_refused_with_its_place(text: str | bytes, slug: str, place: str) -> None:
    assert refused(text) == (slug, place)
    assert class_of(assessed(text)) == "refused"


def test_names_of_other_kinds_of_files_are_refused() -> None:
    assert refused(procedure_text(), "a.docx") == ("format-unknown", "tên tệp")


def test_one_term_in_two_spellings_is_one_term() -> None:
    rows = channel("ONLINE", "05 ngày làm việc") + channel("DIRECT", "5 WORKING_DAY")
    assert only(procedure_text(channels=rows)).reasons == ()


def test_what_is_kept_is_as_published() -> None:
    one = only(procedure_text(name="CẤP GIẤY VÍ DỤ", channels=channel(fee="40 VNĐ ()")))
    assert one.procedure.name == "CẤP GIẤY VÍ DỤ"
    assert one.procedure.offers[0].fees[0].amount == 40


def test_two_rows_of_one_channel_are_two_cases_that_an_officer_chooses_from() -> None:
    rows = channel(term="15 ngày", description="Công trình lớn") + channel(term="10 ngày", description="Nhà ở")
    published = only(procedure_text(channels=rows)).procedure.procedure(1, None)
    assert [case.code for case in published.cases] == ["counter-1", "counter-2"]
    assert "Nhà ở" in published.cases[1].name
    assert published.term_for("counter", "counter-2").amount == 10
    assert published.term_for("counter", None).unit is None


def test_cases_of_one_term_do_not_take_the_date_away() -> None:
    rows = channel(fee="20000 VNĐ (hộ gia đình)") + channel(fee="0 VNĐ (người có công)")
    published = only(procedure_text(channels=rows)).procedure.procedure(1, None)
    assert published.term_for("counter", None).amount == 5
    assert len(published.cases) == 2


@pytest.mark.parametrize(
    ("agency", "kind"),
    [
        ("Công an Xã", "commune-police"),
        ("Công an cấp tỉnh", "province-police"),
        ("Phòng Cảnh sát giao thông, Công an cấp tỉnh", None),
        ("Ủy ban nhân dân cấp Xã", "commune-committee"),
        ("UBND phường", "commune-committee"),
        ("Sở Văn hóa, Thể thao và Du lịch", "culture-department"),
        ("Sở Nông nghiệp và Môi trường", "agriculture-department"),
        ("Phòng Đăng ký kinh doanh; Sở Tài chính", "finance-department"),
        ("Bảo hiểm xã hội cấp tỉnh", "social-insurance"),
        ("Văn phòng đăng ký đất đai", "land-office"),
        ("Trung tâm cho thuê nhà", None),
        ("Cơ sở giáo dục", None),
        ("Sở Giáo dục và Đào tạo, Cơ sở giáo dục", None),
        ("Quân chủng Hải quân", None),
        ("Bảo hiểm xã hội Việt Nam", None),
        ("Cục cảnh sát giao thông", None),
        ("Cơ quan chuyên môn về y tế thuộc Ủy ban nhân dân cấp tỉnh", None),
        ("Chủ tịch Ủy ban nhân dân cấp tỉnh", "province-committee"),
        ("Ban Chỉ huy quân sự cấp xã", "commune-military-command"),
        ("Bộ Chỉ huy quân sự tỉnh", "military-command"),
        ("Ban Chỉ huy quân sự huyện", None),
    ],
)
def test_the_kind_of_agency_is_derived_or_left_open(agency: str, kind: str | None) -> None:
    assert only(procedure_text(agency=agency)).procedure.agency_kind == kind


def test_a_publishing_office_may_name_the_kind_itself() -> None:
    one = only(procedure_text(agency="Cục Ví dụ", more="Loại cơ quan giải quyết: vi-du\n"))
    assert one.procedure.agency_kind == "vi-du"
    assert [(reason.slug, "không có trong bảng" in reason.text) for reason in one.reasons] == [
        ("agency-kind-unrouted", True)
    ]


@pytest.mark.parametrize(
    ("steps", "flagged"),
    [
        ("0,5 ngày làm việc|4 ngày làm việc|0,5 ngày làm việc|", set()),
        ("0,5 ngày làm việc|4 ngày làm việc|1 ngày làm việc|", {"process-shares-differ"}),
        ("5 ngày|", {"process-shares-differ"}),
        ("0,5 ngày làm việc|khi nào xong|", {"process-step-unreadable"}),
    ],
)
def test_the_shares_of_the_internal_process_add_up_to_the_term(steps: str, flagged: set[str]) -> None:
    lines = "".join(f"  Bước {n}: Làm | Cán bộ | {share}\n" for n, share in enumerate(steps.split("|"), start=1))
    one = only(procedure_text(more=f"Quy trình nội bộ:\n{lines}"))
    assert {reason.slug for reason in one.reasons} == flagged
    assert len(one.procedure.process) == len(steps.split("|"))


def test_what_looks_like_a_key_inside_a_long_text_is_text() -> None:
    steps = "    Bước 1: nộp hồ sơ\nLưu ý: mang bản chính\nKết quả thực hiện: xem dưới\n"
    one = only(procedure_text(steps=steps))
    assert one.procedure.texts["results"] == "Giấy ví dụ"
    assert "Lưu ý: mang bản chính" in one.procedure.texts["steps"]


def test_steps_that_speak_of_all_that_follows_are_steps() -> None:
    steps = (
        "    a) Cơ quan thực hiện:\nCơ quan thực hiện: Sở X\nCách thức thực hiện: trực tiếp\n"
        "Thành phần hồ sơ:\n- Đơn\nKết quả thực hiện: giấy\n"
    )
    one = only(procedure_text(steps=steps))
    assert one.procedure.agency_kind == "commune-police"
    assert [offer.term for offer in one.procedure.offers] == ["5 WORKING_DAY"]
    assert [paper.name for paper in one.procedure.papers] == ["Tờ khai theo mẫu", "Giấy tờ chứng minh"]
    assert {reason.slug for reason in one.reasons} == {"key-repeated"}


@pytest.mark.parametrize(
    ("components", "names"),
    [
        ("- Tờ khai;\n+ phần a\n+ phần b\nSố lượng: Bản chính: 1\n", ["Tờ khai; + phần a + phần b"]),
        (
            "    - Gồm:\n- A\n- B\n      Số lượng: Bản chính: 1\n    - Hai\n      Số lượng: Bản chính: 2\n",
            ["Gồm: - A - B", "Hai"],
        ),
        ("  * Bao gồm:\n    - Đơn\n      Số lượng: Bản chính: 1\n", ["Đơn"]),
        ("\u00a0\u00a0\u00a0\u00a0- Đơn\n      Số lượng: Bản chính: 1\n", ["Đơn"]),
    ],
)
def test_line_breaks_and_bullets_inside_a_paper_stay_inside(components: str, names: list[str]) -> None:
    one = only(procedure_text(components=components))
    assert ([paper.name for paper in one.procedure.papers], one.procedure.cases, one.reasons) == (names, (), ())


def test_a_description_that_speaks_like_a_row_is_a_description() -> None:
    said = "Nộp hồ sơ\nHình thức nộp: trực tuyến\nTrường hợp: khác\nPhí: 5 đồng\n- Số lượng: 01 bộ"
    (offer,) = only(procedure_text(channels=channel(description=said))).procedure.offers
    assert (offer.channel, offer.case, offer.description) == ("counter", None, said)


def test_a_papers_own_words_are_not_its_counts_nor_a_case() -> None:
    papers = (
        "    - Mẫu đơn số 01\nSố lượng: 01 bộ\n* Đối với cá nhân:\n- bản chụp\n      Số lượng: Bản chính: 2\n"
        "    - Mẫu đơn: bản khai\n      Số lượng: Bản chính: 1\n      Mẫu đơn: 02.docx\n"
    )
    one = only(procedure_text(components=papers)).procedure
    assert one.cases == ()
    assert [(paper.name, paper.originals, paper.form) for paper in one.papers] == [
        ("Mẫu đơn số 01 Số lượng: 01 bộ * Đối với cá nhân: - bản chụp", 2, ""),
        ("Mẫu đơn: bản khai", 1, "02.docx"),
    ]


@pytest.mark.parametrize(
    ("fee", "amounts"),
    [
        ("0 VNĐ ()", [0]),
        ("10000 VNĐ (nộp trực tuyến) | 0 VNĐ (người có công)", [10000, 0]),
        ("Phí : 200.000 Đồng (Mức thu: 200.000 đồng/lần)", [200000]),
        ("10000 VNĐ (giảm còn 5000 đồng)", [10000]),
        ("1.000.000đ", [1000000]),
        ("20000 VNĐ (- Trường hợp A\n- Trường hợp B)", [20000]),
        ("10000 VNĐ (A)\n20000 VNĐ (B)", [10000, 20000]),
        ("50000", [50000]),
        ("từ 10.000 đồng đến 20.000 đồng", [None]),
        ("Theo Thông tư 60/2023/TT-BTC", [None]),
        ("2,5 triệu đồng", [None]),
        ("Không có thông tin", []),
    ],
)
def test_fees_are_amounts_only_where_one_is_written(fee: str, amounts: list[int | None]) -> None:
    assert [one.amount for one in only(procedure_text(channels=channel(fee=fee))).procedure.offers[0].fees] == amounts


def test_a_file_of_two_texts_holds_two_procedures() -> None:
    file = assessed(procedure_text() + "\n" + procedure_text(code="1.999002"))
    assert [one.procedure.code for one in file.procedures] == ["1.999001", "1.999002"]


def test_windows_line_ends_marks_and_markdown_are_read_alike() -> None:
    plain = only(procedure_text()).fingerprint
    assert only(b"\xef\xbb\xbf" + procedure_text().replace("\n", "\r\n").encode()).fingerprint == plain
    bold = procedure_text().replace("Mã thủ tục:", "**Mã thủ tục:**").replace("Chi tiết", "# Chi tiết", 1)
    assert only(bold, "a.md").fingerprint == plain


@pytest.mark.parametrize(
    "line",
    [
        "#" * 100 + " 1: x",
        "* " * 50 + "1: x",
        "a" + " " * 100 + "b",
        "a" + " " * 1_000_000 + "b",
        " " * 1_000_000 + ":",
        "- " * 500_000,
        "1.000" * 300_000 + " VNĐ",
        "|" * 1_000_000,
        "61/2018/" * 100_000,
        "thời hạn " * 100_000 + ":",
        "* " * 300_000 + ":",
        "(" * 1_000_000,
    ],
    ids=lambda line: line[:6],
)
@pytest.mark.parametrize("place", ["Tên thủ tục:", "Trình tự thực hiện:", "Phí, lệ phí:", "Mô tả:", "Căn cứ pháp lý:"])
def test_no_line_takes_long(line: str, place: str) -> None:
    text = procedure_text(channels=channel(description="x")).replace(place, f"{place}\n{line}\n{place} {line}", 1)
    began = time.process_time()
    in_one_class("a.txt", text.encode())
    assert time.process_time() - began < 15


LINES = st.sampled_from([line for line in procedure_text().split("\n") if line.strip()])
NAMES = st.sampled_from(["a.txt", "a.md", "a.json", "a.csv", "a.xlsx", "a", "", "a.pdf"])


@given(NAMES, st.binary(max_size=2000))
@example("a.csv", b'"')
@example("a.json", b"\xef\xbb\xbf[]")
@settings(max_examples=300, deadline=None)
def test_any_bytes_land_in_one_class(name: str, content: bytes) -> None:
    in_one_class(name, content)


@given(st.lists(LINES | st.text(max_size=40), max_size=60), st.randoms())
@settings(max_examples=300, deadline=None)
def test_any_lines_in_any_order_land_in_one_class(lines: list[str], chance: random.Random) -> None:
    in_one_class("a.txt", "\n".join(lines).encode("utf-8", "replace"))
    whole = procedure_text().split("\n")
    for line in lines[:5]:
        whole.insert(chance.randrange(len(whole)), line)
    in_one_class("a.txt", "\n".join(whole).encode("utf-8", "replace"))


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_composed_or_not_the_content_is_the_same(name: str) -> None:
    text = procedure_text(name="Tên " + name)
    composed, apart = (unicodedata.normalize(form, text).encode("utf-8", "replace") for form in ("NFC", "NFD"))
    first, second = assessed(composed), assessed(apart)
    assert [one.fingerprint for one in first.procedures] == [one.fingerprint for one in second.procedures]


def test_what_is_published_usually_is_never_refused() -> None:
    for name, text in many(300, seed=7):
        assert class_of(assessed(text, name)) in ("published", "flagged")
