"""Work rows: what a batch costs does not grow with what is open, however long an agency has been away."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging import backlog, freed, work
from hub_messaging.outcomes import MAY_BE_TAKEN
from hub_messaging.withdrawn import WITHDRAW
from tests.messaging.conftest import ToyService
from tests.messaging.test_lanes import add

pytestmark = pytest.mark.stack

OPEN = 3000
BATCH = 20
OTHERS = """
INSERT INTO work (id, lane, dossier_id, kind, fact_at, state)
SELECT gen_random_uuid(), 'toys', gen_random_uuid(), 'toy', now(), state
FROM generate_series(1, $1), unnest(ARRAY['ready', 'behind', 'unknown', 'set_aside', 'refused']) AS state
"""
ids = [uuid4() for _ in range(BATCH)]
dossiers = [uuid4() for _ in range(BATCH)]
now = datetime.now(UTC)
STATEMENTS = {
    "insert": (
        work._INSERT,
        (ids, ["toys"] * BATCH, dossiers, ["toy"] * BATCH, [now] * BATCH, [False] * BATCH),
    ),
    "settle": (
        work._SETTLE,
        (ids, ["done"] * BATCH, ["sent"] * BATCH, [1] * BATCH, [0] * BATCH, [0.0] * BATCH, MAY_BE_TAKEN),
    ),
    "withdraw": (WITHDRAW, (["toys"] * BATCH, dossiers, MAY_BE_TAKEN)),
    "decide": (work._DECIDE, (ids[0], "ready", "not-sent", "cb-01", "asked", 0)),
    "step forward": (work._STEP_FORWARD, (["toys"] * BATCH, dossiers)),
    "free": (freed._FREE, (["toys"], *freed.START, BATCH)),
    "free, in the middle": (freed._FREE, (["a", "toys", "z"], "toys", UUID(int=1 << 127), BATCH)),
    "free, of many lanes": (freed._FREE, ([f"lane-{n}" for n in range(500)], *freed.START, BATCH)),
}


@pytest.mark.parametrize("what", STATEMENTS)
async def test_a_batch_looks_at_its_own_rows_alone(toy: ToyService, what: str) -> None:
    statement, values = STATEMENTS[what]
    async with toy.pool.acquire() as connection, connection.transaction():
        await connection.execute(OTHERS, OPEN)
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    touched = sum(_touched(node) for node in _nodes(json.loads(told)[0]["Plan"]))
    assert touched < OPEN, f"{touched} rows for a batch of {BATCH}"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _touched(node: dict[str, Any]) -> float:
    """Rows that a step of the plan gave out or threw away, over all its repeats."""
    thrown = sum(rows for name, rows in node.items() if name.startswith("Rows Removed"))
    return float((node["Actual Rows"] + thrown) * node["Actual Loops"])


async def test_what_is_due_is_counted_by_the_index_alone(toy: ToyService) -> None:
    """A look at each row costs ten times as much, and a party that was away for a day leaves hundreds of thousands."""
    await toy.pool.execute(OTHERS, OPEN)
    await toy.pool.execute("VACUUM work")
    told = await toy.pool.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {backlog._BACKLOG}")
    plan = json.loads(told)[0]["Plan"]
    assert [node["Index Name"] for node in _nodes(plan) if node["Node Type"] == "Index Only Scan"] == [
        "work_due",
        "work_behind",
    ]
    assert sum(node.get("Heap Fetches", 0) for node in _nodes(plan)) == 0
    assert await backlog.by_lane(toy.pool) == {"toys": backlog.Backlog(2 * OPEN, 2 * OPEN, OPEN)}


async def test_whatever_stands_behind_nothing_is_freed_in_turn(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freed, "AT_ONCE", 3)
    rows = [(lane, uuid4()) for lane in ("toys", "others", "toys") for _ in range(3)]
    await add(toy, *(row for row in rows for _ in range(4)))
    await toy.pool.execute("UPDATE work SET state = 'behind'")
    place, places = freed.START, []
    while (place := await freed.free(toy.pool, ["toys"], place)) != freed.START:
        places.append(place)
    assert places == sorted(places)
    firsts = await toy.pool.fetch("SELECT min(seq) AS seq FROM work WHERE lane = 'toys' GROUP BY dossier_id")
    ready = await toy.pool.fetch("SELECT seq FROM work WHERE state = 'ready'")
    assert {row["seq"] for row in ready} == {row["seq"] for row in firsts}


async def test_of_two_rows_that_wait_for_a_person_the_newer_is_meant(toy: ToyService) -> None:
    dossier = uuid4()
    _, newer = await add(toy, ("toys", dossier), ("toys", dossier))
    await toy.pool.execute("UPDATE work SET state = 'refused'")
    found = await work.looked_after(toy.pool, dossier, "toy")
    assert found is not None
    assert found.id == newer
