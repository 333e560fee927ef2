"""Tệp công bố: a file's bytes as the procedures that it holds, whatever the format. Never raises but NotPublishable."""

import codecs
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from services.intake.domain.procedures.procedure_fields import Members, Row, objects_in, read_object, read_rows
from services.intake.domain.procedures.procedure_text import read_text
from services.intake.domain.procedures.quirks import Reason, flag, refusal
from services.intake.domain.procedures.raw_procedure import RawProcedure
from services.intake.store.procedures.published_tables import Table, sheets_in, table_in

MOST_BYTES = 8_000_000
MOST_LINES = 20_000
MOST_PROCEDURES = 10_000
_ODD = re.compile(r"[\x01-\x08\x0e-\x1f\x7f\ufffd]")
_HALF = re.compile(r"[\ud800-\udfff]")  # half a character, as JSON can escape it
_MARKUP = re.compile(r"</?[a-z][a-z0-9]{0,10}(?:\s[^<>\n]{0,200})?/?>|&(?:[a-z]{2,8}|#\w{1,6});", re.I)
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
        found = _from_tables(sheets_in(content))
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
    return _from_json(text, notes) if ending in _JSON else _from_tables([table_in(text)], notes)


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
    if (markup := _MARKUP.search(text)) is not None:
        notes.append(flag("markup-left", line(markup.start()), f"«{markup[0][:40]}»"))
    if unicodedata.is_normalized("NFC", text):
        return text
    first = next(at for at, line in enumerate(text.split("\n"), 1) if not unicodedata.is_normalized("NFC", line))
    notes.append(flag("not-nfc", place or f"dòng {first}"))
    return unicodedata.normalize("NFC", text)


def _from_json(text: str, notes: list[Reason]) -> Found:
    try:
        value = _composed(json.loads(text, object_pairs_hook=_members, parse_constant=_no_number), notes)
    except json.JSONDecodeError as error:
        raise refusal("unreadable-bytes", f"dòng {error.lineno}", f"Không phải JSON, cột {error.colno}.") from None
    except (RecursionError, ValueError):
        raise refusal("unreadable-bytes", "tệp", "JSON lồng quá nhiều lớp, hoặc có số không hợp lệ.") from None
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


def _from_tables(tables: Sequence[Table], notes: Sequence[Reason] = ()) -> Found:
    """The procedures of all tables that name a code; which sheets were left out is told."""
    read = [table for table in tables if table.rows is not None and not table.hidden]
    if not read:
        raise refusal("not-a-procedure", "hàng 1", "Không có cột «Mã thủ tục».")
    told = [*notes, *(flag("sheet-left-out", table.name) for table in tables if table not in read)]
    refused = [why for table in read for why in table.refused]
    procedures, wrong = read_rows([_clean_row(row, told) for row in table.rows or ()] for table in read)
    return procedures, [*refused, *wrong], list(dict.fromkeys(told))


def _clean_row(row: Row, notes: list[Reason]) -> Row:
    return Row(row.place, [(name, _clean(text, notes, row.place)) for name, text in row.cells])


def _no_number(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)


def _members(pairs: list[tuple[str, Any]]) -> Members:
    members = Members(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        members.repeated = [pair for pair in reversed(pairs) if pair[0] in seen or seen.add(pair[0])]  # type: ignore[func-returns-value]
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
        made.repeated = [(name, _composed(one, notes)) for name, one in value.repeated]
        return made
    return value
