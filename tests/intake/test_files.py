"""Tệp của hồ sơ: taken in chunks through HTTP onto a real disk, given out again, whole or not at all."""

import asyncio
import hashlib
import io
import random
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.api import receiving
from services.intake.domain.file_refusals import StorageAway, StorageFull
from services.intake.store.file_objects import Objects
from tests.intake.conftest import FrontDoor, residence

OCTETS = "application/offset+octet-stream"
DESK, OTHER_DESK = "H26.15.01", "H26.15.02"


def pdf(size: int, seed: int = 1) -> bytes:
    """Bytes that begin as a PDF does."""
    return b"%PDF-1.7\n" + random.Random(seed).randbytes(size - 9)


def archive(*members: str) -> bytes:
    """A ZIP archive with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for member in members:
            packed.writestr(member, "x" * 100)
    return stream.getvalue()


def wish(content: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "component": "to-khai",
        "name": "CT01 của Nguyễn Văn Mẫu.pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "application/pdf",
        **changes,
    }


class Desk:
    """A system that hands in files for one dossier."""

    def __init__(self, door: FrontDoor, dossier_id: str) -> None:
        self.door = door
        self.dossier_id = dossier_id

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.door.bearer}

    async def start(self, content: bytes, *, key: str | None = None, **changes: Any) -> httpx.Response:
        return await self.door.post(f"/v1/dossiers/{self.dossier_id}/files", wish(content, **changes), key=key)

    async def started(self, content: bytes, **changes: Any) -> str:
        response = await self.start(content, **changes)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def send(self, upload_id: str, offset: int, chunk: bytes, **headers: str) -> httpx.Response:
        sent = {**self.headers, "Upload-Offset": str(offset), "Content-Type": OCTETS, **headers}
        return await self.door.client.patch(f"/v1/uploads/{upload_id}", content=chunk, headers=sent)

    async def offset(self, upload_id: str) -> int:
        response = await self.door.client.head(f"/v1/uploads/{upload_id}", headers=self.headers)
        assert response.status_code == 200
        return int(response.headers["Upload-Offset"])

    async def brought(self, content: bytes, **changes: Any) -> str:
        """The id of a file that was handed in whole."""
        upload_id = await self.started(content, **changes)
        response = await self.send(upload_id, 0, content)
        assert response.status_code == 204, response.text
        return upload_id

    async def content(self, file_id: str, **headers: str) -> httpx.Response:
        return await self.door.client.get(f"/v1/files/{file_id}/content", headers={**self.headers, **headers})

    async def listed(self) -> list[dict[str, Any]]:
        response = await self.door.get(f"/v1/dossiers/{self.dossier_id}/files")
        assert response.status_code == 200
        items: list[dict[str, Any]] = response.json()["items"]
        return items


@pytest.fixture
async def desk(door: FrontDoor) -> Desk:
    return Desk(door, (await door.submitted(residence()))["dossier_id"])


def stored(door: FrontDoor) -> list[Path]:
    folder = Path(door.intake.settings.files_url.removeprefix("file://"))
    return [file for file in folder.rglob("*") if file.is_file()]


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
    said = await desk.door.client.patch(
        f"/v1/uploads/{upload_id}", headers={**desk.headers, "Upload-Offset": "0", "Content-Length": "8388609"}
    )
    assert (said.status_code, said.json()["limit_bytes"]) == (413, 8 * 1024 * 1024)


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


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=262143-262144", 206, 262_143, 262_144),
        ("bytes=399999-400001", 206, 399_999, 400_001),
        ("bytes=-5", 206, 899_995, 899_999),
        ("bytes=899999-2000000", 206, 899_999, 899_999),
        ("bytes=10-5", 200, 0, 899_999),
        ("lines=1-2", 200, 0, 899_999),
        ("bytes=900000-", 416, 0, -1),
        ("bytes=-0", 416, 0, -1),
    ],
)
async def test_parts_can_be_asked_for(desk: Desk, asked: str, status: int, first: int, last: int) -> None:
    content = pdf(900_000)
    upload_id = await desk.started(content)
    for start, end in ((0, 400_000), (400_000, 400_001), (400_001, 900_000)):
        assert (await desk.send(upload_id, start, content[start:end])).status_code == 204
    given = await desk.content(upload_id, Range=asked)
    assert given.status_code == status
    if status != 416:
        assert given.content == content[first : last + 1]
    if status == 206:
        assert given.headers["Content-Range"] == f"bytes {first}-{last}/900000"
    stale = await desk.content(upload_id, Range=asked, **{"If-Range": '"another"'})
    assert (stale.status_code, len(stale.content)) == (200, 900_000)


async def test_a_link_gives_one_agency_one_file_until_it_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    door = desk.door
    content = pdf(300_000)
    file_id, other_id = await desk.brought(content), await desk.brought(pdf(1000))
    made = await door.post(f"/v1/files/{file_id}/links", {"agency": "H26.15", "minutes": 5})
    assert made.status_code == 201
    link = made.json()
    path = link["url"].removeprefix(door.intake.settings.public_url)
    given = await door.client.get(path)
    assert (given.status_code, given.content) == (200, content)
    assert given.headers["Content-Disposition"] == "attachment; filename*=UTF-8''to-khai.pdf"
    assert (await door.client.get(path, headers={"Range": "bytes=0-9"})).content == content[:10]
    (listed,) = (await door.get(f"/v1/files/{file_id}/links")).json()["items"]
    assert (listed["agency"], listed["times_used"], listed["url"]) == ("H26.15", 2, None)
    for wrong in (
        path.replace(file_id, other_id),
        path[:-3],
        path.split("?")[0],
        path.split("?")[0] + "?token=" + "x" * 2000,
    ):
        assert (await door.client.get(wrong)).status_code in {404, 422}
    revoked = await door.client.delete(f"/v1/files/{file_id}/links/{link['id']}", headers=desk.headers)
    assert revoked.json()["revoked_at"] is not None
    assert (await door.client.get(path)).json()["slug"] == "link-over"
    assert (await door.post(f"/v1/files/{file_id}/links", {"agency": "H26.15", "minutes": 61})).status_code == 422
    short = (await door.post(f"/v1/files/{file_id}/links", {"agency": "H26.15", "minutes": 1})).json()
    await door.intake.spine.pool.execute(
        "UPDATE file_link SET made_at = made_at - interval '2 min', expires_at = expires_at - interval '2 min'"
    )
    assert (await door.client.get(short["url"].removeprefix(door.intake.settings.public_url))).status_code == 410
    taken = await door.intake.spine.pool.fetch("SELECT taken_by, first, last FROM file_access ORDER BY taken_at")
    assert [tuple(row) for row in taken] == [("H26.15", 0, 299_999), ("H26.15", 0, 9)]


async def test_a_file_is_used_again_for_the_same_person_only(desk: Desk) -> None:
    door = desk.door
    content = pdf(1000)
    file_id = await desk.brought(content, component="ket-qua")
    same = Desk(door, (await door.submitted(residence()))["dossier_id"])
    made = await door.post(f"/v1/dossiers/{same.dossier_id}/files/reuse", {"file_id": file_id, "component": "cho-o"})
    assert made.status_code == 201, made.text
    assert (made.json()["reused_from"], made.json()["component"]) == (file_id, "cho-o")
    assert (await same.content(made.json()["id"])).content == content
    assert len(stored(door)) == 1, "bytes lie once"
    somebody = {"kind": "citizen", "full_name": "Nguyễn Văn Mẫu", "personal_id": "001090000002"}
    other = (await door.submitted(residence(applicant=somebody)))["dossier_id"]
    refused = await door.post(f"/v1/dossiers/{other}/files/reuse", {"file_id": file_id, "component": "cho-o"})
    assert refused.json()["slug"] == "another-person"
    nobody = {"kind": "citizen", "full_name": "Nguyễn Văn Mẫu"}
    unnamed = [(await door.submitted(residence(applicant=nobody)))["dossier_id"] for _ in range(2)]
    source = await Desk(door, unnamed[0]).brought(content)
    refused = await door.post(f"/v1/dossiers/{unnamed[1]}/files/reuse", {"file_id": source, "component": "cho-o"})
    assert refused.json()["slug"] == "another-person", "a name is no proof"
    elsewhere = (await door.submitted(residence(desk_code=OTHER_DESK)))["dossier_id"]
    bearer = door.token(area={OTHER_DESK})
    body = {"file_id": file_id, "component": "cho-o"}
    assert (await door.post(f"/v1/dossiers/{elsewhere}/files/reuse", body, bearer=bearer)).status_code == 404


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
    _, writer = await asyncio.open_connection("127.0.0.1", int(desk.door.url.rsplit(":", 1)[1]))
    head = (
        f"PATCH /v1/uploads/{upload_id} HTTP/1.1\r\nHost: x\r\nAuthorization: {desk.door.bearer}\r\n"
        f"Content-Type: {OCTETS}\r\nUpload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content[:1_234_567])
    await writer.drain()
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


async def test_damage_is_found_and_not_given_out(desk: Desk) -> None:
    file_id = await desk.brought(pdf(600_000))
    (object_,) = stored(desk.door)
    sealed = bytearray(object_.read_bytes())
    sealed[300_000] ^= 1
    object_.write_bytes(sealed)
    with pytest.raises(httpx.RemoteProtocolError):
        await desk.content(file_id)
    object_.unlink()
    with pytest.raises(httpx.RemoteProtocolError):
        await desk.content(file_id)


async def test_unknown_uploads_and_files_are_not_there(desk: Desk) -> None:
    assert (await desk.send(str(uuid4()), 0, b"x")).status_code == 404
    assert (await desk.content(str(uuid4()))).status_code == 404
    assert (await desk.send(await desk.started(pdf(10)), 0, b"x", **{"Content-Type": "text/plain"})).status_code == 415
    assert (await desk.send(await desk.started(pdf(10)), 0, b"x", **{"Tus-Resumable": "0.2"})).status_code == 412
    assert UUID(await desk.brought(pdf(10)))
