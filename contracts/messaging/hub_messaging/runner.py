"""One transaction per batch: for records, requests, answers of agencies and timers alike.

fence → idempotency keys or inbox → aggregates (locked by key) → jobs, one at a time → writes → positions → commit
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import structlog

from hub_messaging import leases as lease_table
from hub_messaging import tracing
from hub_messaging.bells import Bells
from hub_messaging.clock import Clock
from hub_messaging.database import Connection, Pool
from hub_messaging.jobs import Done, Failed, Job, Repeat, Result
from hub_messaging.leases import Lease
from hub_messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

U = TypeVar("U", bound=UnitOfWork)
R = TypeVar("R")
T = TypeVar("T")
UNIQUE_RACES = 5
TRANSACTION_SECONDS = 30.0
"""Longer than any statement may take: what hangs all the same is given up as trouble of the database."""

_CLAIM = "INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"


Also = Callable[[Connection], Any]


class Runner(Generic[U]):
    """Runs batches of jobs against one database."""

    def __init__(self, pool: Pool, clock: Clock, bells: Bells, make: Callable[[Any], U]) -> None:
        self.pool = pool
        self._clock = clock
        self._bells = bells
        self._make = make

    async def run(
        self,
        jobs: Sequence[Job[U, R]],
        *,
        fence: Mapping[str, Lease] | None = None,
        also: Also | None = None,
        now: datetime | None = None,
    ) -> list[Result[R]]:
        """Runs `jobs` in one transaction and commits. `also` writes what belongs to the batch as a whole (positions).

        `now`: the business time that the jobs judge by, if it is not that of the transaction.
        A data error in the common writes makes each job run alone, so that only the guilty one fails. Raises what is
        in database.UNAVAILABLE, LostLease, StopReading: then nothing is committed.
        """

        def attempt(batch: Sequence[Job[U, Any]]) -> Awaitable[list[Result[Any]]]:
            return _on_what_is_there(lambda: self._transaction(batch, fence, also, now))

        try:
            return await attempt(jobs)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(jobs) == 1:
                if (record := _rescue(jobs[0], error)) is not None:
                    await attempt([record])
                return [Failed(error)]
            log.warning("batch_runs_one_by_one", error=type(error).__name__, jobs=len(jobs))
        results = [(await self.run([job], fence=fence, now=now))[0] for job in jobs]
        if also is not None:
            async with self.pool.acquire() as connection, connection.transaction():
                await also(connection)
        return results

    async def _transaction(
        self, jobs: Sequence[Job[U, R]], fence: Mapping[str, Lease] | None, also: Also | None, now: datetime | None
    ) -> list[Result[R]]:
        uow = self._make(now or self._clock.now())
        async with (
            asyncio.timeout(TRANSACTION_SECONDS),
            self.pool.acquire() as connection,
            connection.transaction(),
        ):
            if fence:
                await lease_table.check(connection, fence)
            fresh = await _claim(connection, jobs)
            await uow.load(connection, _keys(jobs))
            results = [_run(job, uow, fresh) for job in jobs]
            await uow.flush(connection)
            if also is not None:
                await also(connection)
        self._bells.ring(uow.bells())
        return results


async def _on_what_is_there(transaction: Callable[[], Awaitable[T]]) -> T:
    """Somebody may have created the same aggregate a moment earlier: then it is run again on what is there now."""
    for _ in range(UNIQUE_RACES - 1):
        with suppress(asyncpg.UniqueViolationError):
            return await transaction()
    return await transaction()


def _rescue(job: Job[U, Any], error: Exception) -> Job[U, None] | None:
    """The job's own writes are refused by the database: its rescue is all that is left."""
    rescue = job.rescue
    return None if rescue is None else Job(run=lambda uow: rescue(uow, error), inbox=job.inbox)


def _keys(jobs: Sequence[Job[Any, Any]]) -> dict[str, set[Any]]:
    keys: defaultdict[str, set[Any]] = defaultdict(set)
    for job in jobs:
        for shelf, wanted in job.keys.items():
            keys[shelf].update(wanted)
    return keys


async def _claim(connection: Connection, jobs: Sequence[Job[Any, Any]]) -> set[UUID]:
    """Which of the jobs' events are seen for the first time."""
    ids = sorted({job.inbox for job in jobs if job.inbox is not None})
    if not ids:
        return set()
    return {row["event_id"] for row in await connection.fetch(_CLAIM, ids)}


def _run(job: Job[U, R], uow: U, fresh: set[UUID]) -> Result[R]:
    if job.inbox is not None:
        if job.inbox not in fresh:
            return Repeat()
        fresh.discard(job.inbox)
    try:
        value = job.run(uow)
    except Exception as error:
        uow.discard()
        if job.rescue is not None:
            job.rescue(uow, error)
            uow.keep()
        return Failed(error)
    uow.keep()
    return Done(value)


class GroupRunner(Generic[U]):
    """Group commit: jobs that arrive while a transaction runs share the next one."""

    def __init__(self, runner: Runner[U], most: int = 64) -> None:
        self._runner = runner
        self._most = most
        self._waiting: list[tuple[Job[U, Any], asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, job: Job[U, R]) -> R:
        """The job's value once it is committed. Raises what the job raised, or the database's trouble."""
        future: asyncio.Future[Result[R]] = asyncio.get_running_loop().create_future()
        self._waiting.append((tracing.carried(job), future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        result = await future
        match result:
            case Done(value):
                return value
            case Failed(error):
                raise error
            case Repeat():
                raise AssertionError("requests carry no inbox key")

    async def _work(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = await self._runner.run([job for job, _ in group])
            except Exception as error:
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
