"""Đọc thời hạn: what published texts say, and what is left to a person."""

import time as clock
import unicodedata
from datetime import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_worktime import Reason, Term, Unit, parse_term

WORKING_DAY, CALENDAR_DAY, HOUR, MONTH, YEAR = (
    Unit.WORKING_DAY,
    Unit.CALENDAR_DAY,
    Unit.WORKING_HOUR,
    Unit.MONTH,
    Unit.YEAR,
)

LENGTHS = {
    "2.5 WORKING_DAY": (WORKING_DAY, "2.5"),
    "16.5 WORKING_DAY": (WORKING_DAY, "16.5"),
    "0.25 WORKING_DAY": (WORKING_DAY, "0.25"),
    "4.75 WORKING_DAY": (WORKING_DAY, "4.75"),
    "360 WORKING_DAY": (WORKING_DAY, "360"),
    "0 WORKING_DAY": (WORKING_DAY, "0"),
    "1.125 WORKING_DAY": (WORKING_DAY, "1.125"),
    "30 ngày": (CALENDAR_DAY, "30"),
    "2,5 ngày": (CALENDAR_DAY, "2.5"),
    "2,5 ngày làm việc": (WORKING_DAY, "2.5"),
    "5 NGÀY LÀM VIỆC": (WORKING_DAY, "5"),
    "5ngày làm việc": (WORKING_DAY, "5"),
    "5\u00a0ngày\u00a0\u00a0làm\tviệc": (WORKING_DAY, "5"),
    "5 ngày\nlàm việc": (WORKING_DAY, "5"),
    "5 ngày\u200b làm việc": (WORKING_DAY, "5"),
    "5 ngay lam viec": (WORKING_DAY, "5"),
    "- 5 ngày": (CALENDAR_DAY, "5"),
    "+ 5 ngày làm việc;": (WORKING_DAY, "5"),
    "• 5 ngày.": (CALENDAR_DAY, "5"),
    "03 (ba) ngày làm việc": (WORKING_DAY, "3"),
    "mười (10) ngày": (CALENDAR_DAY, "10"),
    "mười lăm ngày làm việc": (WORKING_DAY, "15"),
    "năm ngày": (CALENDAR_DAY, "5"),
    "một năm": (YEAR, "1"),
    "năm năm": (YEAR, "5"),
    "hai mươi mốt ngày": (CALENDAR_DAY, "21"),
    "nửa ngày": (CALENDAR_DAY, "0.5"),
    "nửa ngày làm việc": (WORKING_DAY, "0.5"),
    "1/2 ngày": (CALENDAR_DAY, "0.5"),
    "½ ngày làm việc": (WORKING_DAY, "0.5"),
    "2 ngày làm việc rưỡi": (WORKING_DAY, "2.5"),
    "1 Giờ": (HOUR, "1"),
    "24 HOUR": (HOUR, "24"),
    "8 giờ làm việc": (HOUR, "8"),
    "8h": (HOUR, "8"),
    "30 phút": (HOUR, "0.5"),
    "2 tuần": (CALENDAR_DAY, "14"),
    "3 MONTH": (MONTH, "3"),
    "1.5 tháng": (MONTH, "1.5"),
    "3 YEAR": (YEAR, "3"),
    "5 working days": (WORKING_DAY, "5"),
    "trong ngày": (WORKING_DAY, "0"),
    "Ngay trong ngày": (WORKING_DAY, "0"),
    "Giải quyết ngay trong ngày làm việc": (WORKING_DAY, "0"),
    "Thực hiện trong ngày làm việc nhận được hồ sơ đầy đủ, chính xác OTHER": (WORKING_DAY, "0"),
    "Trong ngày làm việc tiếp theo": (WORKING_DAY, "1"),
    "trong 01 ngày": (CALENDAR_DAY, "1"),
    "Không quá 03 ngày làm việc OTHER": (WORKING_DAY, "3"),
    "Thời hạn giải quyết: tối đa 05 ngày làm việc": (WORKING_DAY, "5"),
    "Chậm nhất là 10 ngày làm việc, kể từ ngày nhận đủ hồ sơ.": (WORKING_DAY, "10"),
    "13 ngày làm việc tính từ ngày nhận đủ hồ sơ hợp lệ theo quy định.": (WORKING_DAY, "13"),
    "05 ngày làm việc kể từ ngày nhận được hồ sơ báo cáo hợp lệ": (WORKING_DAY, "5"),
    "2 ngày làm việc kể từ ngày cơ quan có thẩm quyền giải quyết nhận đủ hồ sơ hợp lệ": (WORKING_DAY, "2"),
    "22 ngày làm việc kể từ khi nhận đủ hồ sơ.\n\nCách thức thực hiện:": (WORKING_DAY, "22"),
    "Không quá 15 ngày kể từ ngày nhận đủ hồ sơ hợp lệ. … OTHER": (CALENDAR_DAY, "15"),
    "Không quá 15 ngày kể từ ngày nhận đủ hồ sơ hợp lệ.  Các cơ quan liên quan không được  quy định thêm thủ tục và "
    "không được thực hiện thêm bất kỳ thủ tục nào khác ngoài  thủ tục quy định nêu trên. OTHER": (CALENDAR_DAY, "15"),
}

