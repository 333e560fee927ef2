"""Bảng công bố as offices make them: several sheets, merged and doubled headers, cut rows; nothing lost in silence."""

import io
import re
from collections.abc import Sequence
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook

from tests.intake.published import assessed, class_of, only, refused, slugs
from tests.intake.test_published_tables import HEADER, ROWS, as_csv, as_object, dumped

FIRST, ONLINE, SECOND = ROWS


def packed(*sheets: Sequence[Sequence[Any]], hidden: Sequence[int] = ()) -> bytes:
    book = Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet(f"Trang {number}")
        assert sheet is not None
        sheet.sheet_state = "hidden" if number in hidden else "visible"
        for row in rows:
            sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_each_sheet_has_columns_of_its_own() -> None:
    numbered = [("STT", *HEADER), ("1", *SECOND)]
    file = assessed(packed([HEADER, FIRST], numbered), "a.xlsx")
    assert [(one.procedure.code, one.procedure.name) for one in file.procedures] == [
        ("1.999001", "Đăng ký"),
        ("1.999002", "Cấp lại"),
    ]
    assert file.refused == ()


def test_a_sheet_that_is_hidden_or_names_no_code_is_left_out_and_told() -> None:
    guide = [(f"Hướng dẫn {n}",) for n in range(30)]
    file = assessed(packed(guide, [HEADER, FIRST], [HEADER, SECOND], hidden=[2]), "a.xlsx")
    assert [one.procedure.code for one in file.procedures] == ["1.999001"]
    assert [(note.slug, note.place) for note in file.notes] == [
        ("sheet-left-out", "trang «Sheet»"),
        ("sheet-left-out", "trang «Trang 2»"),
    ]


def test_a_channel_under_a_merged_code_is_the_procedures_above() -> None:
    below = ["", "", "", "", "", "ONLINE", "5 ngày làm việc", "0 VNĐ"]
    one = only(packed([("Danh mục",), HEADER, FIRST, below]), "a.xlsx")
    assert [offer.channel for offer in one.procedure.offers] == ["counter", "online"]
    assert [(why.slug, why.place) for why in one.reasons] == [("code-from-above", "hàng 4")]


def test_a_row_without_a_code_that_is_no_channel_is_nobodys() -> None:
    file = assessed(packed([HEADER, FIRST, ["", "Tổng cộng: 1 thủ tục"], ["", "", "", "", "", "ONLINE"]]), "a.xlsx")
    assert [len(one.procedure.offers) for one in file.procedures] == [1]
    assert [(why.slug, why.place) for why in file.refused] == [("code-missing", "hàng 3"), ("code-missing", "hàng 4")]


def test_a_header_of_two_rows_is_one_header() -> None:
    upper = [*HEADER[:5], "Cách thức thực hiện", "", "", "", *HEADER[9:]]
    lower = ["", "", "", "", "", *HEADER[5:9]]
    one = only(packed([upper, lower, FIRST]), "a.xlsx")
    assert (one.reasons, one.procedure.offers[0].term) == ((), "5 ngày làm việc")


def test_what_a_workbook_says_of_its_size_counts_for_nothing() -> None:
    small = io.BytesIO()
    with ZipFile(io.BytesIO(packed([HEADER, FIRST]))) as book, ZipFile(small, "w") as other:
        for entry in book.infolist():
            said = re.sub(rb'<dimension ref="[^"]*" ?/>', b'<dimension ref="A1"/>', book.read(entry))
            other.writestr(entry, said)
    assert only(small.getvalue(), "a.xlsx").reasons == ()


@pytest.mark.parametrize("cell", ['="Đăng"&" ký"', "#REF!", "#N/A"])
def test_a_formula_that_nobody_computed_is_no_name(cell: str) -> None:
    assert refused(packed([HEADER, ("1.999001", cell, *FIRST[2:])]), "a.xlsx") == (
        "formula-without-value",
        "hàng 2, cột «Tên thủ tục»",
    )


def test_a_fee_in_two_columns_is_two_fees() -> None:
    header = [*HEADER[:7], "Phí", "Lệ phí", *HEADER[9:]]
    one = only(packed([header, [*FIRST[:7], "5.000 đồng", "10.000 đồng", *FIRST[9:]]]), "a.xlsx")
    assert one.reasons == ()
    assert [(fee.amount, fee.text) for fee in one.procedure.offers[0].fees] == [
        (5000, "Phí: 5.000 đồng"),
        (10000, "Lệ phí: 10.000 đồng"),
    ]


