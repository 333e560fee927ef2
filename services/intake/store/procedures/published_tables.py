"""Bảng công bố: the rows of CSV and XLSX with their columns, whatever stands above the header and around the table."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple
from zipfile import ZipFile

from services.intake.domain.procedures.procedure_fields import NAMELESS, Row
from services.intake.domain.procedures.quirks import NotPublishable, Reason, refusal
from services.intake.domain.procedures.raw_procedure import CHANNEL_KEYS, FIELD_KEYS, key_folded

MOST_UNPACKED = 64_000_000
MOST_ROWS = 20_000
MOST_COLUMNS = 300
MOST_FIELD = 8_000_000
_HEADER_WITHIN = 20  # rows
_SAMPLE = 20_000  # characters
_FORMULA = re.compile(rb"<f[ />]")
_Lines = list[tuple[str, list[str]]]


class Table(NamedTuple):
    """Một bảng: its rows under the header, None where no column names a code; `refused`: rows that can't be read."""

    name: str
    rows: list[Row] | None
    refused: list[Reason]
    hidden: bool = False


def table_in(text: str) -> Table:
    """The table of a CSV. A row with more cells than the header can't be read: which of them are the columns'?"""
    lines = _csv_lines(text, _delimiter(text))
    at = _header_at([cells for _, cells in lines])
    if at is None:
        return Table("tệp", None, [])
    width = len(lines[at][1])
    long = {place for place, cells in lines[at + 1 :] if any(cell.strip() for cell in cells[width:])}
    refused = [refusal("cells-without-column", place).reason for place, _ in lines if place in long]
    return Table("tệp", _rows([line for line in lines if line[0] not in long], at), refused)


def _delimiter(text: str) -> str:
    """That by which a header is found, however many commas a title above it has."""
    sample = text[:_SAMPLE]
    for between in ",;\t|":
        try:
            lines = list(csv.reader(io.StringIO(sample, newline=""), delimiter=between))
        except csv.Error:
            continue
        if _header_at(lines) is not None:
            return between
    return ","


def _csv_lines(text: str, between: str) -> _Lines:
    csv.field_size_limit(MOST_FIELD)
    lines: _Lines = []
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True), 1):
            _check_size(number, cells, f"hàng {number}")
            lines.append((f"hàng {number}", cells))
    except csv.Error:
        why = "Không phải CSV; dấu ngoặc kép hoặc dấu phân cách không khớp."
        raise refusal("unreadable-bytes", f"hàng {len(lines) + 1}", why) from None
    return lines


def _header_at(lines: Sequence[Sequence[str]]) -> int | None:
    """The first row that names a code beside something else."""
    for at, cells in enumerate(lines[:_HEADER_WITHIN]):
        keys = {FIELD_KEYS.get(key_folded(cell)) or CHANNEL_KEYS.get(key_folded(cell)) for cell in cells} - {None}
        if "code" in keys and len(keys) > 1:
            return at
    return None


def _rows(lines: _Lines, at: int) -> list[Row]:
    """The filled rows under the header, which may go on in a second row (Cách thức thực hiện: Hình thức nộp, …)."""
    header, below = [cell.strip() for cell in lines[at][1]], at + 1
    if below < len(lines) and _is_header_too(header, lines[below][1]):
        under = [cell.strip() for cell in lines[below][1]]
        header = [lower or upper for upper, lower in zip_longest(header, under, fillvalue="")]
        below += 1
    return [
        Row(place, list(_named(header, cells))) for place, cells in lines[below:] if any(cell.strip() for cell in cells)
    ]


def _is_header_too(header: Sequence[str], cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    code = next(place for place, name in enumerate(header) if FIELD_KEYS.get(key_folded(name)) == "code")
    return (
        bool(filled)
        and not "".join(cells[code : code + 1]).strip()
        and all(key_folded(cell) in CHANNEL_KEYS or key_folded(cell) in FIELD_KEYS for cell in filled)
    )


def _named(header: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Cells with their columns' names; one without a name only where it says something."""
    for number, (name, cell) in enumerate(zip_longest(header, cells, fillvalue=""), start=1):
        if name or cell.strip():
            yield name or f"{NAMELESS}{number}", cell


def sheets_in(content: bytes) -> list[Table]:
    """The sheets of a workbook. What a library may raise on what others send has no end: each is an unreadable file."""
    try:
        return list(_tables(content))
    except NotPublishable:
        raise
    except Exception:
        raise refusal("unreadable-bytes", "tệp", "Không phải tệp XLSX.") from None


def _tables(content: bytes) -> Iterator[Table]:
    from openpyxl import load_workbook  # 0.3 s and 20 MB: only where a workbook comes

    with ZipFile(io.BytesIO(content)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > MOST_UNPACKED:
            raise refusal("too-large", "tệp", "Bảng tính quá lớn khi giải nén.")
        pages = [entry for entry in packed.namelist() if entry.startswith("xl/worksheets/")]
        computes = any(_FORMULA.search(packed.read(page)) for page in pages)
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    formulas = load_workbook(io.BytesIO(content), read_only=True) if computes else None
    many = len(book.worksheets) > 1
    for number, sheet in enumerate(book.worksheets):
        name = f"trang «{sheet.title[:40]}»" if many else "tệp"
        lines = _sheet_lines(sheet, formulas and formulas.worksheets[number], f"{name}, " if many else "")
        at = _header_at([cells for _, cells in lines])
        if lines:
            yield Table(name, None if at is None else _rows(lines, at), [], sheet.sheet_state != "visible")


def _sheet_lines(sheet: Any, formulas: Any, within: str) -> _Lines:
    """Rows with their cells as text; a formula that nobody computed as the formula that it is."""
    lines: _Lines = []
    for number, (row, written) in enumerate(zip_longest(_cells(sheet), _cells(formulas), fillvalue=()), start=1):
        told = zip_longest(row, written) if formulas else ((cell, None) for cell in row)
        cells = ["" if cell is None and formula is None else _text(cell, formula) for cell, formula in told]
        _check_size(number, cells, f"{within}hàng {number}")
        filled = max((at for at, cell in enumerate(cells, start=1) if cell), default=0)
        lines.append((f"{within}hàng {number}", cells[:filled]))
    return lines if any(cell.strip() for _, cells in lines for cell in cells) else []


def _cells(sheet: Any) -> Iterator[tuple[Any, ...]]:
    if sheet is not None:
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        yield from sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 50)


def _text(cell: Any, formula: Any) -> str:
    if cell is None:
        return formula if isinstance(formula, str) else "="
    return str(cell)


def _check_size(number: int, cells: Sequence[str], place: str) -> None:
    if number > MOST_ROWS:
        raise refusal("too-large", place, f"Nhiều nhất {MOST_ROWS} hàng.")
    if any(cell.strip() for cell in cells[MOST_COLUMNS:]):
        raise refusal("too-large", place, f"Nhiều nhất {MOST_COLUMNS} cột.")
