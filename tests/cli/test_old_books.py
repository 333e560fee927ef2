"""Old books as files: NDJSON as it is, XLSX by its headings; what can't be read says so."""

import json
import re
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest

from hub_cli.old_books import BookMistake, read_book


def sheet(file: Path, *rows: tuple[Any, ...]) -> Path:
    book = openpyxl.Workbook()
    active = book.active
    assert active is not None
    for row in rows:
        active.append(row)
    book.save(file)
    return file


def test_a_sheet_becomes_the_lines_that_the_service_reads(tmp_path: Path) -> None:
    file = sheet(
        tmp_path / "so.xlsx",
        ("Số sổ", "desk_code", "Mã thủ tục", " NGÀY  nhận", "Ngày hẹn trả", "Kết quả", "Người nộp", "Số định danh"),
        (
            12.0,
            "H26.15.01",
            "1.004222",
            datetime.fromisoformat("2025-02-03"),
            "12/02/2025",
            "Từ chối",
            " Lò Thị Mẫu ",
            "011090000002",
        ),
        (None,) * 8,
        ("13", "H26.15.01", "1.004222", datetime.fromisoformat("2025-02-03T14:30"), "mai", None, "Lò Thị Mẫu", None),
    )
    heading, first, blank, second = read_book(file)
    assert heading == b"", "a line has the number of its row"
    assert json.loads(first) == {
        "number": "12",
        "desk_code": "H26.15.01",
        "procedure_code": "1.004222",
        "received_at": "2025-02-03",
        "due_at": "2025-02-12",
        "result": "rejected",
        "applicant": {"kind": "citizen", "full_name": "Lò Thị Mẫu", "personal_id": "011090000002"},
    }
    assert blank == b""
    assert json.loads(second)["received_at"] == "2025-02-03T14:30:00+07:00"
    assert json.loads(second)["due_at"] == "mai"  # not ours to mend: the service refuses the line


def test_titles_stand_above_the_headings_and_a_wrong_size_says_nothing(tmp_path: Path) -> None:
    file = sheet(tmp_path / "so.xlsx", ("SỔ THEO DÕI HỒ SƠ NĂM 2025",), (), ("Số sổ", "Người nộp"), (7, "Lò Thị Mẫu"))
    with ZipFile(file) as book, ZipFile(tmp_path / "small.xlsx", "w") as small:
        for entry in book.infolist():
            small.writestr(entry, re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', book.read(entry)))
    for one in (file, tmp_path / "small.xlsx"):
        *above, line = read_book(one)
        assert (above, json.loads(line)["number"]) == ([b"", b"", b""], "7")


def test_a_mark_at_the_beginning_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "so.ndjson"
    file.write_bytes(b'\xef\xbb\xbf{"number": "1"}\n')
    assert list(read_book(file)) == [b'{"number": "1"}']


def test_other_kinds_of_files_are_told_from_lines(tmp_path: Path) -> None:
    with pytest.raises(BookMistake, match="save it as XLSX"):
        list(read_book(tmp_path / "so.csv"))


def test_a_file_of_lines_is_sent_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "so.ndjson"
    file.write_bytes(b'{"number": "1"}\r\n\n\xff')
    assert list(read_book(file)) == [b'{"number": "1"}', b"", b"\xff"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x00" * 100])
def test_what_is_no_sheet_says_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "so.xlsx"
    file.write_bytes(content)
    with pytest.raises(BookMistake, match="no XLSX file"):
        list(read_book(file))


def test_headings_are_read_however_their_letters_are_composed(tmp_path: Path) -> None:
    file = sheet(tmp_path / "so.xlsx", (unicodedata.normalize("NFD", "Số sổ"), "Người nộp"), ("12", "Lò Thị Mẫu"))
    _, line = read_book(file)
    assert json.loads(line)["number"] == "12"


def test_headings_that_nobody_knows_are_named(tmp_path: Path) -> None:
    with pytest.raises(BookMistake, match=r"column 2: 'Màu mắt' is no heading"):
        list(read_book(sheet(tmp_path / "so.xlsx", ("Số sổ", "Màu mắt"))))
    with pytest.raises(BookMistake, match="Số sổ"):
        list(read_book(sheet(tmp_path / "so.xlsx", ("Người nộp",))))
