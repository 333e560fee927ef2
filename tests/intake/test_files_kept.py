"""Giữ tệp: killed at any moment, out of room, cut anywhere: what was answered for is there, nothing else stays."""

import asyncio
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_messaging.clock import real_now
from services.intake.domain.files.byte_range import span_of
from services.intake.domain.files.file_refusals import FileDamaged, RangeNotThere
from services.intake.domain.files.files import UPLOAD_KEPT, Content, Part
from services.intake.store.files.file_objects import Objects
from services.intake.store.files.file_sweeper import STRAY_AFTER, FileSweeper
from services.intake.store.files.file_vault import FRAME, SealedVault
from tests.hosted import free_port, process
from tests.intake.conftest import FrontDoor, opened, residence
from tests.intake.filing import Desk, pdf, stored
from tests.waiting import until

LOOK = """
import asyncio, sys
from services.intake.store.files.file_objects import Objects
async def look():
    return [found async for found in Objects(sys.argv[1]).listed()]
assert asyncio.run(look()) == []
assert "obstore" not in sys.modules
"""


def test_a_hub_without_files_carries_nothing_for_them(tmp_path: Path) -> None:
    """The daily look for strays alone doesn't load the library of the store: 4 MB of every intake."""
    subprocess.run([sys.executable, "-c", LOOK, (tmp_path / "files").as_uri()], check=True)
    assert not (tmp_path / "files").exists()


def sweeper(door: FrontDoor) -> FileSweeper:
    spine = door.intake.spine
    return FileSweeper(spine.pool, spine.leases, Objects(door.intake.settings.files_url))


async def named(door: FrontDoor) -> set[str]:
    """The objects that rows name."""
    rows = await door.intake.spine.pool.fetch("SELECT object_id FROM file_part")
    return {row["object_id"].hex for row in rows}


def aged(files: list[Path]) -> None:
    """As if they had been written two days ago."""
    then = time.time() - 2 * STRAY_AFTER.total_seconds()
    for file in files:
        os.utime(file, (then, then))


@pytest.mark.parametrize("seed", range(4))
async def test_any_cuts_with_any_interruptions_give_the_same_file(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    content = pdf(chance.randrange(1, 1_500_000) + 10, seed)
    upload_id, offset = await desk.started(content), 0
    while offset < len(content):
        chunk = content[offset : offset + chance.choice([1, 100, FRAME - 1, FRAME, FRAME + 1, 400_000])]
        match chance.choice(["send", "send", "break", "repeat", "elsewhere", "nothing"]):
            case "break":
                arrived = chunk[: chance.randrange(len(chunk) + 1)]
                _, writer = await desk.half_sent(upload_id, offset, len(chunk), arrived)
                await asyncio.sleep(0.05)
                writer.close()
                await asyncio.sleep(0.05)
            case "repeat":
                await asyncio.gather(*(desk.send(upload_id, offset, chunk) for _ in range(3)))
            case "elsewhere":
                assert (await desk.send(upload_id, offset + chance.randrange(1, 99), b"x")).status_code in {409, 422}
            case "nothing":
                assert (await desk.send(upload_id, offset, b"")).status_code == 204
            case _:
                assert (await desk.send(upload_id, offset, chunk)).status_code == 204
        told = await desk.offset(upload_id)
        assert offset <= told <= offset + len(chunk)
        offset = told
    assert (await desk.content(upload_id)).content == content
    assert {file.name for file in stored(desk.door)} == await named(desk.door)


async def test_a_kill_at_any_moment_loses_no_answered_byte(door: FrontDoor) -> None:
    desk = Desk(door, (await door.submitted(residence()))["dossier_id"])
    content, size = pdf(12_000_000), 2_500_000
    upload_id, answered = await desk.started(content), 0
    ports = (free_port(), free_port())
    there_too = door.intake.settings.model_copy(update=dict(zip(("http_port", "probe_port"), ports, strict=True)))
    for moment in ["in a chunk", "after a chunk", "somewhere"] * 2:
        told = await desk.offset(upload_id)
        assert told >= answered
        chunk = content[told : told + size]
        async with (
            process(there_too, "127.0.0.1:1", "web") as child,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}", timeout=5) as client,
        ):
            url = f"http://127.0.0.1:{ports[0]}"
            there = Desk(FrontDoor(door.intake, url, door.issuer, door.clock_file, client), "")
            await until(partial(listening, there, upload_id))
            answered = max(answered, await cut_off(moment, child, there, upload_id, told, chunk))
    while (told := await desk.offset(upload_id)) < len(content):
        assert (await desk.send(upload_id, told, content[told : told + size])).status_code == 204
    given = await desk.content(upload_id)
    assert hashlib.sha256(given.content).digest() == hashlib.sha256(content).digest()
    aged(stored(door))
    await sweeper(door).sweep(real_now())
    assert {file.name for file in stored(door)} == await named(door), "what the kills left is swept"
    assert (await desk.content(upload_id)).content == content