REASONS = {
    Reason.UNSTATED: [
        *("", " ", "\u00a0", "OTHER", "- OTHER", "0 OTHER", "0", "...", "Không OTHER", "Không quy định OTHER"),
        *("Không có thông tin", "Chưa quy định"),
    ],
    Reason.SEE_DESCRIPTION: ["Theo mô tả OTHER", "Xem phần mô tả OTHER", "Mô tả", "Theo trình tự thực hiện"],
    Reason.NOT_APPLICABLE: ["Không phải trả kết quả cho người nộp thuế OTHER", "Không áp dụng"],
    Reason.FIXED_DATE: [
        *("15/12 OTHER", "1/12 hàng năm OTHER", "Trước ngày 31 tháng 12 hằng năm", "ngày 30/6/2027"),
        "Bộ Tài chính công bố trước ngày 31 tháng 12 hàng năm. Đối với trường hợp khác thì nêu rõ lý do.",
    ],
    Reason.IMMEDIATE: ["Ngay", "Trả kết quả ngay", "Giải quyết ngay khi tiếp nhận hồ sơ", "Ngay sau khi nhận đủ hồ sơ"],
    Reason.BAD_INPUT: ["999999999999999999999 ngày", "101 năm", "5 ng\ufffdy", "5 ngày\x00", "5 ngày \ud800"],
    Reason.NEEDS_A_PERSON: [
        # a number without a unit
        *("1 OTHER", "5 OTHER", "5", "2.5 OTHER"),
        # ranges, two lengths, additions
        *("3-5 ngày", "3 – 5 ngày làm việc", "từ 3 đến 5 ngày", "hai ba ngày", "3 hoặc 5 ngày"),
        *(
            "02 tháng và 15 ngày làm việc",
            "1 giờ 30 phút",
            "12.5 ngày làm việc + thời gian cấp lại Giấy chứng nhận OTHER",
        ),
        # by case, or with something left out of the count
        "Không quá 10 ngày làm việc. Đối với các xã miền núi thì được tăng thêm không quá 10 ngày làm việc OTHER",
        "Không quá 03 ngày làm việc (không tính thời gian xác định nghĩa vụ tài chính) OTHER",
        "Thời hạn giải quyết đối với trường hợp tặng cho quyền sử dụng đất là không quá 10 ngày làm việc. OTHER",
        "Không quá 03 ngày làm việc với trường hợp công dân có thẻ căn cước.",
        "Trong ngày, trừ trường hợp phải xác minh, nhận sau 15 giờ thì ngày làm việc tiếp theo",
        "Tùy theo từng trường hợp OTHER",
        # counted from something else than the receipt
        "10 ngày làm việc kể từ ngày kết thúc nhận hồ sơ.",
        "Trong thời hạn 05 ngày làm việc, kể từ ngày nhận được văn bản của Bộ Quốc phòng",
        "Ngay khi hoàn thành kê khai",
        # a time of day, not a length
        *(
            "Trong ngày; sau 15 ngày làm việc tiếp theo",
            "Trong ngày; sau 15 giờ làm việc thì trả ngày làm việc tiếp theo",
        ),
        *("sau 15 giờ", "trước 15 giờ", "15h30", "chậm nhất là 15 giờ cùng ngày"),
        # not exact, negative, contradictory, two readings
        *("khoảng 5 ngày", "ít nhất 5 ngày", "-5 ngày", "–5 WORKING_DAY", "03 (bốn) ngày", "1.500 ngày", "1/3 ngày"),
        *(
            "20 phút",
            "5 ngày\n\nlàm việc",
            "1e5 ngày",
            "NaN ngày",
            "một trăm ngày",
            "theo Quy chế làm việc của Chính phủ.",
        ),
        *("ngày", "WORKING_DAY", "asdf", "{}", "5 lần", "ngày " * 4000, "1" * 20_000 + " ngày"),
    ],
}


