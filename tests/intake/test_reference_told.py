"""Báo lại điều chưa báo: what comes with the service, and what was published by who didn't tell, is told once."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.hosted import free_port, process
from tests.intake.conftest import DATA, FrontDoor
from tests.intake.directory_office import AGENCIES, UNITS, Desk, desk
from tests.intake.procedure_texts import many, procedure_text
from tests.intake.test_catalogue_import import CODE, imported, one
from tests.waiting import until

pytestmark = pytest.mark.stack

DAY = "1899-12-31"
"""No file can name it: the first day of what names none."""
PROCEDURES = {f"procedure/{code}@1" for code in ("1.004222", "1.001193", "1.001612", "1.001445")}
BA_DINH, NGOC_HA = f"desk/H26.15.01@{DAY}", f"desk/H26.15.02@{DAY}"
PACKAGED = {*PROCEDURES, BA_DINH, NGOC_HA}
EDITIONS = "SELECT kind, number FROM edition FOR SHARE"


class Told(NamedTuple):
    """One event about reference data."""

    id: UUID
    key: str
    body: bytes

    @property
    def says(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


@asynccontextmanager
async def working(door: FrontDoor, slot: int = 0, data: Path = DATA) -> AsyncIterator[asyncio.subprocess.Process]:
    """The role `worker` as a process of its own on the database of `door`; Kafka is away."""
    own = {"http_port": free_port(), "probe_port": free_port(), "slot": slot, "data_folder": data}
    async with process(door.intake.settings.model_copy(update=own), "127.0.0.1:1", "worker") as child:
        yield child


async def told(door: FrontDoor) -> list[Told]:
    """What was told of reference data, in order."""
    rows = await door.intake.spine.pool.fetch(
        "SELECT event_id, key, body FROM outbox WHERE key LIKE '%/%' ORDER BY seq"
    )
    return [Told(*row) for row in rows]


async def keys(door: FrontDoor) -> list[str]:
    return sorted(one.key for one in await told(door))


async def last(door: FrontDoor, key: str) -> dict[str, Any]:
    """What was last told under that key."""
    return [one.says for one in await told(door) if one.key == key][-1]


async def as_an_older_build(door: FrontDoor) -> list[Told]:
    """What was published stays, as if nobody had been told; what had been."""
    before = await told(door)
    await door.intake.spine.pool.execute("DELETE FROM outbox_pending")
    await door.intake.spine.pool.execute("DELETE FROM outbox")
    return before


@asynccontextmanager
async def locked(door: FrontDoor, table: str, mode: str) -> AsyncIterator[None]:
    """Who needs that table otherwise waits meanwhile."""
    async with door.intake.spine.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield


async def waiting(door: FrontDoor) -> list[str]:
    """The statements that wait for somebody else's transaction."""
    here = "datname = current_database() AND wait_event_type = 'Lock'"
    return [
        row["query"] for row in await door.intake.spine.pool.fetch(f"SELECT query FROM pg_stat_activity WHERE {here}")
    ]


def release(folder: Path, **changes: Any) -> Path:
    """The data of another release: the first desk or procedure says this."""
    shutil.copytree(DATA, folder)
    for name in ("desks", "procedures"):
        file = folder / f"{name}.json"
        entries = json.loads(file.read_text())
        entries[0] |= changes.get(name, {})
        file.write_text(json.dumps(entries))
    return folder


async def test_what_comes_with_the_service_is_told_once_and_what_a_release_corrects_is_told_anew(
    door: FrontDoor, tmp_path: Path
) -> None:
    async with working(door):
        assert await until(lambda: keys(door), lambda found: len(found) >= len(PACKAGED)) == sorted(PACKAGED)
    assert await last(door, "procedure/1.001193@1") == {
        "code": "1.001193", "version": 1, "base_code": "1.001193", "name": "Đăng ký khai sinh", "field": "ho-tich",
        "decision": "", "levels": [], "agency_kind": "commune-committee",
        "offers": [
            {"form": "Mọi hình thức nộp", "term": "Trong ngày", "fees": [],
             "description": "Sau 15:00: ngày làm việc tiếp theo."}
        ],
        "cases": [], "bases": [], "process": [],
        "papers": [
            {"code": "to-khai", "name": "Tờ khai đăng ký khai sinh", "required": True, "originals": 1, "copies": 0,
             "form": ""}
        ],
        "texts": [{"key": "certainty", "text": "V"}, {"key": "source", "text": "test"}],
        "published_at": f"{DAY}T00:00:00Z",
    }  # fmt: skip
    assert await last(door, BA_DINH) == {
        "code": "H26.15.01", "valid_from": DAY, "withdrawn": False, "edition": 1,
        "name": "Bộ phận Một cửa phường Ba Đình", "level": "commune", "province": "01", "commune": "00004",
        "phone": "024 0000 0001",
    }  # fmt: skip

    corrected = release(tmp_path / "next", desks={"phone": "024 0000 0009"}, procedures={"version": 2})
    async with working(door, data=corrected):
        await until(lambda: keys(door), lambda found: "procedure/1.004222@2" in found and found.count(BA_DINH) == 2)
    async with working(door, data=DATA):
        await until(lambda: last(door, BA_DINH), lambda said: said["edition"] == 3, "back to the release before")
    assert (await last(door, BA_DINH))["phone"] == "024 0000 0001"
    assert await keys(door) == sorted([*PACKAGED, "procedure/1.004222@2", BA_DINH, BA_DINH]), "all else once"