async def cut_off(
    moment: str, child: asyncio.subprocess.Process, there: Desk, upload_id: str, offset: int, chunk: bytes
) -> int:
    """Kills the process at that moment of a chunk; the offset that it answered, 0 when it did not."""
    sending: asyncio.Task[httpx.Response] | None = None
    if moment == "in a chunk":
        await there.half_sent(upload_id, offset, len(chunk), chunk[: len(chunk) * 2 // 3])
        await asyncio.sleep(0.1)
    else:
        sending = asyncio.create_task(there.send(upload_id, offset, chunk))
        await (sending if moment == "after a chunk" else asyncio.sleep(random.uniform(0, 0.1)))
    child.kill()
    await child.wait()
    if sending is None:
        return 0
    (answer,) = await asyncio.gather(sending, return_exceptions=True)
    return int(answer.headers["Upload-Offset"]) if isinstance(answer, httpx.Response) else 0


async def listening(desk: Desk, upload_id: str) -> bool:
    try:
        await desk.offset(upload_id)
    except httpx.TransportError:
        return False
    return True


async def test_what_is_over_goes_with_its_bytes(desk: Desk) -> None:
    door, pool = desk.door, desk.door.intake.spine.pool
    content = pdf(300_000)
    cut, kept = await desk.started(content), await desk.brought(content)
    assert (await desk.send(cut, 0, content[:100_000])).status_code == 204
    await sweeper(door).sweep(real_now())
    assert await desk.offset(cut) == 100_000
    await sweeper(door).sweep(real_now() + UPLOAD_KEPT + timedelta(minutes=1))
    assert (await desk.send(cut, 100_000, content[100_000:])).status_code == 404
    assert len(stored(door)) == 1
    assert (await desk.content(kept)).content == content, "a file outlives its upload"
    assert await pool.fetchval("SELECT count(*) FROM file_upload") == 0


async def test_files_go_with_their_dossier_but_not_what_another_shows(desk: Desk) -> None:
    door, pool = desk.door, desk.door.intake.spine.pool
    shared, alone = await desk.brought(pdf(1000)), await desk.brought(pdf(2000))
    assert (await door.post(f"/v1/files/{alone}/links", {"agency": "H26.15"})).status_code == 201
    assert (await desk.content(alone)).status_code == 200
    other = Desk(door, (await door.submitted(residence()))["dossier_id"])
    again = {"file_id": shared, "component": "cho-o"}
    reused = (await door.post(f"/v1/dossiers/{other.dossier_id}/files/reuse", again)).json()["id"]
    await pool.execute("DELETE FROM dossier WHERE id = $1", desk.dossier_id)
    await sweeper(door).sweep(real_now())
    assert len(stored(door)) == 1
    assert (await other.content(reused)).content == pdf(1000)
    await pool.execute("DELETE FROM dossier WHERE id = $1", other.dossier_id)
    await sweeper(door).sweep(real_now())
    assert stored(door) == []


async def test_strays_go_when_they_are_old_and_strangers_never(desk: Desk) -> None:
    file_id = await desk.brought(pdf(1000))
    (kept,) = stored(desk.door)
    folder = kept.parents[1]
    old, young, stranger = uuid4().hex, uuid4().hex, folder / "lost+found"
    for name in (old, f"{old}#1", young):
        (folder / name[30:32]).mkdir(exist_ok=True)
        (folder / name[30:32] / name).write_bytes(b"x")
    stranger.write_bytes(b"not ours")
    aged([file for file in stored(desk.door) if file.name != young])
    await sweeper(desk.door).sweep(real_now())
    assert {file.name for file in stored(desk.door)} == {kept.name, young, stranger.name}
    assert (await desk.content(file_id)).status_code == 200


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, where this user may make one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_told_and_leaves_nothing_half(door: FrontDoor, tiny_disk: Path, tmp_path: Path) -> None:
    there = door.intake.settings.model_copy(update={"files_url": tiny_disk.as_uri()})
    async with opened(there, tmp_path) as full:
        desk = Desk(full, (await full.submitted(residence()))["dossier_id"])
        content = pdf(1_500_000)
        upload_id = await desk.started(content)
        assert (await desk.send(upload_id, 0, content[:600_000])).status_code == 204
        refused = await desk.send(upload_id, 600_000, content[600_000:])
        assert (refused.status_code, refused.json()["slug"]) == (507, "storage-full")
        assert await desk.offset(upload_id) == 600_000
        assert len(stored(full)) == 1, "nothing half-written"
        subprocess.run(["mount", "-o", "remount,size=4m", str(tiny_disk)], check=True)
        assert (await desk.send(upload_id, 600_000, content[600_000:])).status_code == 204
        assert (await desk.content(upload_id)).content == content


class _NoSeals:
    """Seals nothing: keys of contents are as they are."""

    def seal(self, _purpose: str, _dossier_id: UUID, content: str) -> str:
        return content

    def open(self, _purpose: str, _dossier_id: UUID, sealed: str) -> str:
        return sealed

    def mark(self, purpose: str, text: str) -> bytes:
        raise NotImplementedError


SIZES = st.lists(st.integers(1, 2 * FRAME + 7), min_size=1, max_size=5)


@settings(deadline=None)
@given(sizes=SIZES, pieces=st.integers(1_000, 400_000), data=st.data())
def test_any_span_of_any_parts_is_what_was_written(sizes: list[int], pieces: int, data: st.DataObject) -> None:
    content = random.Random(sum(sizes)).randbytes(sum(sizes))
    first = data.draw(st.integers(0, len(content) - 1))
    last = data.draw(st.integers(first, len(content) - 1))

    async def there_and_back() -> bytes:
        vault, content_id = SealedVault(Objects("memory:///"), _NoSeals()), uuid4()
        about = Content(content_id, len(content), b"", "application/pdf", vault.new_key(content_id))
        parts: list[Part] = []
        for size in sizes:
            start, object_id = sum(part.length for part in parts), uuid4()
            length = await vault.keep(about, start, object_id, cut(content[start : start + size], pieces))
            parts.append(Part(content_id, start, length, object_id))
        moved = [Part(content_id, part.start + 1, part.length, part.object_id) for part in parts]
        with pytest.raises(FileDamaged):
            await anext(vault.read(about, moved, 1, len(content)))
        return b"".join([piece async for piece in vault.read(about, parts, first, last)])

    assert asyncio.run(there_and_back()) == content[first : last + 1]


async def cut(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@given(
    asked=st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True), size=st.integers(1, 999)
)
def test_any_range_header_gives_a_span_inside_or_says_no(asked: str, size: int) -> None:
    try:
        span = span_of(asked, size)
    except RangeNotThere:
        return
    assert 0 <= span.first <= span.last < size
    assert span.partial or (span.first, span.last) == (0, size - 1)