def test_a_column_that_comes_twice_or_has_no_name_is_told() -> None:
    assert slugs(packed([(*HEADER, "Tên thủ tục"), (*FIRST, "Tên khác")]), "a.xlsx") == {"key-repeated"}
    assert refused(packed([(*HEADER, "Mã TTHC"), (*FIRST, "1.999009")]), "a.xlsx")[0] == "several-codes"
    assert slugs(packed([HEADER, (*FIRST, "ghi chú bên lề")]), "a.xlsx") == {"key-unknown"}


def test_far_columns_are_read_and_too_many_are_refused() -> None:
    odd = [f"cột lạ {n}" for n in range(200)]
    file = assessed(packed([(*odd, *HEADER), ("",) * 200 + FIRST]), "a.xlsx")
    assert (class_of(file), file.procedures[0].procedure.name) == ("flagged", "Đăng ký")
    assert refused(packed([HEADER, (*FIRST, *[""] * 300, "xa")]), "a.xlsx") == ("too-large", "hàng 2")


def test_a_title_with_commas_does_not_hide_semicolons() -> None:
    assert only("DANH MỤC, năm 2026, tỉnh A\n" + as_csv([FIRST], ";"), "a.csv").reasons == ()


def test_a_quote_that_never_ends_swallows_no_rows() -> None:
    broken = as_csv([FIRST]) + '1.999002,"Cấp lại,Cấp Xã\n1.999003,Khác\n'
    assert refused(broken, "a.csv")[0] == "unreadable-bytes"


def test_a_row_with_more_cells_than_the_header_is_refused_for_nobody_knows_which_are_whose() -> None:
    shifted = "1.999002,Cấp mới, cấp lại,Cấp Xã,Ví dụ,Công an Xã,DIRECT,5 ngày,0 VNĐ,,Đơn,Giấy,1/2099/NĐ-CP\n"
    file = assessed(as_csv([FIRST]) + shifted, "a.csv")
    assert [one.procedure.code for one in file.procedures] == ["1.999001"]
    assert [why.slug for why in file.refused] == ["cells-without-column"]


def test_what_a_part_of_json_has_beside_its_names_is_told() -> None:
    rows = [{"Hình thức nộp": "DIRECT", "Thời hạn": "5 ngày", "Phí": "5.000 đồng", "Lệ phí": 0, "Nơi nộp": "quầy 1"}]
    text = dumped(as_object(**{"Cách thức thực hiện": rows}))
    assert [fee.amount for fee in only(text, "a.json").procedure.offers[0].fees] == [5000, 0]
    assert [why.place for why in only(text, "a.json").reasons] == [
        "trường «Cách thức thực hiện»[1], trường «Nơi nộp»",
    ]


@pytest.mark.parametrize(
    ("paper", "counts", "flagged"),
    [
        ({"Tên": "A", "Số lượng": "Bản chính: 1, Bản sao: 2"}, (1, 2), set()),
        ({"Tên": "A", "Số lượng": {"Bản chính": 1, "Bản sao": "2"}}, (1, 2), set()),
        ({"Tên": "A", "Bản chính": 1, "Bản sao": -2}, (1, None), {"count-unusual"}),
        ({"Tên": "A", "Bản chính": 1, "Số lượng": "một bộ"}, (1, None), {"count-unusual"}),
    ],
)
def test_counts_of_json_are_read_or_told(paper: dict[str, Any], counts: tuple[int, int], flagged: set[str]) -> None:
    one = only(dumped(as_object(**{"Thành phần hồ sơ": [paper]})), "a.json")
    assert [(paper.originals, paper.copies) for paper in one.procedure.papers] == [counts]
    assert {why.slug for why in one.reasons} == flagged


def test_two_codes_in_one_object_and_numbers_that_are_none_are_refused() -> None:
    text = dumped(as_object())
    assert refused(text.replace("{", '{"Mã thủ tục": "1.999009", ', 1), "a.json")[0] == "several-codes"
    assert refused(text.replace('"Giấy ví dụ"', "NaN"), "a.json")[0] == "unreadable-bytes"