async def test_what_an_older_build_published_and_did_not_tell_is_told_as_it_would_have_been(door: FrontDoor) -> None:
    office = Desk(door)
    await one(door, procedure_text(more="Ghi chú: ví dụ\n"))
    await one(door, procedure_text(code="1.004222"))
    await one(door, procedure_text(name="Đăng ký ví dụ khác"))
    await office.published("agencies", AGENCIES)
    await office.published("units", UNITS)
    withdrawn = UNITS.splitlines()[2]
    await office.published("units", f"code,name,superior,valid_from,withdrawn\n{withdrawn},x\n")
    before = await as_an_older_build(door)

    counting = {one.key: one for one in before}
    async with working(door):
        found = await until(lambda: keys(door), lambda found: len(found) >= len(counting | dict.fromkeys(PACKAGED)))
    assert found == sorted({*counting, *PACKAGED})
    assert {one.key: one for one in await told(door) if one.key in counting} == counting, "the same ids, the same bytes"
    assert {f"procedure/{CODE}@1", f"procedure/{CODE}@2", "procedure/1.004222@2"} <= counting.keys()
    assert (await last(door, "unit/H15.02@2025-07-01"))["withdrawn"]
    assert (await last(door, "agency/H45.02@2018-01-01"))["successor"] == "H15.02"


async def test_nothing_is_missing_or_told_twice_after_a_kill_in_the_middle_and_two_that_start_at_once(
    door: FrontDoor,
) -> None:
    texts = dict(many(300))
    for start in range(0, len(texts), 100):
        await imported(door, dict(list(texts.items())[start : start + 100]))
    before = await as_an_older_build(door)

    async with working(door) as child:
        await until(lambda: keys(door), bool, every=0.01)
        child.kill()
        await child.wait()
    assert 0 < len(await told(door)) < len(before)
    async with AsyncExitStack() as both:
        await asyncio.gather(*(both.enter_async_context(working(door, slot)) for slot in (0, 1)))
        found = await until(lambda: keys(door), lambda found: len(found) >= len(before) + len(PACKAGED))
    assert found == sorted([*(one.key for one in before), *PACKAGED])
    assert {*before} <= {*await told(door)}
    pending = await door.intake.spine.pool.fetchval("SELECT count(*) FROM outbox_pending")
    assert pending == len(found), "and all of it is to be sent"


async def test_a_desk_that_came_with_the_service_ends_where_the_directory_takes_over(door: FrontDoor) -> None:
    office = Desk(door)
    async with working(door):
        await until(lambda: keys(door), lambda found: len(found) == len(PACKAGED))
        own = desk(code="H26.15.01", province="01", commune="00004")
        await office.published("desks", own)
        ended = await until(lambda: last(door, BA_DINH), lambda said: said["edition"] == 2)
        assert ended["valid_to"] == "2025-06-30"

        mistake = own.replace("valid_to\n", "valid_to,withdrawn\n").rstrip("\n") + ",x\n"
        await office.published("desks", mistake)
        again = await until(lambda: last(door, BA_DINH), lambda said: said["edition"] == 3)
        assert "valid_to" not in again
    assert (await keys(door)).count(NGOC_HA) == 1


async def test_an_approval_that_comes_between_has_the_last_word(door: FrontDoor) -> None:
    """It waits in the middle while what it replaces is read and about to be told."""
    office, unit = Desk(door), "unit/H15.02@2025-07-01"
    await office.published("units", UNITS)
    await as_an_older_build(door)
    seen = await office.preview("units", f"code,name,superior,valid_from,withdrawn\n{UNITS.splitlines()[2]},x\n")
    async with working(door):
        async with locked(door, "directory_entry", "SHARE"):
            async with locked(door, "procedure_version", "ACCESS EXCLUSIVE"):
                await until(lambda: waiting(door), lambda found: len(found) == 1, "who tells is about to look")
                approving = asyncio.create_task(office.decide(seen["id"]))
                await until(lambda: waiting(door), lambda found: len(found) == 2, "the approval waits")
            await until(lambda: waiting(door), lambda found: EDITIONS in found, "and who tells waits for it")
        assert (await approving).status_code == 200
        await until(lambda: keys(door), lambda found: "unit/H15@2025-07-01" in found)
    assert [one.says["edition"] for one in await told(door) if one.key == unit] == [2]


async def test_a_number_that_was_published_too_is_told_as_it_was_published(door: FrontDoor, tmp_path: Path) -> None:
    await one(door, procedure_text(code="1.004222"))
    (published,) = await told(door)
    async with working(door, data=release(tmp_path / "next", procedures={"version": 2})):
        await until(lambda: keys(door), lambda found: NGOC_HA in found)
    assert [one for one in await told(door) if one.key == "procedure/1.004222@2"] == [published]
    assert await keys(door) == sorted({*PACKAGED, published.key} - {"procedure/1.004222@1"})


async def test_what_can_not_be_told_keeps_nothing_else_back(door: FrontDoor) -> None:
    """A build that didn't tell took procedures of any size."""
    await imported(door, {"a.txt": procedure_text(), "b.txt": procedure_text(code="1.999002")})
    pool = door.intake.spine.pool
    await pool.execute("ALTER TABLE procedure_version DISABLE TRIGGER procedure_version_is_immutable")
    larger = "UPDATE procedure_version SET content = jsonb_set(content, '{name}', $2::text::jsonb) WHERE code = $1"
    await pool.execute(larger, CODE, json.dumps("x" * 600_000))
    await as_an_older_build(door)
    async with working(door):
        await until(lambda: keys(door), lambda found: "procedure/1.999002@1" in found)
    assert await keys(door) == sorted({*PACKAGED, "procedure/1.999002@1"})
