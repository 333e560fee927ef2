"""Cột của tệp nhập: how a cell of an imported file is read, and where and why one can't be used.

A cell is text, whatever the file. What can be used becomes canonical text (dates as 2025-07-01, words of a closed list
in English), so that entries are compared as text. No value is repeated in a mistake: it may be a person's.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub_events.values import AgencyCode, OfficerCode, ProcedureCode, Slug
from hub_worktime import read_hours

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9 .()+-]*$)")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_VIETNAMESE_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_PHONE = re.compile(r"\+?[0-9][0-9 .()/-]{2,38}[0-9]")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Lỗi của một ô: place, what is wrong and what to do. `row` as the file counts; `column` by its English name."""

    row: int
    column: str | None
    what: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Row:
    """Một dòng của tệp: its number as the file counts, its cells by header."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Bảng đã đọc: the headers as they stand in the file, and the rows under them."""

    header: Sequence[str]
    rows: Sequence[Row]


class Unfit(ValueError):
    """A cell that can't be used."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


Read = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Column:
    """Một cột: its English and Vietnamese headers, how a cell becomes canonical text, the kind of entry it names."""

    name: str
    label: str
    read: Read
    required: bool = True
    refers: str | None = None
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every header that stands for it."""
        return self.name, self.label, *self.others


def text(most: int = 300) -> Read:
    """Public text, NFC, without control and direction characters."""

    def read(cell: str) -> str:
        if len(cell) > most:
            raise Unfit(f"Dài quá {most} ký tự.", "Rút gọn nội dung.")
        return cell

    return read


def shaped(kind: Any, what: str, next_step: str) -> Read:
    """Text of the shape that a value type of `hub_events` prescribes."""
    rule = kind.__metadata__[0]
    pattern = re.compile(rule.pattern)

    def read(cell: str) -> str:
        if not pattern.fullmatch(cell) or len(cell) > (rule.max_length or len(cell)):
            raise Unfit(what, next_step)
        return cell

    return read


agency_code = shaped(
    AgencyCode, "Không phải mã định danh cơ quan.", "Ghi mã như H26.15.01, hoặc mã cũ như 000.00.00.H26."
)
officer_code = shaped(
    OfficerCode, "Không phải mã cán bộ.", "Ghi mã cán bộ (chữ không dấu, số, dấu . _ -), không họ tên."
)
procedure_code = shaped(ProcedureCode, "Không phải mã thủ tục.", "Ghi mã như 1.004222 hoặc 1.004222.H26.")
slug = shaped(Slug, "Không phải mã ngắn.", "Dùng chữ thường không dấu, số và dấu gạch nối, như quay-1.")


def territory(digits: int) -> Read:
    """Mã đơn vị hành chính of two digits (province) or five (commune)."""

    def read(cell: str) -> str:
        if len(cell) == digits and cell.isascii() and cell.isdigit():
            return cell
        lost = cell.isascii() and cell.isdigit() and len(cell) < digits
        step = "Định dạng cột là Văn bản (Text) rồi gõ lại đủ số 0 ở đầu." if lost else "Ghi mã của cơ quan thống kê."
        raise Unfit(f"Mã phải có đúng {digits} chữ số.", step)

    return read


def one_of(words: Mapping[str, Sequence[str]]) -> Read:
    """A word of a closed list, by its English name or a Vietnamese one."""
    known = {plain(name): word for word, names in words.items() for name in (word, *names)}
    named = ", ".join(f"{names[0]} ({word})" for word, names in words.items())

    def read(cell: str) -> str:
        try:
            return known[plain(cell)]
        except KeyError:
            raise Unfit("Không phải từ trong danh sách.", f"Dùng một trong: {named}.") from None

    return read


def day(cell: str) -> str:
    """Ngày, as 2025-07-01 or 01/07/2025."""
    if found := _ISO_DAY.fullmatch(cell):
        parts = found[1], found[2], found[3]
    elif found := _VIETNAMESE_DAY.fullmatch(cell):
        parts = found[3], found[2], found[1]
    else:
        raise Unfit("Không phải ngày.", "Ghi ngày như 01/07/2025 hoặc 2025-07-01.")
    try:
        read = date(*map(int, parts))
    except ValueError:
        raise Unfit("Ngày này không có trong lịch.", "Kiểm tra ngày và tháng.") from None
    if not EARLIEST <= read <= LATEST:
        raise Unfit("Năm ngoài khoảng 1900 đến 2199.", "Kiểm tra năm.")
    return read.isoformat()


