"""Thành phần hồ sơ as published texts have it: headings of cases, papers without a name, what isn't there."""

import pytest

from tests.intake.procedure_texts import channel, procedure_text
from tests.intake.published import only, slugs

PAPER = "    - {}\n      Số lượng: Bản chính: 1, Bản sao: 0\n"


def papers_of(components: str) -> list[tuple[str, str | None]]:
    return [(paper.name, paper.case) for paper in only(procedure_text(components=components)).procedure.papers]


def test_papers_under_a_heading_in_brackets_are_those_of_its_case() -> None:
    """Bracketed headings stand in every fifth published text; none of them is a paper that somebody hands in."""
    components = (
        PAPER.format("Tờ khai")
        + "  [ * Trường hợp ủy quyền: ]\n"
        + PAPER.format("Văn bản ủy quyền")
        + "  [ Đối với giấy phép bị mất ]\n"
        + PAPER.format("- Đơn trình báo")
    )
    one = only(procedure_text(components=components))
    assert one.reasons == ()
    assert [(paper.name, paper.case) for paper in one.procedure.papers] == [
        ("Tờ khai", None),
        ("Văn bản ủy quyền", "truong-hop-uy-quyen"),
        ("Đơn trình báo", "doi-voi-giay-phep-bi-mat"),
    ]
    assert one.procedure.cases[0] == ("truong-hop-uy-quyen", "Trường hợp ủy quyền")


@pytest.mark.parametrize(
    "heading",
    ["Giấy tờ phải nộp", "* Giấy tờ phải xuất trình:", "01 bộ hồ sơ", "Số lượng hồ sơ: 01 bộ.", "a) Thành phần hồ sơ:"],
)
def test_a_heading_that_names_no_case_is_told_and_its_papers_count_in_every_case(heading: str) -> None:
    components = f"  [ {heading} ]\n" + PAPER.format("Đơn") + f"  [ {heading} ]\n" + PAPER.format("Giấy phép")
    assert papers_of(components) == [("Đơn", None), ("Giấy phép", None)]
    assert slugs(procedure_text(components=components)) == {"component-heading"}


def test_one_heading_without_a_condition_speaks_of_all_papers() -> None:
    assert papers_of("  [ Hồ sơ hỗ trợ kinh phí: ]\n" + PAPER.format("Đơn")) == [("Đơn", None)]
    assert papers_of("  [ Trường hợp nộp thay: ]\n" + PAPER.format("Đơn")) == [("Đơn", "truong-hop-nop-thay")]


def test_a_heading_without_papers_is_told() -> None:
    components = PAPER.format("Đơn") + "  [ Trường hợp khác: không phải nộp gì ]\n"
    assert papers_of(components) == [("Đơn", None)]
    assert slugs(procedure_text(components=components)) == {"component-heading"}


def test_a_paper_without_a_name_is_told_and_its_count_is_nobody_elses() -> None:
    components = "    - Giấy phép\n      Số lượng: Bản chính: 0, Bản sao: 3\n    - \n      Số lượng: Bản chính: 1\n"
    one = only(procedure_text(components=components))
    assert [(paper.name, paper.originals, paper.copies) for paper in one.procedure.papers] == [("Giấy phép", 0, 3)]
    assert {reason.slug for reason in one.reasons} == {"component-nameless"}


def test_a_name_on_the_line_below_its_bullet_is_its_name() -> None:
    assert papers_of("    - \nTờ khai\n      Số lượng: Bản chính: 1\n") == [("Tờ khai", None)]


@pytest.mark.parametrize("bullet", ["-", "+", "•"])
def test_papers_go_on_below_whatever_bullet_they_have(bullet: str) -> None:
    components = f"    {bullet} Văn bản\ncủa tổ chức\n      Số lượng: Bản chính: 1\n"
    assert papers_of(components) == [("Văn bản của tổ chức", None)]


def test_words_that_say_there_is_nothing_are_no_paper_and_no_basis() -> None:
    text = procedure_text(
        components="    Không có thông tin thành phần hồ sơ.\n", bases="  Không có thông tin căn cứ pháp lý.\n"
    )
    one = only(text)
    assert (one.procedure.papers, one.procedure.bases) == ((), ())
    assert {reason.slug for reason in one.reasons} == {"components-not-stated", "bases-not-stated"}


