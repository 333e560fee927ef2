"""Dòng sổ: whatever is written about dossiers, in whatever order and batches, their lines say what new lines would."""

import dataclasses
import json
import random
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging.database import Pool, TableStore, Writes
from services.intake.domain.desk.life import Fee, Life
from services.intake.domain.progress import Progress
from services.intake.store.desk.lives import LIVES
from services.intake.store.tables import PROGRESSES
from tests.intake.conftest import MONDAY_MORNING
from tests.intake.generated import generate

LINES = "SELECT * FROM register_line ORDER BY dossier_id"
NEW_LINES = """
SELECT dossier.id AS dossier_id, received_at, judgement.due_at, ended.at AS completed_at, dossier.desk_code,
       procedure->>'code' AS procedure_code, channel, state, line_phase(progress, life) AS phase, agency_code,
       accepted_at, nullif(judgement.at, ended.at) AS judged_at
FROM dossier
    LEFT JOIN progress ON progress.dossier_id = dossier.id
    LEFT JOIN dossier_life AS life ON life.dossier_id = dossier.id
    CROSS JOIN LATERAL (VALUES (least(progress.completed_at, result_ready_at, stopped_at))) AS ended (at)
    CROSS JOIN LATERAL judged(promise, supplement, accepted_at, ended.at) AS judgement
ORDER BY dossier.id
"""
REGISTERED_LATE = """
INSERT INTO dossier
SELECT (jsonb_populate_record(dossier, jsonb_build_object('id', $1::uuid, 'code', 'X'))).* FROM dossier
WHERE accepted_at IS NOT NULL LIMIT 1
"""
DECIDED = "UPDATE dossier SET state = $2, promise = promise || $3, supplement = $4 WHERE id = ANY($1)"


async def written(pool: Pool, store: TableStore[Any], wanted: Mapping[UUID, Any], known: Collection[UUID]) -> None:
    """As a unit of work writes: all new and all changed ones in one statement."""
    new = [one for id, one in wanted.items() if id not in known]
    old = [one for id, one in wanted.items() if id in known]
    writes = Writes()
    if new:
        store.insert_many(writes, new)
    if old:
        store.update_many(writes, old)
    async with pool.acquire() as connection:
        await writes.send(connection)


async def rows(pool: Pool, statement: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch(statement)]


def reported(dice: random.Random, known: Progress) -> Progress:
    at = MONDAY_MORNING + timedelta(hours=dice.randrange(100))
    facts: list[dict[str, Any]] = [
        {"routed_at": at, "agency_code": f"G01.26.44.0{dice.randrange(3)}"},
        {"handed_over_at": at},
        {"acknowledged_at": at},
        {"supplement_asked_at": at},
        {"completed_at": at, "result": "approved"},
        {"clock_started_at": at},
        {"notice": "sent"},
    ]
    return known._replace(**{name: value for fact in dice.sample(facts, 2) for name, value in fact.items()})


def at_the_desk(dice: random.Random, id: UUID) -> Life:
    at = MONDAY_MORNING + timedelta(hours=dice.randrange(100))
    fee = Fee(1, "le-phi", 10_000, at, "cb-01")
    waived = dataclasses.replace(fee, number=2, waived_at=at, waived_by="cb-01")
    life = Life(
        id,
        "H26.15.01",
        withdrawal_requested_at=dice.choice([None, at]),
        result_ready_at=dice.choice([None, None, at]),
        fees=dice.choice([(), (waived,), (fee, waived)]),
    )
    if dice.random() < 0.3:
        life = life._replace(stopped_at=at, stopped_by="cb-01", stop_reason="khac")
    return life


def waited(dice: random.Random) -> dict[str, Any]:
    """Two requests after acceptance, of which the last may be open."""
    hours = sorted(dice.randrange(1, 100) for _ in range(4))
    asked, received, again, at_last = [(MONDAY_MORNING + timedelta(hours=hour)).isoformat() for hour in hours]
    first = {"number": 1, "requested_at": asked, "received_at": received, "previous_due_at": asked}
    return {
        "number": 2,
        "requested_at": again,
        "received_at": dice.choice([None, at_last]),
        "previous_due_at": dice.choice([None, received]),
        "earlier": [first],
    }


@pytest.mark.parametrize("seed", range(3))
async def test_lines_say_what_new_lines_would(pool: Pool, seed: int) -> None:
    dice = random.Random(seed)
    known_before = Progress(uuid4())._replace(agency_code="G01.26.44.01", completed_at=MONDAY_MORNING)
    await written(pool, PROGRESSES, {known_before.dossier_id: known_before}, ())
    async with pool.acquire() as connection:
        await generate(connection, 60, MONDAY_MORNING)
        await connection.execute(REGISTERED_LATE, known_before.dossier_id)
    ids = [row["id"] for row in await pool.fetch("SELECT id FROM dossier ORDER BY id")]
    known = {row["dossier_id"]: Progress(row["dossier_id"]) for row in await pool.fetch("SELECT * FROM progress")}
    lives: set[UUID] = set()
    phases: set[str] = set()
    stood_still = 0
    for number in range(50):
        some, what = sorted(dice.sample(ids, dice.randrange(1, 20))), dice.random()
        if what < 0.6:
            progress = {id: reported(dice, known.get(id, Progress(id))) for id in some}
            await written(pool, PROGRESSES, progress, known)
            known |= progress
        elif what < 0.85:
            await written(pool, LIVES, {id: at_the_desk(dice, id) for id in some}, lives)
            lives.update(some)
        else:
            due = json.dumps({"due_at": (MONDAY_MORNING + timedelta(hours=number)).isoformat()})
            state = dice.choice(["accepted", "stopped", "returned"])
            await pool.execute(DECIDED, some, state, due, json.dumps(waited(dice)))
        lines = await rows(pool, LINES)
        assert lines == await rows(pool, NEW_LINES)
        phases.update(line["phase"] for line in lines)
        stood_still += any(line["judged_at"] for line in lines)
    assert stood_still
    assert phases == {"desk", "agency", "withdrawal", "payment", "completed", "completed_payment"}


async def test_a_line_is_written_only_when_it_says_something_else(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await generate(connection, 5, MONDAY_MORNING)
    versions = "SELECT dossier_id, xmin::text AS version FROM register_line ORDER BY dossier_id"
    before = await rows(pool, versions)
    await pool.execute("UPDATE progress SET clock_started_at = routed_at, notice = 'sent', settled = true")
    assert await rows(pool, versions) == before
    await pool.execute("UPDATE progress SET completed_at = $1, result = 'approved'", MONDAY_MORNING)
    assert await rows(pool, versions) != before
