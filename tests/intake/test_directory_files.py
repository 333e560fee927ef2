"""Tệp danh bạ: what can be read, what is refused and where, and the command that brings it."""

import asyncio
import io
import os
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from hub_web.problems import Problem
from services.intake.api.reference.sheets import read_sheet
from services.intake.domain.reference.directory import KINDS
from services.intake.domain.reference.directory_plan import make_plan
from tests.intake.conftest import FrontDoor
from tests.intake.directory_office import DESKS, Desk, desk


@pytest.fixture
def office(door: FrontDoor) -> Desk:
    return Desk(door)


@pytest.mark.parametrize(
    ("body", "column"),
    [
        (desk(commune="99999"), "commune"),
        (desk(province="01"), "commune"),
        (desk(province="54"), "province"),
        (desk(province="6"), "province"),
        (desk(commune=""), "commune"),
        (desk(**{"class": ""}), "class"),
        (desk(level="district"), "valid_to"),
        (desk(level="district", valid_to="2025-07-01"), "valid_to"),
        (desk(level="branch"), "superior"),
        (desk(valid_to="2025-06-30"), "valid_to"),
        (desk(valid_from="45839"), "valid_from"),
        (desk(valid_from="1899-12-31"), "valid_from"),
        (desk(name="=1+1"), "name"),
        (desk(name="@SUM(A1)"), "name"),
        (desk(name="+cmd|' /C calc'!A0"), "name"),
        (desk(name="-2+3+cmd"), "name"),
        (desk(name="Trung\u202etâm"), "name"),
        (desk(name="Trung\u200btâm"), "name"),
        (desk(code="H15 15"), "code"),
        (desk(owner="x"), None),
        (desk().replace("code,", "mã,").replace("name,", "mã,", 1), "code"),
        ("code,name\nH15,Tên\n", "valid_from"),
    ],
)
async def test_a_wrong_desk_is_refused_at_its_place(office: Desk, body: str, column: str | None) -> None:
    assert column in [place for _, place in await office.mistakes("desks", body)]


async def test_a_code_that_lost_its_zero_is_explained(office: Desk) -> None:
    seen = await office.preview("desks", desk(province="1", commune="4"))
    assert all("Văn bản" in error["next_step"] for error in seen["errors"])
    assert len(seen["errors"]) == 2


def workbook(text: str) -> bytes:
    """The CSV as XLSX, codes as text."""
    book = Workbook()
    page = book.active
    assert page is not None
    for line in text.splitlines():
        page.append(line.split(","))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


async def test_all_formats_say_the_same(office: Desk) -> None:
    header, *lines = DESKS.splitlines()
    names = header.split(",")
    listed = [dict(zip(names, line.split(","), strict=False)) for line in lines]
    bodies = [
        DESKS.encode(),
        DESKS.encode("utf-8-sig"),
        DESKS.replace(",", ";").replace("\n", "\r\n").encode(),
        DESKS.replace(",", "\t").encode("utf-16"),
        DESKS.replace("mã tỉnh", "Province").replace("hiệu lực từ", "HIEU LUC TU").encode(),
        workbook(DESKS),
        httpx.Request("POST", "http://x", json=listed).content,
        httpx.Request("POST", "http://x", json={"items": listed}).content,
    ]
    seen = [await office.preview("desks", body) for body in bodies]
    assert [one["errors"] for one in seen] == [[]] * len(bodies)
    as_sets = [
        [(c["code"], {f["field"]: f["becomes"] for f in c["fields"]}) for c in one["diff"]["added"]] for one in seen
    ]
    assert len(as_sets[0]) == len(lines)
    assert all(one == as_sets[0] for one in as_sets)


def bomb() -> bytes:
    """A small XLSX that says that it unpacks to 100 MB."""
    content = io.BytesIO(workbook(DESKS))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.png", bytes(100_000_000))
    return content.getvalue()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (DESKS.replace("đ", "d").encode("cp1258", "ignore"), "Windows-1258"),
        (DESKS.encode("utf-16-le"), "UTF-16"),
        (bomb(), "XLSX mở ra"),
        (workbook(DESKS)[:-200], "XLSX"),
        (b"PK\x03\x04 no archive", "XLSX"),
        (b"\xd0\xcf\x11\xe0 old", "XLS"),
        (b"  \n ", "trống"),
        (b'code,name\n"H15,unclosed\n', "CSV"),
        (b"code,name\nH15,a,b\n", "Dòng 2"),
        (b"code\n" + b"H15\n" * 20_001, "20000"),
        (b'{"items": 3}', "JSON"),
        (b'[{"code": {"a": 1}}]', "lồng"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_file_that_cannot_be_read_for_certain_is_refused(office: Desk, body: bytes, told: str) -> None:
    response = await office.upload("desks", body)
    assert (response.status_code, response.json()["slug"]) == (422, "file-unreadable")
    assert told in response.json()["detail"] + response.json()["next_step"]
    assert (await office.door.get("/v1/directory/imports")).json()["items"] == []


async def test_a_formula_in_a_workbook_is_not_run_and_not_taken(office: Desk) -> None:
    body = workbook(desk(name='=HYPERLINK("http://x")'))
    assert await office.mistakes("desks", body) == [(2, "name")]


async def test_more_than_16_megabytes_are_not_read(office: Desk) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(office.door.url.rsplit(":", 1)[1]))
    head = "POST /v1/directory/imports?kind=desks HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n"
    writer.write(head.encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_what_is_no_table_is_refused(office: Desk) -> None:
    assert (await office.upload("desks", b'[{"code": "a", "code": "b"}]')).json()["slug"] == "malformed-json"
    assert (await office.upload("people", DESKS)).status_code == 422


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_read_or_refused_in_words(raw: bytes) -> None:
    try:
        sheet = read_sheet(raw)
    except Problem as problem:
        assert problem.kind.slug in ("file-unreadable", "malformed-json")  # noqa: PT017
    else:
        for kind in KINDS.values():
            make_plan(kind, {}, sheet, {})


async def test_the_command_shows_the_difference_and_asks_for_a_second_person(office: Desk, tmp_path: Path) -> None:
    file = tmp_path / "desks.csv"
    file.write_text(DESKS)

    async def hub(bearer: str, *words: str) -> tuple[int, str]:
        environment = {**os.environ, "HUB_URL": office.door.url, "HUB_TOKEN": bearer.removeprefix("Bearer ")}
        child = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "hub", "directory", *words, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await child.communicate()
        assert child.returncode is not None
        return child.returncode, output.decode()

    code, told = await hub(office.editor, "import", "desks", str(file))
    assert code == 0, told
    assert "+ H15.15.01 (2025-07-01): " in told
    assert "desks: previewed; 3 added, 0 changed, 0 ended, 0 unchanged, 0 errors" in told
    import_id = told.strip().rsplit(" ", 1)[1]
    code, told = await hub(office.door.token(subject="an"), "approve", import_id)
    assert (code, "người thứ hai" in told) == (1, True)
    code, told = await hub(office.approver, "approve", import_id)
    assert (code, "desks: approved" in told) == (0, True), told
    code, told = await hub(office.editor, "show", "desks", "H15.15.01")
    assert (code, "Tuy Hòa" in told) == (0, True)
    file.write_text(desk(province="1"))
    code, told = await hub(office.editor, "import", "desks", str(file))
    assert (code, "! row 2, province: " in told) == (1, True)
