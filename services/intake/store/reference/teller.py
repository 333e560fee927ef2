"""Người báo lại: tells what counts and was not told, beside the way.

Every publication is told in its own transaction. What is left is what comes with the service, and what was published
by a build that didn't tell. The process that sends the outbox looks: when it begins to, and after every publication.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog

from hub_events.event import ReferenceEvent
from hub_messaging.bells import Bells
from hub_messaging.clock import Clock
from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.errors import LostLease
from hub_messaging.jobs import Failed, Job
from hub_messaging.leases import Lease, Leases
from hub_messaging.outbox import RELAY
from hub_messaging.process import CALM_AFTER_SECONDS
from hub_messaging.runner import Runner
from hub_messaging.unit_of_work import UnitOfWork
from services.intake.store.reference.untold import Batch, Counters, PublishedMeanwhile, Untold, hold_editions

log = structlog.get_logger(__name__)

TELL_LATER: tuple[type[Exception], ...] = (*UNAVAILABLE, LostLease, PublishedMeanwhile)
LOOK_SECONDS = 2.0
REST = 1.0
"""After each batch it rests so many times as long as that took: dossiers' events go first."""


class Teller:
    """Runs in every process that could send the outbox; works in the one that does."""

    def __init__(self, pool: Pool, clock: Clock, bells: Bells, leases: Leases, untold: Untold) -> None:
        self._runner: Runner[UnitOfWork] = Runner(pool, clock, bells, partial(UnitOfWork, "intake"))
        self._leases = leases
        self._untold = untold
        self._seen: tuple[Lease | None, Counters] = None, {}

    async def run(self) -> None:
        await asyncio.sleep(CALM_AFTER_SECONDS)
        while True:
            try:
                await self._look()
            except TELL_LATER as trouble:
                log.warning("telling_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        """Tells what is untold, all of it when somebody else may have told before. Raises TELL_LATER."""
        held = await self._leases.hold([RELAY])
        if not held:
            return
        whose, seen = self._seen
        if whose != held[RELAY]:
            seen = {}
        counters = await self._untold.counters()
        if counters == seen:
            return
        told = 0
        async for batch in self._untold.since(seen):
            began = time.monotonic()
            told += await self._tell(batch, held, counters)
            await asyncio.sleep(REST * (time.monotonic() - began))
        self._seen = held[RELAY], counters
        if told:
            log.info("reference_told", events=told)

    async def _tell(self, batch: Batch, held: dict[str, Lease], counters: Counters) -> int:
        """One transaction; how many were told. What can't be told keeps no other one back."""
        jobs = [_telling(id, event) for id, event in batch.items()]
        results = await self._runner.run(jobs, fence=held, also=partial(hold_editions, counters))
        failed = [type(result.error).__name__ for result in results if isinstance(result, Failed)]
        if failed:
            log.error("reference_not_told", events=len(failed), errors=sorted(set(failed)))
        return len(results) - len(failed)


def _telling(id: UUID, event: Callable[[], ReferenceEvent]) -> Job[UnitOfWork, None]:
    return Job(run=lambda uow: uow.publish_reference(event(), id=id))
