"""Giao tệp: parts, links for agencies, files used again, what a scanner says, what is damaged."""

import asyncio
import os
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.clients import scanning
from tests.intake.conftest import FrontDoor, opened, residence
from tests.intake.filing import OTHER_DESK, Desk, pdf, stored
from tests.waiting import until


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


async def test_a_repeat_gets_the_first_answer_though_the_dossier_takes_no_more_files(desk: Desk) -> None:
    door, content = desk.door, pdf(1000)
    file_id = await desk.brought(content, component="ket-qua")
    other = Desk(door, (await door.submitted(residence()))["dossier_id"])
    place, body = f"/v1/dossiers/{other.dossier_id}/files/reuse", {"file_id": file_id, "component": "cho-o"}
    started, reused = await other.start(content, key="k"), await door.post(place, body, key="k")
    assert (started.status_code, reused.status_code) == (201, 201)
    await door.decided(other.dossier_id, "refuse", reason_code="khong-du", reason="Không đủ điều kiện")
    started_again, reused_again = await other.start(content, key="k"), await door.post(place, body, key="k")
    assert (started_again.status_code, started_again.content) == (201, started.content)
    assert started_again.headers["Location"] == started.headers["Location"]
    assert (reused_again.status_code, reused_again.content) == (201, reused.content)
    assert (await other.start(pdf(1001), key="k")).json()["slug"] == "idempotency-key-reused"
    assert (await other.start(content)).json()["slug"] == "wrong-state"


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


class Clamd:
    """A virus scanner that finds EICAR, in clamd's words; `answer` is what it says instead."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.seen: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            content += await reader.readexactly(length)
        self.seen.append(content)
        found = b"stream: Win.Test.EICAR_HDB-1 FOUND\0" if b"EICAR" in content else b"stream: OK\0"
        writer.write(found if self.answer is None else self.answer)
        writer.close()


async def test_what_a_scanner_finds_is_given_to_nobody(
    door: FrontDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clamd = Clamd()
    server = await asyncio.start_server(clamd.serve, "127.0.0.1", 0)
    url = f"clamd://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setattr(scanning, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(scanning, "TRY_AGAIN_AFTER", timedelta(0))
    settings = door.intake.settings.model_copy(update={"scanner_url": url})
    async with opened(settings, tmp_path) as scanned:
        desk = Desk(scanned, (await scanned.submitted(residence()))["dossier_id"])
        clamd.answer = b"INSTREAM size limit exceeded. ERROR\0"
        clean, bad = pdf(700_000), pdf(1000) + b"EICAR"
        clean_id, bad_id = await desk.brought(clean), await desk.brought(bad)
        (role,) = [role for role in scanned.intake.file_keepers() if role.name == "file_scan"]
        task = asyncio.create_task(role.run())
        await until(lambda: len(clamd.seen) > 2)
        assert {line["scan"]["state"] for line in await desk.listed()} == {"waiting"}, "no verdict is no verdict"
        assert (await desk.content(clean_id)).json()["slug"] == "file-not-scanned"
        assert (await scanned.post(f"/v1/files/{bad_id}/links", {"agency": "H26.15"})).status_code == 409
        clamd.answer = None
        await until(desk.listed, lambda lines: all(line["scan"]["state"] != "waiting" for line in lines))
        task.cancel()
        await asyncio.wait([task])
        assert [line["scan"]["state"] for line in await desk.listed()] == ["clean", "infected"]
        assert clean in clamd.seen, "it was shown the bytes that were handed in"
        assert (await desk.content(clean_id)).content == clean
        assert (await desk.content(bad_id)).json()["slug"] == "file-infected"
        assert (await scanned.post(f"/v1/files/{bad_id}/links", {"agency": "H26.15"})).status_code == 403
        again = {"file_id": bad_id, "component": "cho-o"}
        assert (await scanned.post(f"/v1/dossiers/{desk.dossier_id}/files/reuse", again)).status_code == 403
    server.close()


async def test_a_link_asked_for_again_is_the_first_one_whatever_a_scanner_has_found_since(desk: Desk) -> None:
    door, file_id = desk.door, await desk.brought(pdf(1000))
    path, wish = f"/v1/files/{file_id}/links", {"agency": "H26.15"}
    first = await door.post(path, wish, key="once")
    await door.intake.spine.pool.execute("UPDATE file_content SET verdict = 'infected', scanned_at = now()")
    assert (await door.post(path, wish)).status_code == 403
    again = await door.post(path, wish, key="once")
    assert (again.status_code, again.json()) == (201, first.json())


PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text()


def blocks_of(language: str) -> str:
    """The page's code of one language, block after block."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


async def test_the_page_runs_as_it_is_written(desk: Desk, tmp_path: Path) -> None:
    door = desk.door
    given = {"INTAKE": door.url, "TOKEN": door.bearer.removeprefix("Bearer "), "DOSSIER": desk.dossier_id}
    shell = await asyncio.create_subprocess_exec(
        shutil.which("bash") or "bash",
        *("-euo", "pipefail", "-c", blocks_of("bash")),
        cwd=tmp_path,
        env={**os.environ, **given, "COMPONENT": "to-khai"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, said.decode()
    assert said.decode().split("\n")[:2] == ["tệp đã nhận đủ", "cơ quan đã tải"]
    names: dict[str, Any] = {}
    exec(compile(blocks_of("python"), "files.md", "exec"), names)
    (tmp_path / "cho-o.pdf").write_bytes(pdf(2_500_000))
    host = door.url.removeprefix("http://")
    arguments: tuple[Any, ...] = (
        host,
        given["TOKEN"],
        desk.dossier_id,
        "cho-o",
        tmp_path / "cho-o.pdf",
        "application/pdf",
    )
    file_id = await asyncio.to_thread(names["upload"], *arguments)
    assert (await desk.content(file_id)).content == pdf(2_500_000)
