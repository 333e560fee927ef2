"""Người niêm phong: one process seals what has been recorded, beside the way of the dossiers.

A seal is one row, written in one statement under the lease of who writes it; its number is the key. So a kill leaves a
seal whole or not at all, and two that think themselves alone write no number twice.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import asyncpg
import structlog
from prometheus_client import Gauge

from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.errors import LostLease
from hub_messaging.leases import Lease, Leases, check
from services.intake.domain.systems.seals import SEALED_AT_ONCE
from services.intake.store.systems.seals import SealQueries, seal_steps

log = structlog.get_logger(__name__)

ROLE = "seals"
REST = 1.0
"""After a full seal it rests so many times as long as that took: a backlog leaves the database to others."""
UNSEALED = Gauge(
    "hub_timeline_unsealed_seconds",
    "For how long steps have waited to be sealed while no seal was made. Above 300: see HubTimelineNotSealed.",
)
SEAL_LATER: tuple[type[Exception], ...] = (*UNAVAILABLE, LostLease, asyncpg.UniqueViolationError)


class Sealer:
    """One process seals; every process that could measures how long nobody did."""

    def __init__(self, pool: Pool, leases: Leases, now: Callable[[], datetime], every_seconds: float) -> None:
        self._pool = pool
        self._leases = leases
        self._now = now
        self._every_seconds = every_seconds
        self._queries = SealQueries(pool)
        self._seen = 0, time.monotonic()

    async def run(self) -> None:
        while True:
            try:
                while await self._one():
                    pass
            except SEAL_LATER as trouble:
                log.warning("sealing_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(self._every_seconds)

    async def _one(self) -> bool:
        """Writes one seal if this process may. True: there is more to seal."""
        held = await self._leases.hold([ROLE])
        if not held:
            return False
        began = time.monotonic()
        full = await self.seal(held) >= SEALED_AT_ONCE
        if full:
            await asyncio.sleep(REST * (time.monotonic() - began))
        return full

    async def seal(self, held: dict[str, Lease]) -> int:
        """Seals up to SEALED_AT_ONCE steps; how many. Raises what is in SEAL_LATER."""
        async with self._pool.acquire() as connection, connection.transaction():
            await check(connection, held)
            return await seal_steps(connection, self._now())

    async def measure(self) -> None:
        """Sets the gauge: two looks at indexes."""
        newest = await self._queries.newest()
        number = 0 if newest is None else newest.number
        if number != self._seen[0] or not await self._queries.unsealed(most=1):
            self._seen = number, time.monotonic()
        UNSEALED.set(time.monotonic() - self._seen[1])