@pytest.mark.parametrize(
    ("was", "now", "slug"),
    [
        ("Số quyết định: 0001/QĐ-BVD", "Số quyết định: Không có thông tin", "decision-not-stated"),
        ("Đối tượng thực hiện: Công dân Việt Nam, Doanh nghiệp", "Đối tượng thực hiện:", "applicants-not-stated"),
        ("    Bước 1: Nộp hồ sơ tại Bộ phận Một cửa.", "    Không có thông tin", "steps-not-stated"),
        ("Đăng ký ví dụ", "Đăng ký <b>ví&nbsp;dụ</b>", "markup-left"),
    ],
)
def test_what_is_not_stated_and_what_is_left_of_a_page_is_flagged(was: str, now: str, slug: str) -> None:
    assert slugs(procedure_text().replace(was, now)) == {slug}


@pytest.mark.parametrize(
    ("level", "levels"),
    [
        ("Cấp Bộ/Trung ương", ("central",)),
        ("Cấp Tỉnh/Thành phố", ("province",)),
        ("Cấp Xã; Cấp Tỉnh", ("commune", "province")),
        ("cấp quận/huyện", ("district",)),
    ],
)
def test_levels_are_read_whatever_stands_between_them(level: str, levels: tuple[str, ...]) -> None:
    assert only(procedure_text(level=level)).procedure.levels == levels


def test_a_case_of_a_row_is_named_anywhere_before_its_description() -> None:
    rows = channel(fee="0 VNĐ (hộ nghèo)") + "    Trường hợp: Cấp lại\n"
    (offer,) = only(procedure_text(channels=rows)).procedure.offers
    assert (offer.case, [fee.text for fee in offer.fees]) == ("cap-lai", ["0 VNĐ (hộ nghèo)"])


def test_what_stands_above_the_first_channel_is_kept_and_told() -> None:
    rows = "  * Thời hạn giải quyết: 9 ngày\n" + channel()
    one = only(procedure_text(channels=rows))
    assert [(offer.channel, offer.description) for offer in one.procedure.offers] == [
        (None, "* Thời hạn giải quyết: 9 ngày"),
        ("counter", ""),
    ]
    assert "channel-unknown" in {reason.slug for reason in one.reasons}


def test_an_address_with_its_phone_is_kept_whole() -> None:
    said = "Địa chỉ tiếp nhận HS: Trung tâm, số 1 đường Ví Dụ\nĐT: 0262 000 0100\nCơ sở 2: số 2"
    text = procedure_text().replace("Địa chỉ tiếp nhận HS: Không có thông tin", said)
    one = only(text)
    assert one.reasons == ()
    assert one.procedure.texts["receiving_address"].endswith("ĐT: 0262 000 0100\nCơ sở 2: số 2")


@pytest.mark.parametrize(
    ("basis", "number"),
    [
        ("Nghị định số 061/2018/NĐ-CP", "61/2018/NĐ-CP"),
        ("Nghị quyết số 66.7/2025/NQ-CP", "66.7/2025/NQ-CP"),
        ("Thông tư số 53/2025/TT-BCAngày 01/7/2025", None),
        ("Luật Cư trú 2020 (68/2020/QH14)", "68/2020/QH14"),
        ("Sửa đổi một số điều của Nghị định số 61/2018/NĐ-CP (Nghị định 107/2021/NĐ-CP)", "107/2021/NĐ-CP"),
        ("Hướng dẫn Quyết định số 290/2005/QĐ-TTg (191/2005/TTLT/BQP-BTC).", "191/2005/TTLT/BQP-BTC"),
        ("Nghị định số 146/2025/NĐ-CP (nghị định 146/2025)", "146/2025/NĐ-CP"),
    ],
)
def test_a_basis_has_its_whole_number_or_none(basis: str, number: str | None) -> None:
    assert [one.number for one in only(procedure_text(bases=f"  * {basis}\n")).procedure.bases] == [number]
