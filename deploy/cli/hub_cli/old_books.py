"""Đọc sổ cũ: the lines of a desk's old book, from NDJSON or the first sheet of an XLSX file."""

import json
import unicodedata
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import Any

from hub_worktime import VIETNAM

_SHEETS, _OTHERS = (".xlsx", ".xlsm"), (".csv", ".tsv", ".xls", ".ods", ".docx", ".pdf")
_HEADINGS_WITHIN = 20  # rows: titles stand above
APPLICANT = ("kind", "full_name", "personal_id", "organisation_code", "address", "date_of_birth")
HEADINGS: Mapping[str, str] = {
    "số": "number",
    "số sổ": "number",
    "mã hồ sơ": "code",
    "bộ phận một cửa": "desk_code",
    "mã đơn vị": "desk_code",
    "mã thủ tục": "procedure_code",
    "tên thủ tục": "procedure_name",
    "hình thức nộp": "channel",
    "ngày nhận": "received_at",
    "ngày hẹn trả": "due_at",
    "ngày giải quyết xong": "finished_at",
    "kết quả": "result",
    "ngày trả": "returned_at",
    "cán bộ": "officer",
    "đối tượng": "kind",
    "người nộp": "full_name",
    "số định danh": "personal_id",
    "mã tổ chức": "organisation_code",
    "địa chỉ": "address",
    "ngày sinh": "date_of_birth",
    "điện thoại": "phone",
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "result": {
        "chấp thuận": "approved", "đồng ý": "approved", "không chấp thuận": "rejected", "từ chối": "rejected",
        "dừng": "stopped", "rút": "withdrawn",
    },
    "channel": {"trực tiếp": "counter", "trực tuyến": "online", "bưu chính": "post"},
    "kind": {"công dân": "citizen", "tổ chức": "organisation"},
}  # fmt: skip


class BookMistake(ValueError):
    """The file is no book that can be read; the text says what to do."""


def read_book(file: Path) -> Iterator[bytes]:
    """Each line as JSON, one for each line or row of the file, empty where it says nothing of a dossier.

    Raises BookMistake, OSError.
    """
    if file.suffix.lower() in _SHEETS:
        yield from _sheet(file)
        return
    if file.suffix.lower() in _OTHERS:
        raise BookMistake(f"{file.name} is neither NDJSON nor XLSX; save it as XLSX")
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            yield (line.removeprefix(BOM_UTF8) if number == 0 else line).rstrip(b"\r\n")


def _sheet(file: Path) -> Iterator[bytes]:
    rows = _rows(file)
    above = list(islice(rows, _HEADINGS_WITHIN))
    place = next((place for place, row in enumerate(above) if "number" in map(_name, row)), None)
    if place is None:
        raise BookMistake("no row holds the headings; one of them is 'Số sổ' (number)")
    names = _names(above[place])
    yield from [b""] * (place + 1)
    for row in chain(above[place + 1 :], rows):
        cells = {name: cell for name, cell in zip(names, row, strict=False) if name and cell not in (None, "")}
        yield json.dumps(_line(cells), ensure_ascii=False).encode() if cells else b""


def _rows(file: Path) -> Iterator[tuple[Any, ...]]:
    """What a library may raise on what others send has no end: each is a file that can't be read."""
    import openpyxl  # slow, and NDJSON does without

    try:
        sheet = openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        yield from sheet.iter_rows(values_only=True)
    except OSError:
        raise
    except Exception as error:
        raise BookMistake(f"{file.name} is no XLSX file that can be read ({type(error).__name__})") from None


def _name(heading: Any) -> str:
    words = " ".join(str("" if heading is None else heading).split())
    text = unicodedata.normalize("NFC", words).casefold()
    return text if text in HEADINGS.values() else HEADINGS.get(text, "")


def _names(headings: tuple[Any, ...]) -> list[str]:
    for column, heading in enumerate(headings, start=1):
        if heading is not None and str(heading).strip() and not _name(heading):
            known = ", ".join(sorted(HEADINGS))
            raise BookMistake(f"column {column}: {str(heading).strip()[:40]!r} is no heading; known are {known}")
    return [_name(heading) for heading in headings]


def _line(cells: Mapping[str, Any]) -> dict[str, Any]:
    written = {name: _written(name, cell) for name, cell in cells.items()}
    applicant = {name: written.pop(name) for name in APPLICANT if name in written}
    return {**written, "applicant": {"kind": "citizen", **applicant}}


def _written(name: str, cell: Any) -> str:
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == time() else cell.replace(tzinfo=VIETNAM)).isoformat()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    if name.endswith(("_at", "_birth")):
        return _day(text)
    return WORDS.get(name, {}).get(text.casefold(), text)


def _day(text: str) -> str:
    """`03/02/2025` as `2025-02-03`; everything else as it is: the service says what is wrong with it."""
    parts = text.split("/")
    try:
        day, month, year = map(int, parts)
        return date(year, month, day).isoformat()
    except ValueError:
        return text
