"""Làn: one queue, limit and breaker for each outside party, so that one that is slow or broken harms nobody else.

A lane is owned by one process (lease). The owner selects due rows, calls, and writes outcomes in batches, fenced by
its lease. Outcomes of one attempt:

Sent        the party took it.
TryAgain    time-out, connection trouble, 5xx, 408, 425, 429: again later (full jitter, or the longer Retry-After).
Refused     the party will not take this one: final, to its owner's list.
Blocked     401, 403, 404, 405: nothing of this lane can work: the lane opens, the row waits.

The breaker counts failures that different dossiers share; while it is open only probes go out and no row's own
count grows. A row that fails eight times while others pass is set aside. Rows are never dropped: after 24 hours
they are tried hourly.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from hub_messaging import work
from hub_messaging.bells import Bells
from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE
from hub_messaging.errors import LostLease
from hub_messaging.health import Heart
from hub_messaging.jobs import Failed, Job
from hub_messaging.leases import Lease, Leases
from hub_messaging.metrics import DELIVERIES, DELIVERY_SECONDS, EFFECT_DELAY, LANE_OPEN
from hub_messaging.runner import Runner
from hub_messaging.unit_of_work import UnitOfWork
from hub_messaging.work import DONE, LANES, READY, REFUSED, SET_ASIDE, Settled, WorkRow

log = structlog.get_logger(__name__)
jitter = random.SystemRandom()

POLL_SECONDS = 0.5
OPEN_AFTER = 5
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 300.0
PROBE_FIRST_SECONDS, PROBE_LONGEST_SECONDS = 0.5, 5.0
RETRY_AFTER_LIMIT_SECONDS = 3600.0
HOURLY_AFTER = timedelta(hours=24)
SET_ASIDE_AFTER = 8
EQUAL_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """The party took it. `detail`: what it answered that the service needs (its own number)."""

    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    reason: str
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    reason: str


Outcome = Sent | TryAgain | Refused | Blocked


def classify(status: int, retry_after: str | None) -> Outcome | None:
    """What an HTTP status means for the row; None for 2xx (the caller reads the body)."""
    if 200 <= status < 300:
        return None
    if status in (401, 403, 404, 405):
        return Blocked(f"http-{status}")
    if status in (408, 425, 429) or status >= 500:
        return TryAgain(f"http-{status}", _seconds(retry_after))
    return Refused(f"http-{status}")


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds (the date form is not used by the parties we know); unreadable: 0."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return 0.0
    return min(float(retry_after), RETRY_AFTER_LIMIT_SECONDS)


@dataclass
class Breaker:
    """Opens when failures are shared by dossiers; lets one probe through at a time; closes on the first success."""

    failed_in_a_row: int = 0
    dossiers: set[UUID] = field(default_factory=set)
    openings: int = 0
    probe_at: float = 0.0
    why: str | None = None

    @property
    def is_open(self) -> bool:
        return self.why is not None

    def passed(self) -> bool:
        """A success; True when it closes the breaker."""
        was_open = self.is_open
        self.failed_in_a_row, self.openings, self.why = 0, 0, None
        self.dossiers.clear()
        return was_open

    def failed(self, dossier_id: UUID, why: str, *, at_once: bool = False) -> None:
        self.failed_in_a_row += 1
        self.dossiers.add(dossier_id)
        shared = self.failed_in_a_row >= OPEN_AFTER and len(self.dossiers) > 1
        if at_once or shared or self.is_open:
            self.openings += 1
            self.why = why
            wait = min(PROBE_FIRST_SECONDS * 2.0 ** min(self.openings - 1, 10), PROBE_LONGEST_SECONDS)
            self.probe_at = time.monotonic() + wait * jitter.uniform(0.5, 1.0)


@dataclass
class Lane:
    """One owned lane, in its owner's memory."""

    name: str
    concurrency: int
    breaker: Breaker = field(default_factory=Breaker)
    running: dict[UUID, WorkRow] = field(default_factory=dict)
    look_at: float = 0.0
    passes: int = 0
    refused_in_a_row: int = 0
    last_refusal: str = ""

    def room(self, now: float) -> int:
        if self.breaker.is_open and self.concurrency > 0:
            return 1 if now >= self.breaker.probe_at and not self.running else 0
        return self.concurrency - len(self.running)


U = TypeVar("U", bound=UnitOfWork)


