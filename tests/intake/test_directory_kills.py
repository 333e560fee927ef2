"""Nhập danh bạ và tiến trình bị giết: kill -9 in the middle of an upload or approval leaves all of it or nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from tests.hosted import free_port, listening, process
from tests.intake.conftest import FrontDoor
from tests.intake.directory_office import Desk
from tests.waiting import until

pytestmark = pytest.mark.stack

ROWS = 3_000
UNITS = "code,name,superior,valid_from\n" + "".join(f"H15.{n},Đơn vị {n},,2025-07-01\n" for n in range(ROWS))
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def office(door: FrontDoor) -> Desk:
    return Desk(door)


async def test_an_upload_that_is_killed_while_it_is_kept_is_one_import_when_it_is_sent_again(office: Desk) -> None:
    path, key = "/v1/directory/imports?kind=units", "units-1"
    await _killed_at(office, "reference_import", path, UNITS, key, office.editor)
    assert await _imports(office) == []

    seen = (await office.upload("units", UNITS, key=key)).json()
    assert (seen["state"], seen["added"]) == ("previewed", ROWS)
    assert (await office.upload("units", UNITS, key=key)).json() == seen
    assert [one["id"] for one in await _imports(office)] == [seen["id"]]


@pytest.mark.parametrize("table", ["directory_entry", "reference_import"])
async def test_an_approval_that_is_killed_anywhere_takes_effect_whole_and_once(office: Desk, table: str) -> None:
    seen = await office.preview("units", UNITS)
    path, key = f"/v1/directory/imports/{seen['id']}/approve", "approve-1"
    await _killed_at(office, table, path, "{}", key, office.approver)
    assert await _in_force(office) == 0
    assert [(one["state"], one["edition"]) for one in await _imports(office)] == [("previewed", None)]

    approved = await office.door.post(path, {}, key=key, bearer=office.approver)
    assert (approved.status_code, approved.json()["edition"]) == (200, 1)
    assert (await office.door.post(path, {}, key=key, bearer=office.approver)).json() == approved.json()
    assert await _in_force(office) == ROWS
    assert [(one["state"], one["edition"]) for one in await _imports(office)] == [("approved", 1)]


@pytest.mark.parametrize("seconds", [0.02, 0.2])
async def test_an_approval_that_is_killed_at_any_moment_is_answered_once_for_its_key(
    office: Desk, seconds: float
) -> None:
    seen = await office.preview("units", UNITS)
    path, key = f"/v1/directory/imports/{seen['id']}/approve", "approve-1"
    async with _elsewhere(office.door) as (child, client):
        headers = {"Authorization": office.approver, "Idempotency-Key": key}
        asked = asyncio.create_task(client.post(path, json={}, headers=headers))
        await asyncio.sleep(seconds)
        child.kill()
        (before,) = await asyncio.gather(asked, return_exceptions=True)
    assert await _in_force(office) in (0, ROWS)

    after = await office.door.post(path, {}, key=key, bearer=office.approver)
    assert after.status_code == 200
    if isinstance(before, httpx.Response):
        assert after.json() == before.json(), "what was answered once is the answer for ever"
    assert await _in_force(office) == ROWS
    assert [(one["state"], one["edition"]) for one in await _imports(office)] == [("approved", 1)]


async def _killed_at(office: Desk, table: str, path: str, body: str, key: str, bearer: str) -> None:
    """Sends it to another process, which is killed while it waits for `table` in the middle of its transaction."""
    pool = office.door.intake.spine.pool
    held = await asyncpg.connect(office.door.intake.settings.database_url)
    async with _elsewhere(office.door) as (child, client):
        transaction = held.transaction()
        await transaction.start()
        await held.execute(f"LOCK TABLE {table} IN SHARE MODE")
        headers = {"Authorization": bearer, "Idempotency-Key": key}
        asked = asyncio.create_task(client.post(path, content=body.encode(), headers=headers))
        await until(lambda: pool.fetchval(_WAITING), what=f"{table} is waited for")
        child.kill()
        await child.wait()
        await asyncio.gather(asked, return_exceptions=True)
        await transaction.rollback()
    await until(lambda: pool.fetchval(_WAITING), lambda waiting: waiting == 0, "the server has seen the end")
    await held.close()


@asynccontextmanager
async def _elsewhere(door: FrontDoor) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """The role `web` as another process on the same database, and a client of it."""
    ports = {"http_port": free_port(), "probe_port": free_port()}
    async with process(door.intake.settings.model_copy(update=ports), "127.0.0.1:1", "web") as child:
        url = f"http://127.0.0.1:{ports['http_port']}"
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            await listening(client)
            yield child, client


async def _imports(office: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await office.door.get("/v1/directory/imports", bearer=office.editor)).json()["items"]
    return found


async def _in_force(office: Desk) -> int:
    """How many of the units everybody sees."""
    count, cursor = 0, ""
    while True:
        page = (await office.door.get(f"/v1/units?limit=200{cursor}")).json()
        count += len(page["items"])
        if page["next_cursor"] is None:
            return count
        cursor = f"&cursor={page['next_cursor']}"
