"""Tệp của hồ sơ: taken in chunks through HTTP onto a real disk, whole or not at all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.api.files import receiving, uploads
from services.intake.domain.files import files
from services.intake.domain.files.file_refusals import StorageAway, StorageFull
from services.intake.store.files.file_objects import Objects
from tests.intake.filing import OCTETS, OTHER_DESK, Desk, archive, pdf, stored, wish
from tests.waiting import until


async def test_a_file_comes_in_chunks_and_goes_out_the_same(desk: Desk) -> None:
    content = pdf(700_001)
    begun = await desk.start(content)
    assert begun.headers["Location"] == begun.json()["upload_url"]
    upload_id = begun.json()["id"]
    for start in range(0, len(content), 200_000):
        assert await desk.offset(upload_id) == start
        assert await desk.listed() == []
        response = await desk.send(upload_id, start, content[start : start + 200_000])
        assert response.status_code == 204, response.text
        assert response.headers["Upload-Offset"] == str(min(start + 200_000, len(content)))
    (line,) = await desk.listed()
    assert line["id"] == upload_id
    assert (line["component"], line["size"]) == ("to-khai", len(content))
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    assert line["scan"] == {"state": "none", "at": None}, "nobody looked, so nobody says clean"
    given = await desk.content(upload_id)
    assert given.content == content
    assert given.headers["Content-Type"] == "application/pdf"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert given.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''CT01%20c%E1%BB%A7a%20Nguy")
    assert await desk.offset(upload_id) == len(content)
    assert (await desk.send(upload_id, 600_000, content[600_000:])).status_code == 409, "a repeat adds nothing"
    assert len(await desk.listed()) == 1


async def test_nothing_of_a_person_rests_in_the_clear(desk: Desk) -> None:
    content = b"%PDF-1.7\n" + "Nguyễn Văn Mẫu 001090000001 ".encode() * 20_000
    await desk.brought(content)
    (object_,) = stored(desk.door)
    sealed = object_.read_bytes()
    assert len(sealed) > len(content)
    assert b"001090000001" not in sealed
    assert b"%PDF" not in sealed
    assert object_.stat().st_mode & 0o077 == 0 or object_.parents[1].stat().st_mode & 0o077 == 0
    pool = desk.door.intake.spine.pool
    for table in ("file_upload", "dossier_file", "file_content", "request"):
        rows = await pool.fetch(f"SELECT {table}::text AS row FROM {table}")
        assert rows
        assert not any("CT01" in row["row"] or b"CT01".hex() in row["row"] for row in rows), table


async def test_the_same_key_begins_one_upload(desk: Desk) -> None:
    content = pdf(1000)
    first, again = await asyncio.gather(desk.start(content, key="k"), desk.start(content, key="k"))
    assert first.json() == again.json()
    assert first.headers["Location"] == again.headers["Location"]
    assert (await desk.start(pdf(1001), key="k")).status_code == 422


async def test_two_who_send_the_same_chunk_at_once_leave_one(desk: Desk) -> None:
    content = pdf(300_000)
    upload_id = await desk.started(content)
    answers = await asyncio.gather(*(desk.send(upload_id, 0, content[:200_000]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409, 409, 409]
    answers = await asyncio.gather(*(desk.send(upload_id, 200_000, content[200_000:]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409, 409, 409]
    assert (await desk.content(upload_id)).content == content
    assert len(stored(desk.door)) == 2, "what came too late is gone"


async def test_an_offset_that_is_elsewhere_tells_where(desk: Desk) -> None:
    content = pdf(1000)
    upload_id = await desk.started(content)
    refused = await desk.send(upload_id, 500, content[500:])
    assert refused.status_code == 409
    assert refused.headers["Upload-Offset"] == "0"
    assert refused.json()["slug"] == "upload-offset-elsewhere"


async def test_more_than_declared_is_refused_and_nothing_of_it_kept(desk: Desk) -> None:
    content = pdf(1000)
    upload_id = await desk.started(content)
    assert (await desk.send(upload_id, 0, content[:600])).status_code == 204
    assert (await desk.send(upload_id, 600, content[600:] + b"x")).json()["slug"] == "more-than-declared"

    async def pieces() -> Any:
        yield content[600:]
        yield b"and more, of a length that nobody said"

    sent = {**desk.headers, "Upload-Offset": "600", "Content-Type": OCTETS}
    unsaid = await desk.door.client.patch(f"/v1/uploads/{upload_id}", content=pieces(), headers=sent)
    assert unsaid.json()["slug"] == "more-than-declared"
    assert await desk.offset(upload_id) == 600
    assert (await desk.send(upload_id, 600, content[600:])).status_code == 204
    assert (await desk.content(upload_id)).content == content


async def test_a_chunk_without_bytes_changes_nothing_and_a_file_without_bytes_is_none(desk: Desk) -> None:
    upload_id = await desk.started(pdf(1000))
    answer = await desk.send(upload_id, 0, b"")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "0")
    assert (await desk.start(b"")).status_code == 422


async def test_another_sha256_ends_the_upload_and_removes_its_bytes(desk: Desk) -> None:
    content = pdf(600_000)
    upload_id = await desk.started(content, sha256="0" * 64)
    assert (await desk.send(upload_id, 0, content[:300_000])).status_code == 204
    assert len(stored(desk.door)) == 1
    refused = await desk.send(upload_id, 300_000, content[300_000:])
    assert (refused.status_code, refused.json()["slug"]) == (422, "content-differs")
    assert stored(desk.door) == []
    assert await desk.listed() == []
    head = await desk.door.client.head(f"/v1/uploads/{upload_id}", headers=desk.headers)
    assert head.status_code == 410
    assert (await desk.send(upload_id, 0, content)).json()["slug"] == "upload-refused"


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SIGNED = bytes.fromhex("3082010006092a864886f70d010702a082") + bytes(500)


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("a.pdf", "application/pdf", pdf(2000)),
        ("a.JPG", "image/jpeg", b"\xff\xd8\xff\xe0" + bytes(2000)),
        ("a.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(10)),
        ("a.tiff", "image/tiff", b"II*\0" + bytes(5000)),
        ("a.docx", DOCX, archive("[Content_Types].xml", "word/document.xml")),
        ("a.xlsx", XLSX, archive("[Content_Types].xml", "xl/workbook.xml")),
        ("a.xml", "application/xml", b"\xef\xbb\xbf<?xml version='1.0'?><a/>"),
        ("a.p7m", "application/pkcs7-mime", SIGNED),
    ],
)
async def test_kinds_that_are_taken(desk: Desk, name: str, media_type: str, content: bytes) -> None:
    file_id = await desk.brought(content, name=name, media_type=media_type)
    assert (await desk.content(file_id)).content == content


@pytest.mark.parametrize(
    ("name", "media_type", "mistake"),
    [
        ("a.exe", "application/x-msdownload", "type"),
        ("a.html", "text/html", "type"),
        ("a.pdf.exe", "application/pdf", "extension"),
        ("a.jpg", "application/pdf", "extension"),
    ],
)
async def test_a_type_or_name_that_is_not_taken_is_refused_before_any_byte(
    desk: Desk, name: str, media_type: str, mistake: str
) -> None:
    refused = await desk.start(pdf(1000), name=name, media_type=media_type)
    assert (refused.status_code, refused.json()["mistake"]) == (422, mistake)
    assert name not in refused.text


@pytest.mark.parametrize(
    ("name", "media_type", "content", "mistake"),
    [
        ("a.pdf", "application/pdf", b"MZ" + bytes(5000), "content"),
        ("a.xml", "text/xml", b"<html><script>" + b" " * 5000, "content"),
        ("a.docx", DOCX, archive("[Content_Types].xml", "xl/workbook.xml"), "content"),
        ("a.docx", DOCX, archive("classes.dex"), "content"),
        ("a.docx", DOCX, b"PK\x03\x04" + bytes(5000), "content"),
        (
            "a.xlsx",
            XLSX,
            archive("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"),
            "macros",
        ),
    ],
)
async def test_content_that_is_not_what_was_said_is_refused(
    desk: Desk, name: str, media_type: str, content: bytes, mistake: str
) -> None:
    upload_id = await desk.started(content, name=name, media_type=media_type)
    refused = await desk.send(upload_id, 0, content)
    assert (refused.status_code, refused.json()["mistake"]) == (422, mistake)
    assert stored(desk.door) == []


async def test_a_wrong_first_chunk_ends_an_upload_at_once(desk: Desk) -> None:
    content = b"MZ" + bytes(100_000)
    upload_id = await desk.started(content)
    assert (await desk.send(upload_id, 0, content[:50_000])).json()["slug"] == "file-kind-refused"
    assert stored(desk.door) == []


async def test_names_are_names(desk: Desk) -> None:
    for name in (
        "../../etc/passwd.pdf",
        "a\\b.pdf",
        "a\u202efdp.exe.pdf",
        "x\ty.pdf",
        ".pdf",
        "a" * 300 + ".pdf",
        "pdf",
    ):
        assert (await desk.start(pdf(1000), name=name)).status_code == 422, name


async def test_larger_than_allowed_is_refused_before_any_byte(desk: Desk) -> None:
    refused = await desk.start(pdf(1000), size=100 * 1024 * 1024 + 1)
    assert (refused.status_code, refused.json()["slug"]) == (413, "file-too-large")
    upload_id = await desk.started(pdf(1000), size=50 * 1024 * 1024)
    reader, writer = await desk.half_sent(upload_id, 0, 8 * 1024 * 1024 + 1, b"")
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_dossier_and_a_file_have_their_measure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    monkeypatch.setattr(files, "MOST_CHUNKS", 3)
    content = pdf(1000)
    await desk.brought(content)
    upload_id = await desk.started(content)
    assert (await desk.start(content)).json()["slug"] == "too-many-files", "those on their way count"
    for offset in range(3):
        assert (await desk.send(upload_id, offset, content[offset : offset + 1])).status_code == 204
    assert (await desk.send(upload_id, 3, content[3:])).json()["slug"] == "too-many-chunks"


async def test_a_refused_dossier_takes_no_more_files(desk: Desk) -> None:
    await desk.door.decided(desk.dossier_id, "refuse", reason_code="khong-du", reason="Không đủ điều kiện")
    assert (await desk.start(pdf(1000))).json()["slug"] == "wrong-state"


async def test_only_for_components_of_the_procedure(desk: Desk) -> None:
    assert (await desk.start(pdf(1000), component="khong-co")).json()["slug"] == "component-unknown"
    await desk.brought(pdf(1000), component="ket-qua")


async def test_outside_of_its_area_nothing_is_there(desk: Desk) -> None:
    door = desk.door
    content = pdf(1000)
    file_id = await desk.brought(content)
    upload_id = await desk.started(content)
    bearer = door.token(area={OTHER_DESK})
    outside = {"Authorization": bearer}
    sent = {**outside, "Upload-Offset": "0", "Content-Type": OCTETS}
    link = (await door.post(f"/v1/files/{file_id}/links", {"agency": "H26.15"})).json()
    answers = [
        await door.post(f"/v1/dossiers/{desk.dossier_id}/files", wish(content), bearer=bearer),
        await door.client.head(f"/v1/uploads/{upload_id}", headers=outside),
        await door.client.patch(f"/v1/uploads/{upload_id}", content=content, headers=sent),
        await door.get(f"/v1/dossiers/{desk.dossier_id}/files", bearer=bearer),
        await door.get(f"/v1/files/{file_id}/content", bearer=bearer),
        await door.post(f"/v1/files/{file_id}/links", {"agency": "H26.15"}, bearer=bearer),
        await door.get(f"/v1/files/{file_id}/links", bearer=bearer),
        await door.client.delete(f"/v1/files/{file_id}/links/{link['id']}", headers=outside),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert await desk.offset(upload_id) == 0


@pytest.mark.parametrize(("trouble", "status"), [(StorageFull, 507), (StorageAway, 503)])
async def test_where_nothing_can_be_stored_nothing_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception], status: int
) -> None:
    content = pdf(600_000)
    upload_id = await desk.started(content)
    assert (await desk.send(upload_id, 0, content[:300_000])).status_code == 204
    with monkeypatch.context() as patch:

        async def put(*_: object) -> None:
            raise trouble

        patch.setattr(Objects, "put", put)
        refused = await desk.send(upload_id, 300_000, content[300_000:])
        assert (refused.status_code, refused.json()["fault"]) == (status, "hub")
        assert refused.json()["next_step"]
    assert await desk.offset(upload_id) == 300_000
    assert (await desk.send(upload_id, 300_000, content[300_000:])).status_code == 204
    assert (await desk.content(upload_id)).content == content


async def test_a_connection_that_breaks_in_a_chunk_keeps_what_arrived(desk: Desk) -> None:
    content = pdf(2_000_000)
    upload_id = await desk.started(content)
    _, writer = await desk.half_sent(upload_id, 0, len(content), content[:1_234_567])
    await asyncio.sleep(0.3)
    writer.close()
    for _ in range(100):
        if offset := await desk.offset(upload_id):
            break
        await asyncio.sleep(0.05)
    assert offset == 1_234_567
    assert (await desk.send(upload_id, offset, content[offset:])).status_code == 204
    assert (await desk.content(upload_id)).content == content


async def test_a_slow_chunk_is_cut_and_what_arrived_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "CHUNK_SECONDS", 0.5)
    content = pdf(100_000)
    upload_id = await desk.started(content)

    async def drops() -> Any:
        yield content[:40_000]
        await asyncio.sleep(3)
        yield content[40_000:]

    sent = {**desk.headers, "Upload-Offset": "0", "Content-Type": OCTETS}
    try:
        answer = await desk.door.client.patch(f"/v1/uploads/{upload_id}", content=drops(), headers=sent)
        assert answer.status_code == 408
    except httpx.TransportError:
        pass  # it went on writing to a connection that was closed
    assert await desk.offset(upload_id) == 40_000


async def test_slow_lines_share_the_room_and_who_finds_none_is_asked_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "WAIT_SECONDS", 0.3)
    sizes, usual = list[int](), receiving._Room.taken

    @asynccontextmanager
    async def counted(room: receiving._Room, size: int) -> AsyncIterator[None]:
        async with usual(room, size):
            sizes.append(size)
            yield

    monkeypatch.setattr(receiving._Room, "taken", counted)
    content = pdf(8 * 1024 * 1024)
    ids = [await desk.started(content, name=f"{number}.pdf") for number in range(7)]
    lines = [await desk.half_sent(upload_id, 0, len(content), content[:1000]) for upload_id in ids[:6]]
    async with asyncio.timeout(10):
        while len(sizes) < len(lines):
            await asyncio.sleep(0.01)
    refused = await desk.send(ids[6], 0, content[:1000])
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    for _, writer in lines:
        writer.close()
    await until(lambda: desk.offset(ids[5]))
    assert (await desk.send(ids[6], 0, content[:1000])).status_code == 204


async def test_unknown_uploads_and_files_are_not_there(desk: Desk) -> None:
    assert (await desk.send(str(uuid4()), 0, b"x")).status_code == 404
    assert (await desk.content(str(uuid4()))).status_code == 404
    assert (await desk.send(await desk.started(pdf(10)), 0, b"x", **{"Content-Type": "text/plain"})).status_code == 415
    assert (await desk.send(await desk.started(pdf(10)), 0, b"x", **{"Tus-Resumable": "0.2"})).status_code == 412
    assert UUID(await desk.brought(pdf(10)))