class LaneKeeper(Generic[U]):
    """Owns lanes, sends their due rows and writes the outcomes.

    `lanes` names the lanes and their concurrency (0: paused; what runs is brought to its end); `deliver` makes one
    attempt (no transaction is open meanwhile); `settle` makes the job that records a final outcome in the service's
    own terms.
    """

    def __init__(
        self,
        *,
        runner: Runner[U],
        leases: Leases,
        bells: Bells,
        heart: Heart,
        lanes: Callable[[], Iterable[tuple[str, int]]],
        deliver: Callable[[WorkRow], Awaitable[Outcome]],
        settle: Callable[[WorkRow, Sent | Refused, int], Job[U, None]],
        attempt_seconds: float = 10.0,
    ) -> None:
        self._runner = runner
        self._leases = leases
        self._bells = bells
        self._wanted = lanes
        self._deliver = deliver
        self._settle = settle
        self._attempt_seconds = attempt_seconds
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, Lease] = {}
        self._outcomes: asyncio.Queue[tuple[WorkRow, Outcome]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._beat = heart.rhythm("lanes", limit_seconds=60)

    def open_lanes(self) -> dict[str, str]:
        """Lanes whose circuit is open, and why."""
        return {lane.name: lane.breaker.why for lane in self._lanes.values() if lane.breaker.why is not None}

    def owned_lanes(self) -> set[str]:
        """Lanes that this process owns now."""
        return set(self._lanes)

    async def run(self) -> None:
        """Sends until cancelled, then lets running attempts end (bounded by their time-out) and records them."""
        writer = asyncio.create_task(self._write_outcomes())
        try:
            while True:
                self._beat()
                if writer.done():
                    writer.result()
                try:
                    await self._round()
                except UNAVAILABLE as trouble:
                    log.warning("lanes_interrupted", trouble=type(trouble).__name__)
                    await asyncio.sleep(1)
                await self._bells.wait(LANES, self._pause())
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._attempt_seconds)
            await self._drained()
            writer.cancel()

    async def _drained(self) -> None:
        """Waits for outcomes still being written; without a database they are lost, and their rows sent again."""
        try:
            async with asyncio.timeout(5):
                await self._outcomes.join()
                await self._leases.give_back(self._held)
        except UNAVAILABLE as trouble:
            log.warning("lanes_not_drained", trouble=type(trouble).__name__)

    def _pause(self) -> float:
        """Until the next probe is due, at most the poll. A probe that found no row to send waits for the bell."""
        now = time.monotonic()
        waits = [lane.breaker.probe_at - now for lane in self._lanes.values() if lane.breaker.is_open]
        return min([POLL_SECONDS, *(max(0.01, wait) for wait in waits if wait > 0)])

    async def _round(self) -> None:
        wanted = dict(self._wanted())
        # A lane that is no longer wanted is kept until what runs in it has been written.
        wanted |= {lane.name: 0 for lane in self._lanes.values() if lane.running and lane.name not in wanted}
        for name in self._lanes.keys() - wanted.keys():
            del self._lanes[name]
        self._held = await self._leases.hold([f"lane:{name}" for name in wanted])
        for name, concurrency in wanted.items():
            if f"lane:{name}" in self._held:
                self._lanes.setdefault(name, Lane(name, concurrency)).concurrency = concurrency
            else:
                self._lanes.pop(name, None)
        now = time.monotonic()
        room = [(lane.name, lane.room(now)) for lane in self._lanes.values() if lane.room(now) > 0]
        if not room:
            return
        running = [work_id for lane in self._lanes.values() for work_id in lane.running]
        for row in await work.due_heads(self._runner.pool, room, running):
            lane = self._lanes[row.lane]
            lane.running[row.id] = row
            task = asyncio.create_task(self._attempt(row))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, row: WorkRow) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._attempt_seconds):
                outcome = await self._deliver(row)
        except TimeoutError:
            outcome = TryAgain("timeout")
        except Exception as bug:
            log.exception("delivery_met_a_bug", lane=row.lane, work_id=str(row.id), error=type(bug).__name__)
            outcome = TryAgain("bug")
        DELIVERY_SECONDS.labels(row.lane).observe(time.monotonic() - started)
        DELIVERIES.labels(row.lane, type(outcome).__name__).inc()
        self._outcomes.put_nowait((row, outcome))

    async def _write_outcomes(self) -> None:
        """Writes outcomes in batches: all that have gathered while the last batch was written."""
        while True:
            batch = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(batch) < 500:
                batch.append(self._outcomes.get_nowait())
            await self._record(batch)
            for _ in batch:
                self._outcomes.task_done()
            self._bells.ring([LANES])

    async def _record(self, batch: list[tuple[WorkRow, Outcome]]) -> None:
        """Commits a batch of outcomes; the database's absence is waited out, a lost lease drops them."""
        by_lane = [(row, outcome) for row, outcome in batch if f"lane:{row.lane}" in self._held]
        jobs = [self._job(row, outcome) for row, outcome in by_lane]
        fence = {f"lane:{row.lane}": self._held[f"lane:{row.lane}"] for row, _ in by_lane}
        pause = 0.2
        while jobs:
            try:
                results = await self._runner.run(jobs, fence=fence)
            except LostLease as lost:
                log.warning("outcomes_dropped", why=str(lost), rows=len(batch))
                break
            except UNAVAILABLE as trouble:
                log.warning("outcomes_wait", trouble=type(trouble).__name__, rows=len(batch))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            for (row, outcome), result in zip(by_lane, results, strict=True):
                if isinstance(result, Failed):
                    log.error("outcome_not_recorded", work_id=str(row.id), error=repr(result.error))
                elif isinstance(outcome, Sent):
                    EFFECT_DELAY.labels(row.lane).observe((real_now() - row.fact_at).total_seconds())
            break
        for row, outcome in batch:
            await self._released(row, outcome)

    async def _released(self, row: WorkRow, outcome: Outcome) -> None:
        """Takes the row out of the lane's memory and tells the breaker."""
        lane = self._lanes.get(row.lane)
        if lane is None:
            return
        lane.running.pop(row.id, None)
        breaker, was_open = lane.breaker, lane.breaker.is_open
        match outcome:
            case Sent() | Refused():
                lane.passes += 1
                if breaker.passed():
                    await self._hurry(row.lane)
            case TryAgain(reason):
                breaker.failed(row.dossier_id, reason)
            case Blocked(reason):
                breaker.failed(row.dossier_id, reason, at_once=True)
        self._count_refusals(lane, row, outcome)
        if breaker.is_open != was_open:
            LANE_OPEN.labels(row.lane).set(int(breaker.is_open))
            log.warning("lane_opened" if breaker.is_open else "lane_closed", lane=row.lane, why=breaker.why)

    def _count_refusals(self, lane: Lane, row: WorkRow, outcome: Outcome) -> None:
        """Five equal refusals in a row mean that the lane is wrong, not the dossiers."""
        if not isinstance(outcome, Refused):
            lane.refused_in_a_row, lane.last_refusal = 0, ""
            return
        lane.refused_in_a_row = lane.refused_in_a_row + 1 if outcome.reason == lane.last_refusal else 1
        lane.last_refusal = outcome.reason
        if lane.refused_in_a_row >= EQUAL_REFUSALS:
            lane.breaker.failed(row.dossier_id, f"{outcome.reason} five times in a row", at_once=True)

    async def _hurry(self, lane: str) -> None:
        try:
            await work.hurry(self._runner.pool, lane)
        except UNAVAILABLE as trouble:
            log.info("lane_not_hurried", lane=lane, trouble=type(trouble).__name__)

    def _job(self, row: WorkRow, outcome: Outcome) -> Job[U, None]:
        attempts = row.attempts + 1
        match outcome:
            case Sent() | Refused():
                return self._final(row, outcome, attempts)
            case TryAgain() | Blocked():
                settled = self._again(row, outcome, attempts)
        return Job(run=lambda uow: uow.work.settle(settled))

    def _final(self, row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[U, None]:
        told = self._settle(row, outcome, attempts)
        state, words = (DONE, "sent") if isinstance(outcome, Sent) else (REFUSED, outcome.reason)
        settled = Settled(row, state, words, attempts, row.own_failures)
        not_recorded = self._again(row, TryAgain("not-recorded"), attempts)

        def run(uow: U) -> None:
            uow.work.settle(settled)
            told.run(uow)

        # An outcome that the service can't record must not make the lane send the row again at once.
        return Job(run=run, keys=told.keys, rescue=lambda uow, _error: uow.work.settle(not_recorded))

    def _again(self, row: WorkRow, outcome: TryAgain | Blocked, attempts: int) -> Settled:
        lane = self._lanes.get(row.lane)
        shared = (
            lane is None or lane.breaker.is_open or lane.breaker.failed_in_a_row > 0 or isinstance(outcome, Blocked)
        )
        own = row.own_failures if shared else row.own_failures + 1
        if own >= SET_ASIDE_AFTER:
            return Settled(row, SET_ASIDE, outcome.reason, attempts, own)
        wait = jitter.uniform(0, min(FIRST_WAIT_SECONDS * 2.0 ** min(attempts, 12), LONGEST_WAIT_SECONDS))
        if isinstance(outcome, Blocked) or (lane is not None and lane.breaker.is_open):
            wait = 0.0  # the breaker says when; a row that waited longer would delay the recovery
        if isinstance(outcome, TryAgain):
            wait = max(wait, outcome.after_seconds)
        if real_now() - row.created_at > HOURLY_AFTER:
            wait = max(wait, 3600.0)
        return Settled(row, READY, outcome.reason, attempts, own, real_now() + timedelta(seconds=wait))
