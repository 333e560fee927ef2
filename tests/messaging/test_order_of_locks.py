"""Whatever changes several rows locks them in one order: while it waits for the first, it holds none of the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from hub_messaging import freed, taken_over, unknown, withdrawn, work
from hub_messaging.clock import real_now
from hub_messaging.database import Connection, Writes
from tests.messaging.conftest import ToyService

pytestmark = pytest.mark.stack

FIRST, SECOND = UUID(int=1), UUID(int=2)
OF_FIRST, OF_SECOND = UUID(int=20), UUID(int=10)
"""Their dossiers, in the other order; the rows are also made, and due, in the other order."""
ROWS = """
INSERT INTO work (id, lane, dossier_id, kind, fact_at, state, started_at, next_at)
SELECT id, 'toys', dossier_id, 'toy', now(), $1, CASE WHEN $2 THEN now() END, now() + '1 h' - place * interval '1 s'
FROM unnest($3::uuid[], $4::uuid[]) WITH ORDINALITY AS given(id, dossier_id, place) ORDER BY place DESC
"""
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Change = Callable[[ToyService], Awaitable[None]]


async def withdraw(toy: ToyService) -> None:
    rows = work.WorkRows()
    rows.withdraw("toys", OF_FIRST)
    rows.withdraw("toys", OF_SECOND)
    rows.keep()
    writes = Writes()
    async with toy.pool.acquire() as connection, connection.transaction():
        await rows.flush(connection, writes)
        await writes.send(connection)


async def hurry(toy: ToyService) -> None:
    await work.hurry(toy.pool, "toys")


async def free(toy: ToyService) -> None:
    await freed.free(toy.pool, ["toys"])


async def inherit(toy: ToyService) -> None:
    (lease,) = (await toy.leases.hold(["lane:toys"])).values()
    await taken_over.inherit(toy.pool, toy.leases, [replace(lease, abandoned_at=real_now() + timedelta(days=1))], [10])


async def trust(toy: ToyService) -> None:
    (lease,) = (await toy.leases.hold(["lane:toys"])).values()
    await withdrawn.trust(toy.pool, [lease], ())


async def ask_later(toy: ToyService) -> None:
    await unknown.UnknownOutcomes(toy.runner, lambda *_: None).ask_later([SECOND, FIRST])  # type: ignore[arg-type]


CHANGES: dict[str, tuple[Change, str, bool]] = {
    "what is withdrawn": (withdraw, "ready", False),
    "a lane that is hurried": (hurry, "ready", False),
    "rows that stand behind nothing": (free, "behind", False),
    "a lane that is taken over": (inherit, "ready", True),
    "what was withdrawn in a lane that is taken over": (inherit, "done", True),
    "what was withdrawn and is not under way": (trust, "done", True),
    "what is asked about later": (ask_later, "unknown", True),
}


@asynccontextmanager
async def waiting_for(toy: ToyService, change: Change, row: str) -> AsyncIterator[Connection]:
    """`change` stands before a row that somebody else holds; yields that other's connection."""
    async with toy.pool.acquire() as holder, toy.pool.acquire() as watcher:
        async with holder.transaction():
            await holder.execute(row)
            changing = asyncio.ensure_future(change(toy))
            async with asyncio.timeout(10):
                while not await watcher.fetchval(WAITS):
                    await asyncio.sleep(0.01)
            yield holder
        await changing


@pytest.mark.parametrize("what", CHANGES)
async def test_work_rows_are_locked_in_the_order_of_their_ids(toy: ToyService, what: str) -> None:
    change, state, started = CHANGES[what]
    await toy.pool.execute(ROWS, state, started, [FIRST, SECOND], [OF_FIRST, OF_SECOND])
    before = await toy.pool.fetch("SELECT * FROM work ORDER BY id")
    async with waiting_for(toy, change, f"SELECT FROM work WHERE id = '{FIRST}' FOR UPDATE") as holder:
        await holder.execute(f"SELECT FROM work WHERE id = '{SECOND}' FOR UPDATE NOWAIT")
    after = await toy.pool.fetch("SELECT * FROM work ORDER BY id")
    assert all(dict(one) != dict(other) for one, other in zip(before, after, strict=True)), "both rows were changed"


async def test_leases_are_given_back_in_the_order_of_their_names(toy: ToyService) -> None:
    for name in ("second", "first"):
        await toy.leases.hold([name])

    async def give_back(toy: ToyService) -> None:
        await toy.leases.give_back(["second", "first"])

    async with waiting_for(toy, give_back, "SELECT FROM lease WHERE name = 'first' FOR SHARE") as holder:
        await holder.execute("SELECT FROM lease WHERE name = 'second' FOR SHARE NOWAIT")
    assert await toy.pool.fetchval("SELECT count(*) FROM lease WHERE until = '-infinity'") == 2


async def test_who_withdraws_and_who_writes_failures_do_not_stop_each_other(toy: ToyService) -> None:
    """A stop notice withdraws what a lane has just failed to send: the one waits for the other, nobody is ended."""
    await toy.pool.execute(ROWS, "ready", False, [FIRST, SECOND], [OF_FIRST, OF_SECOND])
    again = "UPDATE work SET attempts = attempts + 1 WHERE id = $1"
    async with waiting_for(toy, withdraw, f"SELECT FROM work WHERE id = '{FIRST}' FOR UPDATE") as holder:
        for row in (FIRST, SECOND):
            await holder.execute(again, row)
    rows = await toy.pool.fetch("SELECT outcome, attempts FROM work")
    assert [(row["outcome"], row["attempts"]) for row in rows] == [("withdrawn", 1)] * 2