@pytest.mark.parametrize(("text", "expected"), LENGTHS.items())
def test_a_length_that_is_stated_is_read(text: str, expected: tuple[Unit, str]) -> None:
    assert parse_term(text) == Term(text, expected[0], Decimal(expected[1]))


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in REASONS.items() for text in texts])
def test_what_is_no_length_has_its_reason_and_is_never_guessed(reason: Reason, text: str) -> None:
    assert parse_term(text) == Term(text, reason=reason)


@pytest.mark.parametrize("text", [*LENGTHS, *(text for texts in REASONS.values() for text in texts)])
def test_decomposed_letters_and_capitals_say_the_same(text: str) -> None:
    term = parse_term(text)
    for other in (unicodedata.normalize("NFD", text), text.upper()):
        read = parse_term(other)
        assert (read.unit, read.amount, read.reason) == (term.unit, term.amount, term.reason)
        assert read.text == other


@pytest.mark.parametrize(
    ("text", "amount", "cut_off"),
    [
        ("Trong ngày; nhận hồ sơ sau 15 giờ thì trả vào ngày làm việc tiếp theo", 0, time(15)),
        (
            "Ngay trong ngày làm việc; trường hợp nhận hồ sơ sau 15 giờ mà không giải quyết được ngay thì trả kết quả "
            "trong ngày làm việc tiếp theo.",
            0,
            time(15),
        ),
        (
            "Thực hiện trong ngày làm việc nhận được đủ hồ sơ xóa nợ; nếu thời điểm nhận đủ hồ sơ, sau 15 giờ cùng "
            "ngày thì có thể giải quyết việc xóa nợ trong ngày làm việc tiếp theo OTHER",
            0,
            time(15),
        ),
        (
            "Trong ngày cơ quan, tổ chức tiếp nhận yêu cầu hoặc trong ngày làm việc tiếp theo, nếu tiếp nhận yêu cầu "
            "sau 15 giờ",
            0,
            time(15),
        ),
        ("Ngay trong ngày; ngày làm việc tiếp theo nếu nhận hồ sơ sau 15h30", 0, time(15, 30)),
        ("Trong ngày (sau 15:30: ngày làm việc tiếp theo)", 0, time(15, 30)),
        ("3 ngày làm việc; hồ sơ nhận sau 16h tính từ ngày làm việc tiếp theo", 3, time(16)),
    ],
)
def test_a_cut_off_in_the_text_belongs_to_the_term(text: str, amount: int, cut_off: time) -> None:
    assert parse_term(text) == Term(text, WORKING_DAY, Decimal(amount), cut_off=cut_off)


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    assert parse_term(text).text == text


@pytest.mark.parametrize(
    "piece", ["thời hạn giải quyết ", "trong ngày sau 15 giờ ", "(", "5 ", "xem ", "nếu ", ". ", "hồ sơ sau 1 "]
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 10_000)[:10_000]
    started = clock.process_time()
    parse_term(text)
    assert clock.process_time() - started < 0.2


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"unit": WORKING_DAY},
        {"amount": Decimal(1)},
        {"unit": WORKING_DAY, "amount": Decimal(1), "reason": Reason.UNSTATED},
        {"unit": WORKING_DAY, "amount": Decimal(-1)},
        {"unit": WORKING_DAY, "amount": Decimal("NaN")},
    ],
)
def test_a_term_is_a_length_or_a_reason(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="term"):
        Term("", **wrong)  # type: ignore[arg-type]
