"""Danh sách và đếm trong sổ lớn: no list and no count walks or sorts the whole register, and none leaves any out."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from hub_messaging.database import Pool, open_pool
from services.intake.domain.national_status import RegisterStatus, statuses
from services.intake.domain.stated import CLOCK_DIFFERENCE
from services.intake.domain.systems.search import Order, Place, Search, Span
from services.intake.store.books.period_figures import _COUNT
from services.intake.store.systems import lists
from services.intake.store.systems.lists import Lists
from tests.intake.conftest import MONDAY_MORNING
from tests.intake.generated import generate
from tests.stack import PostgresServer

pytestmark = pytest.mark.stack
GENERATED, DESKS = 200_000, 130


@pytest.fixture(scope="module")
def large_url(postgres: PostgresServer) -> str:
    """The URL of a register of 200,000 dossiers."""
    import asyncio

    async def make() -> str:
        url = await postgres.database("intake")
        connection = await asyncpg.connect(url)
        await generate(connection, GENERATED, MONDAY_MORNING)
        await connection.execute("ANALYZE")
        await connection.close()
        return url

    return asyncio.run(make())


@pytest.fixture
async def large(large_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(large_url, 3)
    yield pool
    await pool.close()


def desks(*numbers: int) -> tuple[str, ...]:
    return tuple(f"H26.{10 + number % 13}.{10 + number // 13 % 10}" for number in numbers)


def with_status(*codes: int) -> frozenset[RegisterStatus]:
    return statuses(lambda one: one.national.code in codes)


DAY = timedelta(days=1)
SEARCHES: dict[str, dict[str, Any]] = {
    "all": {"desks": None},
    "a desk": {"desks": desks(3)},
    "three desks": {"desks": desks(3, 4, 77)},
    "three desks, online": {"desks": desks(3, 4, 77), "channel": "online"},
    "a province": {"desks": desks(*range(100))},
    "an agency": {"desks": None, "agency": "G01.26.44.01"},
    "a procedure, late": {"desks": None, "procedure": "1.104031", "late": True},
    "new at three desks": {"desks": desks(3, 4, 77), "statuses": with_status(1, 5)},
    "new anywhere": {"desks": None, "statuses": with_status(1)},
    "by post, done": {"desks": None, "channel": "post", "statuses": with_status(9)},
    "a day long ago": {"desks": None, "received": Span(MONDAY_MORNING - 200 * DAY, MONDAY_MORNING - 199 * DAY)},
    "due soon": {"desks": desks(9), "due": Span(MONDAY_MORNING, MONDAY_MORNING + 2 * DAY)},
    "nothing at all": {"desks": None, "statuses": with_status(3)},
}
each_search = pytest.mark.parametrize("asked", SEARCHES.values(), ids=SEARCHES.keys())


@each_search
async def test_no_list_and_no_count_walks_or_sorts_the_register(large: Pool, asked: dict[str, Any]) -> None:
    search = Search(as_of=MONDAY_MORNING, **asked)
    after = Place(MONDAY_MORNING - 30 * DAY, UUID(int=0))
    statements: list[tuple[str, list[Any]]] = [lists.counting(search)[:2]]
    orders: tuple[Order, ...] = ("newest", "due")
    for order in orders:
        walk = lists._walk(search, order)
        statements += [lists.listing(search, walk, place, 51) for place in (None, after)]
        statements.append(lists.reaching(search, walk, after))
    async with large.acquire() as connection, connection.transaction():
        await connection.execute(lists.ALONG_THE_INDEX)
        for statement, values in statements:
            prepared = await connection.prepare(f"EXPLAIN (ANALYZE, FORMAT TEXT) {statement}")
            plan = "\n".join(row[0] for row in await prepared.fetch(*values))
            assert "Seq Scan" not in plan, plan
            assert "Bitmap" not in plan, plan
            sorts = re.findall(r"Sort  \(cost=.*?rows=(\d+)", plan)
            branches = len(search.desks or range(DESKS))
            assert not sorts or max(map(int, sorts)) <= 51 * branches, plan
            assert max(map(int, re.findall(r"Rows Removed by Filter: (\d+)", plan)), default=0) <= 80_000, plan


@each_search
async def test_the_indexes_by_desk_hold_all_that_is_asked_of_their_lines(large: Pool, asked: dict[str, Any]) -> None:
    """A line of its own page for each of 25,000 costs three times as much as the walk."""
    search = Search(as_of=MONDAY_MORNING, **asked)
    walks = [walk for order in ("newest", "due") if (walk := lists._walk(search, order)).column == "desk_code"]
    async with large.acquire() as connection, connection.transaction():
        await connection.execute(lists.ALONG_THE_INDEX)
        for statement, values in [lists.listing(search, walk, None, 51) for walk in walks]:
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *values))
            scans = set(re.findall(r"(Index.* Scan)(?: Backward)? using register_line_", plan))
            assert scans == {"Index Only Scan"}, plan


async def test_the_figures_of_a_desk_walk_its_own_lines_alone(large: Pool) -> None:
    period = MONDAY_MORNING - 60 * DAY, MONDAY_MORNING - 30 * DAY
    values = *period, list(desks(9)), period[1], CLOCK_DIFFERENCE
    plan = "\n".join(row[0] for row in await large.fetch(f"EXPLAIN {_COUNT}", *values))
    assert re.search(r"register_line_by_desk .*\n *Index Cond: .*desk_code = ANY .* AND \(received_at < ", plan), plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize(("name", "most"), [*((name, 1_200) for name in SEARCHES), ("three desks, online", 40)])
async def test_short_walks_find_the_same_page_by_page(
    large: Pool, name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With walks of a few lines each search meets its bounds many times over: nothing is left out, nothing doubled.

    The lines of a single desk meet them with 40: each of several desks at another time.
    """
    recent = Span(MONDAY_MORNING - 9 * DAY, None)
    search = Search(as_of=MONDAY_MORNING, **{"received": recent, **SEARCHES[name]})
    for bound in ("LINES_IN_TIME", "LINES_IN_INDEX", "LINES_BY_KEY"):
        monkeypatch.setattr(lists, bound, most)
    for order, limit in (("newest", 150), ("due", 70)):
        found, place = [], None
        for _ in range(1_000):
            page, place = await Lists(large).page(search, order, place, limit)  # type: ignore[arg-type]
            assert len(page) <= limit
            found += [dossier.id for dossier, _, _ in page]
            if place is None:
                break
        else:
            raise AssertionError("the list has no end")
        assert found == await by_brute_force(large, search, order)


