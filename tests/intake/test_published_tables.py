"""Đọc nội dung công bố có cấu trúc: JSON, CSV, XLSX; any order of fields, wrong rows named, broken files refused."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.intake.published import assessed, class_of, in_one_class, only, refused, slugs


def as_object(**changes: Any) -> dict[str, Any]:
    """A clean procedure as JSON."""
    return {
        "Mã thủ tục": "1.999001",
        "Tên thủ tục": "Đăng ký ví dụ",
        "Cấp thực hiện": "Cấp Xã",
        "Lĩnh vực": "Lĩnh vực ví dụ",
        "Cơ quan thực hiện": "Công an Xã",
        "Cách thức thực hiện": [{"Hình thức nộp": "DIRECT", "Thời hạn giải quyết": "5 WORKING_DAY", "Phí": "0 VNĐ"}],
        "Thành phần hồ sơ": [{"Tên": "Tờ khai", "Bản chính": 1, "Bản sao": 0}],
        "Kết quả thực hiện": "Giấy ví dụ",
        "Căn cứ pháp lý": ["Nghị định số 1/2099/NĐ-CP"],
        **changes,
    }


def dumped(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **options)


@given(st.permutations(list(as_object())))
@settings(max_examples=50, deadline=None)
def test_the_order_of_fields_says_nothing(names: list[str]) -> None:
    value = as_object()
    one = only(dumped({name: value[name] for name in names}), "a.json")
    assert (one.reasons, one.fingerprint) == ((), only(dumped(value), "a.json").fingerprint)


def test_json_in_english_in_a_list_or_wrapped_is_read() -> None:
    english = {
        "code": "1.999001", "name": "Đăng ký ví dụ", "level": "commune", "field": "Lĩnh vực ví dụ",
        "agency": "Công an Xã", "results": "Giấy ví dụ",
        "legal_bases": [{"number": "1/2099/NĐ-CP", "name": "Nghị định số"}],
        "channels": [{"channel": "counter", "term": "5 ngày làm việc", "fee": "0 VNĐ"}],
        "components": [{"case": "Ủy quyền", "components": [{"name": "Giấy ủy quyền", "originals": 1}]}],
        "internal_process": [{"step": "Thẩm định", "role": "Chuyên viên", "share": "5 ngày làm việc"}],
    }  # fmt: skip
    one = only(dumped({"data": [english]}), "a.json")
    assert (one.reasons, one.procedure.papers[0].case, one.place) == ((), "uy-quyen", "mục 1")
    both = assessed(dumped([english, {**english, "code": "x"}, {"lạ": 1}]), "a.json")
    assert [one.procedure.code for one in both.procedures] == ["1.999001"]
    assert [(why.slug, why.place) for why in both.refused] == [
        ("not-a-procedure", "mục 3"),
        ("code-invalid", "mục 2, trường «code»"),
    ]
    assert class_of(both) == "flagged"


@pytest.mark.parametrize("text", ["{", "[1]", "null", "{}", '"a"', "[" * 100_000, '{"a":' * 50_000, "1" * 5000, "[{}]"])
def test_json_that_is_no_procedure_is_refused(text: str) -> None:
    assert refused(text, "a.json")[0] in ("unreadable-bytes", "not-a-procedure")


@pytest.mark.parametrize(
    ("fee", "amounts"),
    [
        (20000, [20000]),
        ({"amount": 20000, "note": "hộ gia đình"}, [20000]),
        ([{"Số tiền": "20.000"}, "0 VNĐ"], [20000, 0]),
        ({"note": "theo nghị quyết"}, [None]),
        (None, []),
    ],
)
def test_fees_of_json_are_read_as_written(fee: Any, amounts: list[int | None]) -> None:
    rows = [{"channel": "DIRECT", "term": "5 ngày", "fee": fee}]
    one = only(dumped(as_object(**{"Cách thức thực hiện": rows})), "a.json")
    assert [one.amount for one in one.procedure.offers[0].fees] == amounts


def test_half_a_character_and_a_field_twice_are_flagged() -> None:
    text = dumped(as_object())
    assert "broken-letters" in slugs(text.replace("Giấy ví dụ", "Giấy \\ud800"), "a.json")
    assert "key-repeated" in slugs(text.replace('"Cấp thực hiện"', '"Lĩnh vực": "X", "Cấp thực hiện"'), "a.json")
    assert "not-nfc" in slugs(text.replace("Giấy ví dụ", "Gia\\u0302\\u0301y"), "a.json")


HEADER: tuple[str, ...] = ("Mã thủ tục", "Tên thủ tục", "Cấp thực hiện", "Lĩnh vực", "Cơ quan thực hiện")
HEADER += ("Hình thức nộp", "Thời hạn giải quyết", "Phí, lệ phí", "Mô tả")
HEADER += ("Thành phần hồ sơ", "Kết quả thực hiện", "Căn cứ pháp lý")
ROWS = [
    ("1.999001", "Đăng ký", "Cấp Xã", "Ví dụ", "Công an Xã", "DIRECT", "5 ngày làm việc", "0 VNĐ", "",
     "- Tờ khai\nSố lượng: Bản chính: 1", "Giấy", "1/2099/NĐ-CP"),
    ("1.999001", "", "", "", "", "ONLINE", "5 ngày làm việc", "0 VNĐ", "", "", "", ""),
    ("1.999002", "Cấp lại", "Cấp Tỉnh", "Ví dụ", "Sở Y tế", "DIRECT", "3 ngày", "0 VNĐ", "",
     "- Đơn\nSố lượng: Bản chính: 1", "Giấy", "1/2099/NĐ-CP"),
]  # fmt: skip


def as_csv(rows: Sequence[tuple[str, ...]], between: str = ",") -> str:
    import csv

    sheet = io.StringIO()
    csv.writer(sheet, delimiter=between).writerows([HEADER, *rows])
    return sheet.getvalue()


def as_xlsx(rows: Sequence[tuple[str, ...]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.create_sheet("Danh mục", 0)
    for row in [("Danh mục",), HEADER, *rows]:
        sheet.append(list(row))
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("a.csv", as_csv),
        ("a.csv", lambda rows: as_csv(rows, ";")),
        ("a.csv", lambda rows: b"\xef\xbb\xbf" + as_csv(rows, "\t").encode()),
        ("a.xlsx", as_xlsx),
    ],
)
def test_rows_of_one_code_are_one_procedure(name: str, made: Callable[[Any], str | bytes]) -> None:
    file = assessed(made(ROWS), name)
    assert (file.refused, [one.reasons for one in file.procedures]) == ((), [(), ()])
    first, second = (one.procedure for one in file.procedures)
    assert ([offer.channel for offer in first.offers], second.agency_kind) == (
        ["counter", "online"],
        "health-department",
    )
    assert [(paper.name, paper.originals) for paper in first.papers] == [("Tờ khai", 1)]


def test_a_wrong_row_is_named_and_stops_no_other() -> None:
    contradicting = ("1.999002", "Tên khác", *ROWS[1][2:])
    nameless = ("", *ROWS[0][1:])
    file = assessed(as_csv([*ROWS, contradicting, nameless]), "a.csv")
    assert [one.procedure.code for one in file.procedures] == ["1.999001"]
    assert [(why.slug, why.place) for why in file.refused] == [
        ("code-missing", "hàng 6"),
        ("rows-contradict", "hàng 5, cột «Tên thủ tục»"),
    ]


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"", as_xlsx(ROWS)[:900], b"a,b\n1,2\n"])
def test_a_broken_workbook_is_refused(content: bytes) -> None:
    assert refused(content, "a.xlsx") == ("unreadable-bytes", "tệp")


def test_a_large_or_endless_file_is_refused_soon() -> None:
    assert refused(b"x" * 8_000_001)[0] == "too-large"
    assert refused("\n" * 30_000 + "x")[0] == "too-large"
    assert refused(as_csv(ROWS * 10_000), "a.csv")[0] == "too-large"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(["Tên", "term", "Phí"]), inside),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*as_object(), "Quy trình nội bộ", "Mức độ"]), JSON_VALUES))
@settings(max_examples=300, deadline=None)
def test_any_json_lands_in_one_class(value: dict[str, Any]) -> None:
    in_one_class("a.json", json.dumps(value).encode())
    in_one_class("a.json", json.dumps({**as_object(), **value}).encode())
