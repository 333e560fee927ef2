"""Đọc tệp nhập: CSV, XLSX or JSON as one table of text, by its content; whatever can't be read for certain is refused.

XLSX: the first sheet; by its own account it may not unpack to more than `MOST_UNPACKED`, and no member can hold more
than it says.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from hub_web.bodies import read_json
from hub_web.problems import Problem, problem_type
from services.intake.domain.reference.columns import Row, Sheet

FILE_UNREADABLE = problem_type("file-unreadable", 422, "Không đọc được tệp")

MOST_BYTES = 16 * 1_048_576
MOST_UNPACKED = 48 * 1_048_576
MOST_ROWS = 20_000
MOST_COLUMNS = 40
_SAVE_AS = "Lưu lại dạng «CSV UTF-8» rồi gửi lại."
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_sheet(raw: bytes) -> Sheet:
    """The table in a file. Raises Problem `file-unreadable`, `malformed-json`."""
    if not raw.strip():
        raise _unreadable("Tệp trống.", "Gửi tệp có dòng tiêu đề và ít nhất một dòng.")
    if raw.startswith(b"PK\x03\x04"):
        return _table(_xlsx(raw))
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise _unreadable("Tệp là XLS cũ hoặc có mật khẩu.", "Lưu lại dạng XLSX không mật khẩu, hoặc CSV UTF-8.")
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
        return _objects(read_json(raw.removeprefix(b"\xef\xbb\xbf")))
    return _table(_csv(_decoded(raw)))


def _decoded(raw: bytes) -> str:
    """Text in UTF-8, or in UTF-16 that says so. No other encoding can be told for certain."""
    try:
        if raw.startswith(_UTF16):
            return raw.decode("utf-16")
        if b"\0" in raw:
            raise _unreadable("Tệp chứa byte 0: không phải văn bản, hoặc là UTF-16 không ghi rõ.", _SAVE_AS)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"Byte {error.start} không phải UTF-8; có thể tệp dùng bảng mã Windows-1258, TCVN3 hoặc VNI."
        raise _unreadable(what, _SAVE_AS) from None


def _csv(text: str) -> Iterator[list[str]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error:
        raise _unreadable("Dấu ngoặc kép hoặc dấu phân cách trong CSV không khớp.", "Mở và lưu lại tệp CSV.") from None


def _xlsx(raw: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MOST_UNPACKED:
            mib = unpacked // 1_048_576
            raise _unreadable(f"Tệp XLSX mở ra {mib} MB, quá {MOST_UNPACKED // 1_048_576} MB.", "Chia nhỏ tệp.")
        from openpyxl import load_workbook  # 30 MB of memory, for the few imports that are XLSX

        book = load_workbook(io.BytesIO(raw), read_only=True, keep_links=False)
        page = book.worksheets[0]
        page.reset_dimensions()  # what the file says of its size may be wrong
        for row in page.iter_rows(max_row=MOST_ROWS + 2, max_col=MOST_COLUMNS + 1, values_only=True):
            yield [_cell(value) for value in row]
    except (Problem, GeneratorExit):
        raise
    except Exception:
        raise _unreadable("Không phải tệp XLSX hợp lệ.", "Mở và lưu lại bằng phần mềm bảng tính.") from None


def _cell(value: Any) -> str:
    """A cell as text. What isn't a plain value was computed: it is shown as the formula that it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time().isoformat() == "00:00:00" else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else "="


def _table(lines: Iterable[list[str]]) -> Sheet:
    """Header and rows, numbered as a spreadsheet does; empty rows are left out."""
    header: list[str] = []
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if number == 1:
            header = _without_empty_end(line)
            if not header:
                raise _unreadable("Dòng 1 trống.", "Dòng 1 là tên các cột.")
        elif any(cell.strip() for cell in line):
            if any(cell.strip() for cell in line[len(header) :]):
                raise _unreadable(f"Dòng {number} có nhiều ô hơn dòng tiêu đề.", "Kiểm tra dấu phân cách của dòng này.")
            rows.append(Row(number, dict(zip(header, line, strict=False))))
        _check_size(number - 1, len(header))
    return Sheet(header, rows)


def _objects(listed: Any) -> Sheet:
    """Rows of JSON: a list of flat objects, or `{"items": [...]}`; numbered from 1."""
    items = listed.get("items") if isinstance(listed, dict) else listed
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _unreadable("JSON phải là danh sách các đối tượng.", 'Gửi [{"code": …}, …] hoặc {"items": […]}.')
    header = list(dict.fromkeys(name for item in items for name in item))
    _check_size(len(items), len(header))
    rows = [
        Row(number, {name: _value(number, value) for name, value in item.items()})
        for number, item in enumerate(items, start=1)
    ]
    return Sheet(header, rows)


def _value(number: int, value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    if isinstance(value, dict | list):
        raise _unreadable(f"Mục {number} có giá trị lồng nhau.", "Mỗi trường là một chuỗi, số, hoặc danh sách chuỗi.")
    return _cell(value)


def _without_empty_end(line: list[str]) -> list[str]:
    last = max((place for place, cell in enumerate(line, start=1) if cell.strip()), default=0)
    return line[:last]


def _check_size(rows: int, columns: int) -> None:
    if rows > MOST_ROWS:
        raise _unreadable(f"Tệp có quá {MOST_ROWS} dòng.", "Chia nhỏ tệp, nhập lần lượt.")
    if columns > MOST_COLUMNS:
        raise _unreadable(f"Tệp có quá {MOST_COLUMNS} cột.", "Bỏ các cột thừa.")


def _unreadable(what: str, next_step: str) -> Problem:
    return Problem(FILE_UNREADABLE, what, next_step=next_step)
