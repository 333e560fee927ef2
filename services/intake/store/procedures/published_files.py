"""Tệp công bố: a file's bytes as the procedures that it holds, whatever the format. Never raises but NotPublishable."""

import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from zipfile import ZipFile

from services.intake.domain.procedures.procedure_fields import Members, objects_in, read_object, read_rows
from services.intake.domain.procedures.procedure_text import read_text
from services.intake.domain.procedures.quirks import NotPublishable, Reason, flag, refusal
from services.intake.domain.procedures.raw_procedure import FIELD_KEYS, RawProcedure, key_folded

MOST_BYTES = 8_000_000
MOST_LINES = 20_000
MOST_UNPACKED = 64_000_000
MOST_ROWS = 20_000
MOST_PROCEDURES = 10_000
MOST_COLUMNS = 100
_ODD = re.compile(r"[\x01-\x08\x0e-\x1f\x7f\ufffd]")
_HALF = re.compile(r"[\ud800-\udfff]")  # half a character, as JSON can escape it
_HEADER_WITHIN = 20  # rows
_TEXTS, _JSON, _CSV, _XLSX = (".txt", ".md", ".text"), (".json",), (".csv", ".tsv"), (".xlsx", ".xlsm")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
Found = tuple[list[RawProcedure], list[Reason], list[Reason]]
"""Procedures, what of the file was refused, and what a person should know of the whole file."""


def read_file(name: str, content: bytes) -> Found:
    """What a file holds. Raises NotPublishable when that is nothing."""
    if len(content) > MOST_BYTES:
        raise refusal("too-large", "tệp", f"Nhiều nhất {MOST_BYTES // 1_000_000} MB.")
    ending = PurePath(name).suffix.lower()
    if ending in _XLSX:
        found = _from_rows(_sheet_rows(content), [])
    elif ending in (*_TEXTS, *_JSON, *_CSV):
        found = _from_text(ending, *_decoded(content))
    else:
        raise refusal("format-unknown", "tên tệp")
    if not found[0] and not found[1]:
        raise refusal("not-a-procedure", "tệp")
    return found


def _from_text(ending: str, text: str, notes: list[Reason]) -> Found:
    if ending in _TEXTS:
        return read_text(text), [], notes
    return _from_json(text, notes) if ending in _JSON else _from_rows(_csv_rows(text), notes)