async def by_brute_force(pool: Pool, search: Search, order: str) -> list[UUID]:
    """The same without any index or bound."""
    walk = lists._walk(search, "newest")._replace(column=None, by="nothing")
    sql = lists._Sql()
    conditions = lists._conditions(search, walk, sql)
    if order == "due":
        conditions += [lists._UNDER_WAY, "due_at IS NOT NULL"]
    way = "due_at, dossier_id" if order == "due" else "received_at DESC, dossier_id DESC"
    rows = await pool.fetch(
        f"SELECT dossier_id FROM register_line WHERE {lists._all(conditions)} ORDER BY {way}",
        *sql.values,
    )
    return [row["dossier_id"] for row in rows]


async def test_a_count_is_exact_or_says_that_there_are_more(large: Pool) -> None:
    for asked in SEARCHES.values():
        search = Search(as_of=MONDAY_MORNING, **asked)
        exact = len(await by_brute_force(large, search, "newest"))
        counted = await Lists(large).count(search)
        assert counted.number == exact or (counted.more and counted.number < exact)
    assert (await Lists(large).count(Search(None, MONDAY_MORNING))).more
    for name in ("a desk", "an agency", "new anywhere", "new at three desks", "a day long ago"):
        assert not (await Lists(large).count(Search(as_of=MONDAY_MORNING, **SEARCHES[name]))).more