def phone(cell: str) -> str:
    """Số điện thoại of an office, as it is to be shown."""
    if not _PHONE.fullmatch(cell):
        raise Unfit("Không phải số điện thoại.", "Ghi như 0262 3851 234; cột định dạng Văn bản để giữ số 0.")
    return cell


def counting_hours(cell: str) -> str:
    """Giờ làm việc by which dates are counted: its intervals in order, apart by spaces, commas or semicolons."""
    try:
        return str(read_hours(" ".join(re.split(r"[\s,;]+", cell))))
    except ValueError:
        step = "Ghi từng buổi theo thứ tự, như 08:00-12:00 13:00-16:30; lời khác thì ghi ở cột giờ làm việc."
        raise Unfit("Không phải giờ làm việc tính được.", step) from None


def share(cell: str) -> str:
    """Phần thời gian of a post: above 0, at most 1."""
    written = cell.replace(",", ".")
    if not re.fullmatch(r"1(\.0{1,2})?|0\.[0-9]{1,2}", written) or not float(written):
        raise Unfit("Phần thời gian phải lớn hơn 0 và không quá 1.", "Ghi như 1 hoặc 0,5.")
    return written.rstrip("0").rstrip(".") if "." in written else written


def codes(each: Read) -> Read:
    """Codes apart by spaces, commas or semicolons; kept sorted, each once. `*`: all."""

    def read(cell: str) -> str:
        if cell == "*":
            return cell
        return " ".join(sorted({each(code) for code in re.split(r"[\s,;]+", cell) if code}))

    return read


def plain(heading: str) -> str:
    """A header or word as it is compared: without accents, case, underscores and spare spaces."""
    letters = unicodedata.normalize("NFD", heading.replace("_", " ")).casefold().replace("đ", "d")
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def read_rows(columns: Sequence[Column], sheet: Sheet) -> tuple[list[tuple[int, dict[str, str]]], list[Mistake]]:
    """The rows that can be used, and every mistake in the file, by place."""
    placed, mistakes = _placed(columns, sheet.header)
    if mistakes:
        return [], mistakes
    read: list[tuple[int, dict[str, str]]] = []
    for row in sheet.rows:
        values, wrong = _values(placed, row)
        mistakes += wrong
        if not wrong:
            read.append((row.number, values))
    return read, mistakes


def _placed(columns: Sequence[Column], header: Iterable[str]) -> tuple[dict[str, Column], list[Mistake]]:
    """Which header stands for which column."""
    known = {plain(name): column for column in columns for name in column.names}
    placed: dict[str, Column] = {}
    mistakes: list[Mistake] = []
    listed = ", ".join(column.label for column in columns)
    for place, heading in enumerate(header, start=1):
        column = known.get(plain(heading))
        if column is None:
            mistakes.append(Mistake(1, None, f"Cột thứ {place} có tên không biết.", f"Chỉ dùng các cột: {listed}."))
        elif column in placed.values():
            mistakes.append(Mistake(1, column.name, "Cột này có hai lần.", "Giữ lại một cột."))
        else:
            placed[heading] = column
    missing = [column for column in columns if column.required and column not in placed.values()]
    mistakes += [Mistake(1, c.name, "Thiếu cột bắt buộc.", f"Thêm cột «{c.label}» ({c.name}).") for c in missing]
    return placed, mistakes


def _values(placed: Mapping[str, Column], row: Row) -> tuple[dict[str, str], list[Mistake]]:
    values: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for heading, column in placed.items():
        cell = unicodedata.normalize("NFC", row.cells.get(heading, "")).strip(" \u00a0\n")
        try:
            _harmless(cell)
            if cell:
                values[column.name] = column.read(cell)
            elif column.required:
                raise Unfit("Ô bắt buộc đang trống.", f"Điền «{column.label}».")
        except Unfit as unfit:
            mistakes.append(Mistake(row.number, column.name, unfit.what, unfit.next_step))
    return values, mistakes


def _harmless(cell: str) -> None:
    """What a spreadsheet would run, or what is seen otherwise than it is, doesn't come in."""
    if _FORMULA.match(cell):
        raise Unfit("Ô bắt đầu như một công thức bảng tính.", "Bỏ ký tự = + - @ ở đầu; dán giá trị thay cho công thức.")
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"} for letter in cell):
        raise Unfit("Có ký tự điều khiển hoặc ký tự ẩn.", "Gõ lại nội dung ô trên một dòng.")