def _decoded(content: bytes) -> tuple[str, list[Reason]]:
    """The text, NFC, with what a person should know of its letters."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refusal("unreadable-bytes", f"dòng {line}", f"Byte thứ {error.start + 1} không phải UTF-8.") from None
    if not text.strip():
        raise refusal("empty", "tệp")
    if text.count("\n") > MOST_LINES:
        raise refusal("too-large", f"dòng {MOST_LINES + 1}", f"Nhiều nhất {MOST_LINES} dòng.")
    notes = [flag("encoding-not-utf-8", "tệp")] if encoding == "utf-16" else []
    return _clean(text, notes), notes


def _clean(text: str, notes: list[Reason], place: str = "") -> str:
    """NFC. Raises NotPublishable for the one character that no database keeps."""

    def line(at: int) -> str:
        return place or f"dòng {text.count(chr(10), 0, at) + 1}"

    if "\0" in text:
        raise refusal("unreadable-bytes", line(text.index("\0")), "Có ký tự U+0000.")
    if (odd := _ODD.search(text)) is not None:
        notes.append(flag("broken-letters", line(odd.start())))
    if unicodedata.is_normalized("NFC", text):
        return text
    first = next(at for at, line in enumerate(text.split("\n"), 1) if not unicodedata.is_normalized("NFC", line))
    notes.append(flag("not-nfc", place or f"dòng {first}"))
    return unicodedata.normalize("NFC", text)


def _from_json(text: str, notes: list[Reason]) -> Found:
    try:
        value = _composed(json.loads(text, object_pairs_hook=_members), notes)
    except json.JSONDecodeError as error:
        raise refusal("unreadable-bytes", f"dòng {error.lineno}", f"Không phải JSON, cột {error.colno}.") from None
    except (RecursionError, ValueError):
        raise refusal("unreadable-bytes", "tệp", "JSON lồng quá nhiều lớp, hoặc một số quá dài.") from None
    objects = objects_in(value)
    if objects is None:
        raise refusal("not-a-procedure", "tệp")
    if len(objects) > MOST_PROCEDURES:
        raise refusal("too-large", f"mục {MOST_PROCEDURES + 1}", f"Nhiều nhất {MOST_PROCEDURES} thủ tục.")
    procedures, refused = [], []
    for place, one in objects:
        raw = read_object(one, place)
        if raw is None:
            refused.append(refusal("not-a-procedure", place or "tệp").reason)
        else:
            procedures.append(raw)
    return procedures, refused, notes


def _members(pairs: list[tuple[str, Any]]) -> Members:
    members = Members(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        members.repeated = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return members


def _composed(value: Any, notes: list[Reason]) -> Any:
    """Escapes (\\u0301) hide what `_clean` looks for."""
    if isinstance(value, str):
        return _clean(_HALF.sub("\ufffd", value), notes, "tệp")
    if isinstance(value, list):
        return [_composed(one, notes) for one in value]
    if isinstance(value, Members):
        made = Members(
            {_clean(_HALF.sub("\ufffd", name), notes, "tệp"): _composed(one, notes) for name, one in value.items()}
        )
        made.repeated = value.repeated
        return made
    return value


def _from_rows(rows: list[tuple[str, list[str]]], notes: list[Reason]) -> Found:
    """A table: the header is the first row that names a code."""
    named = (n for n, (_, row) in enumerate(rows[:_HEADER_WITHIN]) if "code" in map(_column, row))
    at = next(named, None)
    if at is None:
        raise refusal("not-a-procedure", "hàng 1", "Không có cột «Mã thủ tục».")
    header = [cell.strip() for cell in rows[at][1]]
    filled = [(place, _cells(header, row)) for place, row in rows[at + 1 :] if any(cell.strip() for cell in row)]
    for place, row in filled:
        for name, cell in row.items():
            row[name] = _clean(cell, notes, place)
    procedures, refused = read_rows(filled)
    return procedures, refused, list(dict.fromkeys(notes))


def _column(cell: str) -> str | None:
    return FIELD_KEYS.get(key_folded(cell))


def _cells(header: list[str], row: list[str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, cell in zip(header, row, strict=False):
        if name and not cells.get(name):
            cells[name] = cell
    return cells


def _csv_rows(text: str) -> list[tuple[str, list[str]]]:
    sample = text[:20_000]
    between = max(",;\t|", key=sample.split("\n", 1)[0].count)
    rows = []
    try:
        csv.field_size_limit(MOST_BYTES)
        for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=between), start=1):
            if number > MOST_ROWS:
                raise refusal("too-large", f"hàng {number}", f"Nhiều nhất {MOST_ROWS} hàng.")
            rows.append((f"hàng {number}", row[:MOST_COLUMNS]))
    except csv.Error:
        raise refusal("unreadable-bytes", f"hàng {len(rows) + 1}", "Không phải CSV.") from None
    return rows


def _sheet_rows(content: bytes) -> list[tuple[str, list[str]]]:
    """The rows of all sheets. What a library may raise on what others send has no end: each is an unreadable file."""
    from openpyxl import load_workbook  # 0.3 s and 20 MB: only where a workbook comes

    try:
        with ZipFile(io.BytesIO(content)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > MOST_UNPACKED:
                raise refusal("too-large", "tệp", "Bảng tính quá lớn khi giải nén.")
        return list(_rows_of(load_workbook(io.BytesIO(content), read_only=True, data_only=True)))
    except NotPublishable:
        raise
    except Exception:
        raise refusal("unreadable-bytes", "tệp", "Không phải tệp XLSX.") from None


def _rows_of(book: Any) -> Iterator[tuple[str, list[str]]]:
    many = len(book.worksheets) > 1
    for sheet in book.worksheets:
        for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), start=1):
            if number > MOST_ROWS:
                raise refusal("too-large", f"hàng {number}", f"Nhiều nhất {MOST_ROWS} hàng.")
            place = f"trang «{sheet.title[:40]}», hàng {number}" if many else f"hàng {number}"
            yield place, ["" if cell is None else str(cell) for cell in row]
