"""Danh sách thời hạn khi đã có nhiều hồ sơ: what a page of one desk costs does not grow with the others' clocks."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from services.sla.handlers.ports import DeadlineWish
from services.sla.store.queries import listing
from tests.sla.world import at
from tests.stack import PostgresServer

CLOCKS, DESKS, PAGE = 30_000, 300, 51
OF_ONE_DESK = CLOCKS // DESKS
NOW = at("02/03 08:00")
MANY = """
INSERT INTO clock (dossier_id, desk, state, late_from, differs, facts, said)
SELECT gen_random_uuid(), 'D' || number % $2,
       (ARRAY['stopped', 'stopped', 'stopped', 'running', 'paused'])[1 + (number / $2) % 5],
       $3::timestamptz + (number % 100 - 3) * interval '1 hour', number % 1009 = 0, '{}', '[]'
FROM generate_series(1, $1) AS number
"""
STATES = [None, "running", "overdue", "paused", "stopped"]


@pytest.fixture
async def many(postgres: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(await postgres.database("sla"))
    await connection.execute(MANY, CLOCKS, DESKS, NOW)
    await connection.execute("ANALYZE clock")
    yield connection
    await connection.close()


async def test_a_page_of_a_desk_touches_its_own_clocks_alone(many: asyncpg.Connection) -> None:
    for state in STATES:
        for differs in (None, True):
            wish = DeadlineWish(state, differs, None, ["D7"])
            touched = await _touched(many, *listing(wish, NOW, PAGE))
            assert touched <= 10 * OF_ONE_DESK, (state, differs, touched)


@pytest.mark.parametrize("state", STATES)
async def test_a_page_of_desks_is_what_the_list_of_all_shows_of_them(
    many: asyncpg.Connection, state: str | None
) -> None:
    everything, values = listing(DeadlineWish(state), NOW, CLOCKS)
    area = ["D3", "D4", "D77"]
    expected = [row["dossier_id"] for row in await many.fetch(everything, *values) if row["desk"] in area]
    first, values = listing(DeadlineWish(state, area=area), NOW, 5)
    page = [row["dossier_id"] for row in await many.fetch(first, *values)]
    following, values = listing(DeadlineWish(state, after=page[-1], area=area), NOW, CLOCKS)
    assert page + [row["dossier_id"] for row in await many.fetch(following, *values)] == expected


async def _touched(connection: asyncpg.Connection, statement: str, values: list[Any]) -> float:
    """Rows that the steps of the plan gave out or threw away, over all their repeats."""
    told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    nodes = list(_nodes(json.loads(told)[0]["Plan"]))
    return float(sum((node["Actual Rows"] + _thrown(node)) * node["Actual Loops"] for node in nodes))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _thrown(node: dict[str, Any]) -> float:
    return sum(float(rows) for name, rows in node.items() if name.startswith("Rows Removed"))
