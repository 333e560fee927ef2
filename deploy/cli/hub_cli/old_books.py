"""Đọc sổ cũ: the lines of a desk's old book, from NDJSON or the first sheet of an XLSX file."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from hub_worktime import VIETNAM

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
    """Each line as JSON. Raises BookMistake, OSError."""
    if file.suffix.lower() == ".xlsx":
        yield from _sheet(file)
        return
    with file.open("rb") as lines:
        for line in lines:
            yield line.rstrip(b"\r\n")


def _sheet(file: Path) -> Iterator[bytes]:
    from zipfile import BadZipFile

    import openpyxl  # slow, and NDJSON does without

    try:
        sheet = openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets[0]
        rows = sheet.iter_rows(values_only=True)
        names = _names(next(rows, ()))
    except (BadZipFile, KeyError, IndexError, TypeError) as error:
        raise BookMistake(f"{file.name} is no XLSX file that can be read ({type(error).__name__})") from None
    for row in rows:
        cells = {name: cell for name, cell in zip(names, row, strict=False) if name and cell not in (None, "")}
        yield json.dumps(_line(cells), ensure_ascii=False).encode() if cells else b""


def _names(headings: tuple[Any, ...]) -> list[str]:
    known = {*HEADINGS.values()}
    names = []
    for column, heading in enumerate(headings, start=1):
        text = " ".join(str(heading or "").split()).casefold()
        name = text if text in known else HEADINGS.get(text, "")
        if text and not name:
            raise BookMistake(f"column {column}: {text[:40]!r} is no heading; known are {', '.join(sorted(HEADINGS))}")
        names.append(name)
    if "number" not in names:
        raise BookMistake("the first row holds the headings; one of them is 'Số sổ' (number)")
    return names


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
