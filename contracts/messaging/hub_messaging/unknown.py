"""Kết quả chưa rõ: rows that a party may or may not have taken, where a second request would be a second effect.

A row comes here when the attempt at a lane that is not repeat-safe ended unclearly, or its process died between the
call and the record (the mark is committed before the call); and, from any lane, when it was withdrawn while its process
died (`hub_messaging.taken_over`). It leaves by a question to the party, by proof that came another way (a callback), or
by an operator's decision; never by being sent again blindly.

Rows that were refused or set aside wait for a person too, who may settle them by the same words.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import structlog

from hub_messaging.database import UNAVAILABLE, Pool, locked_in_order
from hub_messaging.health import Heart
from hub_messaging.jobs import Failed, Job
from hub_messaging.leases import Lease, Leases
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.runner import Runner
from hub_messaging.unit_of_work import UnitOfWork
from hub_messaging.work import DONE, FOR_A_PERSON, READY, AlreadySettled, Decided, WorkRow

log = structlog.get_logger(__name__)

ROLE = "unknown_outcomes"
EVERY_SECONDS = 2.0
AT_ONCE_OF_A_LANE = 10
"""Their bodies are in memory until all of them were asked about."""
BELIEVED_AFTER_SECONDS = 60.0
"""A party that does not know a request may have it still on its way: only from then on it was certainly not taken."""

_MARK = """
UPDATE work SET started_at = now()
WHERE id = $1 AND state = 'ready' AND started_at IS NULL AND EXISTS (
    SELECT FROM lease WHERE name = $2 AND epoch = $3
) RETURNING id
"""
_ROW = """
SELECT work.id, lane, dossier_id, kind, fact_at, created_at, attempts, own_failures, body,
       extract(epoch FROM now() - coalesce(started_at, created_at))::float8 AS age_seconds
FROM work JOIN work_body ON work_body.id = work.id WHERE
"""
_ONE = f"{_ROW} work.id = $1 AND {FOR_A_PERSON}"
_DUE = f"""
{_ROW} work.id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY lane ORDER BY next_at, seq) AS place FROM work
        WHERE state = 'unknown' AND next_at <= now() AND lane <> ALL($1)
    ) AS due WHERE place <= {AT_ONCE_OF_A_LANE}
) ORDER BY lane, next_at, seq
"""  # noqa: S608
_LATER = f"""
UPDATE work SET next_at = now() + least(greatest(now() - coalesce(started_at, created_at), '5 s'), '1 h')
{locked_in_order("work", "id", "id = ANY($1) AND state = 'unknown'")}
"""  # noqa: S608
"""Asked again when as much time again has passed as since the attempt: 5 s … 1 h."""


async def mark_started(pool: Pool, work_id: UUID, lease: Lease) -> bool:
    """Commits that the call begins. False: it was begun before, is settled, or the lane is somebody else's now."""
    return await pool.fetchval(_MARK, work_id, lease.name, lease.epoch) is not None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The party does not have it. `ended`: why it will not be sent either (a slug).

    None: it goes out again, unless it was withdrawn: then that is its end, and nobody is told.
    """

    ended: str | None = None


U = TypeVar("U", bound=UnitOfWork)
Settle = Callable[[WorkRow, Sent | Refused, int], Job[U, None]]
Ask = Callable[[WorkRow], Awaitable[Sent | NotSent | None]]
"""What became of a row, without sending anything: of the party's status query or the service's own books."""


class UnknownOutcomes(Generic[U]):
    """Settles rows that wait for a person, once each. `settle` records how one ended in the service's own terms."""

    def __init__(self, runner: Runner[U], settle: Settle[U]) -> None:
        self._runner = runner
        self._settle = settle

    async def due(self, besides: Collection[str] = ()) -> list[tuple[WorkRow, float]]:
        """Rows that somebody should be asked about now, and the seconds since the attempt began; lane by lane.

        Of each lane the oldest few; none of the lanes `besides`.
        """
        return [_read(row) for row in await self._runner.pool.fetch(_DUE, list(besides))]

    async def ask_later(self, ids: Sequence[UUID]) -> None:
        """What is still unknown of them is due again later."""
        await self._runner.pool.execute(_LATER, ids)

    async def decide(self, work_id: UUID, found: Sent | NotSent, by: str, why: str) -> bool:
        """The row is sent, goes out again, or is ended; False: it waits for nobody. Raises what is in UNAVAILABLE."""
        row = await self._runner.pool.fetchrow(_ONE, work_id)
        return row is not None and await self.settle(_read(row)[0], found, by, why)

    async def settle(self, row: WorkRow, found: Sent | NotSent, by: str, why: str) -> bool:
        """As `decide`, for a row at hand."""
        told: Job[U, None] = Job(run=lambda _uow: None)
        match found:
            case Sent():
                decided, told = Decided(row, DONE, "sent", by, why), self._settle(row, found, row.attempts)
            case NotSent(None):
                decided = Decided(row, READY, "not-sent", by, why)
            case NotSent(str(ended)):
                decided = Decided(row, DONE, ended, by, why)
                told = self._settle(row, Refused(ended, alone=True), row.attempts)

        def run(uow: U) -> None:
            uow.work.decide(decided)
            told.run(uow)

        try:
            (result,) = await self._runner.run([Job(run=run, keys=told.keys)])
        except AlreadySettled:
            return False
        if isinstance(result, Failed):
            raise result.error
        log.info("outcome_settled", lane=row.lane, work_id=str(row.id), state=decided.state, by=by)
        return True


class Questions(Generic[U]):
    """Asks about every unknown row again and again, in one process of the service at a time.

    Each party is asked one question after another, beside the others: a silent one holds up nobody else's answers, and
    takes one connection at most from the calls that share them.
    """

    def __init__(self, outcomes: UnknownOutcomes[U], leases: Leases, heart: Heart, ask: Ask) -> None:
        self._outcomes = outcomes
        self._leases = leases
        self._beat = heart.rhythm(ROLE, limit_seconds=60)
        self._ask = ask
        self._under_way: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            while True:
                self._beat()
                try:
                    if await self._leases.hold([ROLE]):
                        due = await self._outcomes.due(besides=self._under_way)
                        for lane, rows in groupby(due, key=lambda one: one[0].lane):
                            lanes.create_task(self._ask_party(lane, list(rows)))
                except UNAVAILABLE as trouble:
                    log.warning("questions_interrupted", trouble=type(trouble).__name__)
                await asyncio.sleep(EVERY_SECONDS)

    async def _ask_party(self, lane: str, rows: Sequence[tuple[WorkRow, float]]) -> None:
        self._under_way.add(lane)
        try:
            for row, age_seconds in rows:
                await self._find_out(row, age_seconds)
            await self._outcomes.ask_later([row.id for row, _ in rows])
        except UNAVAILABLE as trouble:
            log.warning("questions_interrupted", lane=lane, trouble=type(trouble).__name__)
        finally:
            self._under_way.discard(lane)

    async def _find_out(self, row: WorkRow, age_seconds: float) -> None:
        try:
            found = await self._ask(row)
            if isinstance(found, Sent) or (found is not None and age_seconds >= BELIEVED_AFTER_SECONDS):
                await self._outcomes.settle(row, found, ROLE, "found out")
        except UNAVAILABLE:
            raise
        except Exception as bug:
            log.exception("question_met_a_bug", lane=row.lane, work_id=str(row.id), error=type(bug).__name__)


def _read(row: asyncpg.Record) -> tuple[WorkRow, float]:
    columns: dict[str, Any] = dict(row)
    age_seconds: float = columns.pop("age_seconds")
    return WorkRow(**columns), age_seconds
