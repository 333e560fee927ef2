"""Báo giờ: rings the due timers of one database; one process at a time does, by lease."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from hub_messaging.bells import Bells
from hub_messaging.clock import Clock
from hub_messaging.database import UNAVAILABLE
from hub_messaging.errors import LostLease
from hub_messaging.health import Heart
from hub_messaging.jobs import Failed, Job
from hub_messaging.leases import BEAT_SECONDS, Leases
from hub_messaging.metrics import TIMER_DELAY, TIMER_OLDEST
from hub_messaging.runner import Runner
from hub_messaging.timers import Timer
from hub_messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)
TIMERS = "timers"
POLL_SECONDS = 0.5
CHUNK = 500
INTERRUPTIONS: tuple[type[Exception], ...] = (LostLease, *UNAVAILABLE)
ASK_AGAIN_AFTER = timedelta(minutes=1)

_DUE = "SELECT dossier_id, kind, due_at FROM timer WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_OLDEST = "SELECT min(due_at) FROM timer"


U = TypeVar("U", bound=UnitOfWork)


class TimerKeeper(Generic[U]):
    """Rings the due timers of one database; one process at a time does, by lease."""

    def __init__(
        self,
        runner: Runner[U],
        leases: Leases,
        bells: Bells,
        clock: Clock,
        heart: Heart,
        ring: Callable[[Timer], Job[U, None]],
        heard: Callable[[], Awaitable[bool]],
    ) -> None:
        """`ring` makes the job that a due timer runs; the timer is gone then, unless the job sets it again.

        `heard` tells whether all facts up to now were read; timers wait for it, because what they say may be denied by
        a fact that waits to be read.
        """
        self._runner = runner
        self._leases = leases
        self._bells = bells
        self._clock = clock
        self._beat = heart.rhythm("timers", limit_seconds=60)
        self._ring = ring
        self._heard = heard

    async def run(self) -> None:
        while True:
            self._beat()
            try:
                busy = await self._round()
            except INTERRUPTIONS as trouble:
                log.warning("timers_interrupted", trouble=type(trouble).__name__)
                await asyncio.sleep(1)
                continue
            if not busy:
                await self._bells.wait(TIMERS, POLL_SECONDS)

    async def _round(self) -> bool:
        """Rings up to one chunk; True when there may be more.

        They judge by the moment before it was heard what Kafka holds: of what came later nothing is known.
        """
        lease = await self._leases.hold([TIMERS])
        if not lease:
            return False
        now = self._clock.now()
        rows = await self._runner.pool.fetch(_DUE, now, CHUNK)
        if not rows or not await self._heard_as_owner():
            return False
        timers = [Timer(row["dossier_id"], row["kind"], row["due_at"]) for row in rows]
        jobs = [self._job(timer) for timer in timers]
        results = await self._runner.run(jobs, fence=lease, now=now)
        for timer, result in zip(timers, results, strict=True):
            if isinstance(result, Failed):
                log.error(
                    "timer_failed",
                    dossier_id=str(timer.dossier_id),
                    kind=timer.kind,
                    error=type(result.error).__name__,
                    exc_info=result.error,
                )
            else:
                TIMER_DELAY.observe(max(0.0, (now - timer.due_at).total_seconds()))
        return len(rows) == CHUNK

    async def _heard_as_owner(self) -> bool:
        """To ask takes longer than a lease lasts: it is renewed meanwhile, or two processes take it in turns."""
        hearing = asyncio.ensure_future(self._heard())
        try:
            while not (await asyncio.wait([hearing], timeout=BEAT_SECONDS))[0]:
                await self._leases.hold([TIMERS])
            return hearing.result()
        finally:
            hearing.cancel()

    async def measure(self) -> None:
        """Sets how long the oldest due timer has waited, in business time: one that rings is measured by its delay."""
        now = self._clock.now()
        oldest: datetime | None = await self._runner.pool.fetchval(_OLDEST)
        TIMER_OLDEST.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)

    def _job(self, timer: Timer) -> Job[U, None]:
        rung = self._ring(timer)

        def run(uow: U) -> None:
            uow.timers.fire(timer)
            rung.run(uow)

        return Job(run=run, keys=rung.keys, rescue=_ask_again(timer))


def _ask_again(timer: Timer) -> Callable[[UnitOfWork, Exception], None]:
    """A handler that fails is asked again after a minute, so that it can't hold up the timers behind it."""

    def rescue(uow: UnitOfWork, _error: Exception) -> None:
        uow.timers.set(timer.dossier_id, timer.kind, uow.now + ASK_AGAIN_AFTER)

    return rescue
