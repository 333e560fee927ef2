"""Work rows: what a batch costs does not grow with what is open, however long an agency has been away."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from hub_messaging import work
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
        (ids, ["done"] * BATCH, ["sent"] * BATCH, [1] * BATCH, [0] * BATCH, [now] * BATCH, MAY_BE_TAKEN),
    ),
    "withdraw": (WITHDRAW, (["toys"] * BATCH, dossiers, MAY_BE_TAKEN)),
    "decide": (work._DECIDE, (ids[0], "ready", "not-sent", "cb-01", "asked", 0)),
    "step forward": (work._STEP_FORWARD, (["toys"] * BATCH, dossiers)),
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


async def test_of_two_rows_that_wait_for_a_person_the_newer_is_meant(toy: ToyService) -> None:
    dossier = uuid4()
    _, newer = await add(toy, ("toys", dossier), ("toys", dossier))
    await toy.pool.execute("UPDATE work SET state = 'refused'")
    found = await work.looked_after(toy.pool, dossier, "toy")
    assert found is not None
    assert found.id == newer
