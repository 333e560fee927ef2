"""Làn: one queue, limit and breaker for each outside party, so that one that is slow or broken harms nobody else.

A lane is owned by one process (lease). The owner selects due rows, calls, and writes outcomes in batches, fenced by
its lease. The outcomes of one attempt: `hub_messaging.outcomes`.

The breaker counts failures that different dossiers share; while it is open only probes go out and no row's own
count grows. A row that fails eight times while others pass is set aside. Rows are never dropped: after 24 hours
they are tried hourly.

A lane is `repeat_safe` when the party honours the key. At one that is not, an attempt is marked before the call, and
one whose end is not certain is `unknown`: its row is never sent again by itself (`hub_messaging.unknown`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from hub_messaging import freed, retries, tracing, unknown, withdrawn, work
from hub_messaging.bells import Bells
from hub_messaging.breaker import Lane, most_held
from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE
from hub_messaging.errors import LostLease
from hub_messaging.health import Heart
from hub_messaging.jobs import Failed, Job, Result
from hub_messaging.leases import BEAT_SECONDS, Lease, Leases, lease_of
from hub_messaging.metrics import DELIVERIES, DELIVERY_SECONDS, EFFECT_DELAY, LANE_OPEN
from hub_messaging.outcomes import (
    BEGUN_BEFORE,
    NOT_BEGUN,
    NOT_RECORDED,
    OURS,
    SHARED,
    Blocked,
    Outcome,
    Refused,
    Sent,
    TryAgain,
    Unknown,
    without_a_key,
)
from hub_messaging.runner import Runner
from hub_messaging.taken_over import inherit
from hub_messaging.unit_of_work import UnitOfWork
from hub_messaging.work import DONE, LANES, REFUSED, Settled, WorkRow, bell_of

log = structlog.get_logger(__name__)

GATHER_SECONDS, POLL_SECONDS = 0.06, 0.5
FREE_EVERY_SECONDS = 10.0
DRAIN_SECONDS, LAST_WORDS_SECONDS = 8.0, 3.0

U = TypeVar("U", bound=UnitOfWork)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that has ended, under the lease it began with."""

    row: WorkRow
    lease: Lease
    outcome: Outcome


class LaneKeeper(Generic[U]):
    """Owns lanes, sends their due rows and writes the outcomes.

    `lanes` names the lanes and their concurrency (0: paused; what runs is brought to its end); `deliver` makes one
    attempt (no transaction is open meanwhile); `settle` makes the job that records a final outcome in the service's
    own terms; `repeat_safe` tells whether a lane's party honours the key.
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
        settle: unknown.Settle[U],
        attempt_seconds: float = 10.0,
        repeat_safe: Callable[[str], bool] = lambda _lane: True,
    ) -> None:
        self._runner = runner
        self._leases = leases
        self._bells = bells
        self._wanted = lanes
        self._deliver = tracing.delivered(deliver)
        self._settle = tracing.settled(settle)
        self._attempt_seconds = attempt_seconds
        self._repeat_safe = repeat_safe
        self._lanes: dict[str, Lane] = {}
        self._ended: asyncio.Queue[Attempt] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_survey = 0.0
        self._next_free = 0.0
        self._freed_up_to = freed.START
        self._looked_at = 0.0
        self._beat = heart.rhythm("lanes", limit_seconds=60)

    def open_lanes(self) -> dict[str, str]:
        """Lanes whose circuit is open, and why."""
        return {lane.name: lane.breaker.why for lane in self._lanes.values() if lane.breaker.why is not None}

    def owned_lanes(self) -> set[str]:
        """Lanes that this process owns now."""
        return {lane.name for lane in self._lanes.values() if lane.lease is not None}

    async def run(self) -> None:
        """Sends until cancelled, then lets running attempts end (for 8 s at most) and records them."""
        writer = asyncio.create_task(self._write_outcomes())
        rung: Collection[str] = ()
        try:
            while True:
                self._beat()
                if writer.done():
                    writer.result()
                try:
                    await self._round(rung)
                except UNAVAILABLE as trouble:
                    log.warning("lanes_interrupted", trouble=type(trouble).__name__)
                    self._next_survey = 0.0
                    await asyncio.sleep(1)
                rung = await self._bells.wait(LANES, self._pause())
        finally:
            await self._drain()
            writer.cancel()

    async def _drain(self) -> None:
        """What is cut off or not written in time is not lost: its row is sent again, under the same key."""
        for lane in self._lanes.values():
            lane.let_go()
        keeping = asyncio.create_task(self._keep_what_runs())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self._ended.join()
                keeping.cancel()
                await self._give_back_idle()
        except UNAVAILABLE as trouble:
            log.warning("lanes_not_drained", trouble=type(trouble).__name__)
        finally:
            keeping.cancel()

    async def _keep_what_runs(self) -> None:
        """Lanes in which nothing runs may be others' at once; the rest stay ours until it has ended and is written."""
        while True:
            try:
                await self._give_back_idle()
                await self._leases.hold(map(lease_of, self.owned_lanes()))
            except UNAVAILABLE as trouble:
                log.warning("lanes_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(BEAT_SECONDS)

    async def _give_back_idle(self) -> None:
        idle = [lane for lane in self._lanes.values() if lane.lease is not None and not lane.held]
        await self._leases.give_back([lease_of(lane.name) for lane in idle])
        for lane in idle:
            lane.lease = None

    def _pause(self) -> float:
        """Until the next survey, the next probe, or the end of a quiet time that a party asked for."""
        now = time.monotonic()
        moments = [lane.asks_again_at for lane in self._lanes.values() if lane.asks_again_at > now]
        return max(0.01, min([self._next_survey, *moments]) - now)

    async def _round(self, rung: Collection[str]) -> None:
        """Looks at the lanes that rang or may send again; twice a second, or when asked to, at all of them."""
        now, since = time.monotonic(), self._looked_at
        self._looked_at = now
        if now >= self._next_survey or LANES in rung:
            self._next_survey = now + POLL_SECONDS
            await self._survey()
            await self._send_due(self._lanes.values())
        else:
            lanes = self._lanes.values()
            await self._send_due(
                [lane for lane in lanes if bell_of(lane.name) in rung or since < lane.asks_again_at <= now]
            )

    async def _survey(self) -> None:
        """Takes and renews the leases of the lanes that are wanted; forgets those that are not."""
        wanted = dict(self._wanted())
        # A lane that is no longer wanted is kept until what runs in it has been written.
        wanted |= {lane.name: 0 for lane in self._lanes.values() if lane.held and lane.name not in wanted}
        if unwanted := self._lanes.keys() - wanted.keys():
            await self._leases.give_back(map(lease_of, unwanted))
            for name in unwanted:
                self._forget(name)
        held = await self._leases.hold([lease_of(name) for name in wanted])
        ours = {None, *(lane.lease for lane in self._lanes.values())}
        taken = [name for name in wanted if held.get(lease_of(name)) not in ours]
        unmarked = [most_held(wanted[name]) if self._repeat_safe(name) else 0 for name in taken]
        await inherit(self._runner.pool, self._leases, [held[lease_of(name)] for name in taken], unmarked)
        for name, concurrency in wanted.items():
            lease = held.get(lease_of(name))
            if lease is None and name in self._lanes and not self._lanes[name].held:
                self._forget(name)
            elif lease is not None or name in self._lanes:
                lane = self._lanes.setdefault(name, Lane(name, concurrency))
                if lease != lane.lease or concurrency < lane.concurrency:
                    lane.let_go()
                lane.lease, lane.concurrency = lease, concurrency
        owned = self.owned_lanes()
        self._bells.listen(LANES, [LANES, *map(bell_of, owned)])
        if owned and time.monotonic() >= self._next_free:
            self._next_free = time.monotonic() + FREE_EVERY_SECONDS
            self._freed_up_to = await freed.free(self._runner.pool, owned, self._freed_up_to)
            here = [work_id for lane in self._lanes.values() for work_id in lane.held]
            await withdrawn.trust(self._runner.pool, [lane.lease for lane in self._lanes.values() if lane.lease], here)

    def _forget(self, name: str) -> None:
        if self._lanes.pop(name).breaker.is_open:
            LANE_OPEN.remove(name)

    async def _send_due(self, lanes: Iterable[Lane]) -> None:
        now = time.monotonic()
        free = [lane for lane in lanes if lane.room(now) > 0]
        if not (room := [(lane.lease, lane.room(now)) for lane in free if lane.lease is not None]):
            return
        held = [work_id for lane in free for work_id in lane.held]
        for row in await work.due_heads(self._runner.pool, room, held):
            self._lanes[row.lane].hold(row)
        for lane in free:
            self._call(lane)

    def _call(self, lane: Lane) -> None:
        """Begins as many attempts as the lane may make at once."""
        while row := lane.next_call():
            assert lane.lease is not None
            task = asyncio.create_task(self._attempt(row, lane.lease))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, row: WorkRow, lease: Lease) -> None:
        started, repeat_safe = time.monotonic(), self._repeat_safe(row.lane)
        outcome = await self._hindered(row, lease, repeat_safe) or await self._answer(row)
        if not repeat_safe:
            outcome = without_a_key(outcome)
        DELIVERY_SECONDS.labels(row.kind).observe(time.monotonic() - started)
        DELIVERIES.labels(row.lane, type(outcome).__name__).inc()
        self._ended.put_nowait(Attempt(row, lease, outcome))
        lane = self._lanes[row.lane]
        lane.calls -= 1
        if not isinstance(outcome, Sent):  # whoever judges it comes first
            lane.let_go()
        self._call(lane)

    async def _hindered(self, row: WorkRow, lease: Lease, repeat_safe: bool) -> Outcome | None:
        """An outcome when the call must not begin. Where the key is not honoured, a mark says before that it does."""
        try:
            if not repeat_safe and not await unknown.mark_started(self._runner.pool, row.id, lease):
                return Unknown(BEGUN_BEFORE)
        except UNAVAILABLE:
            return TryAgain(NOT_BEGUN)
        except asyncio.CancelledError:  # our time is over
            return TryAgain(NOT_BEGUN)
        # Whoever was frozen meanwhile may own the lane no more: what waited here was sent, or withdrawn, by others.
        return None if self._leases.lasts(lease) else TryAgain(NOT_BEGUN)

    async def _answer(self, row: WorkRow) -> Outcome:
        try:
            async with asyncio.timeout(self._attempt_seconds):
                outcome: Outcome = await self._deliver(row)
                return outcome
        except TimeoutError:
            return TryAgain("timeout")
        except asyncio.CancelledError:  # our time is over: the party may have it
            return TryAgain(NOT_RECORDED)
        except Exception as bug:
            log.exception("delivery_met_a_bug", lane=row.lane, work_id=str(row.id), error=type(bug).__name__)
            return TryAgain("bug")

    async def _write_outcomes(self) -> None:
        """Writes outcomes in batches: all that have gathered in a moment, or while the last batch was written."""
        while True:
            batch = [await self._ended.get()]
            await asyncio.sleep(GATHER_SECONDS)
            while not self._ended.empty() and len(batch) < 500:
                batch.append(self._ended.get_nowait())
            batch = [self._judged(attempt) for attempt in batch]
            await self._record(batch)
            for attempt in batch:
                await self._released(attempt)
                self._ended.task_done()
            self._bells.ring({bell_of(attempt.row.lane) for attempt in batch})
            batch.clear()  # none is kept alive by waiting for the next

    def _judged(self, attempt: Attempt) -> Attempt:
        """Five equal refusals in a row mean that the lane is wrong, not the dossiers: then the rows wait."""
        outcome, lane = attempt.outcome, self._lanes[attempt.row.lane]
        refused = outcome.reason if isinstance(outcome, Refused) and not outcome.alone else None
        if lane.refusal_is_shared(refused):
            return Attempt(attempt.row, attempt.lease, Blocked(f"{refused}{SHARED}"))
        return attempt

    async def _record(self, batch: list[Attempt]) -> None:
        """Commits a batch of outcomes; the database's absence is waited out, a lost lease drops those of its lane."""
        pause = 0.2
        while True:
            ours = [attempt for attempt in batch if attempt.lease == self._lanes[attempt.row.lane].lease]
            if not ours:
                break
            jobs = [self._job(attempt.row, attempt.outcome) for attempt in ours]
            try:
                results = await self._runner.run(jobs, fence={attempt.lease.name: attempt.lease for attempt in ours})
            except LostLease as lost:
                for lane in self._lanes.values():
                    if lease_of(lane.name) in lost.names:
                        lane.lease = None
                        lane.let_go()
            except UNAVAILABLE as trouble:
                log.warning("outcomes_wait", trouble=type(trouble).__name__, rows=len(batch))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                self._tell(ours, results)
                break
        if dropped := len(batch) - len(ours):
            log.warning("outcomes_dropped", rows=dropped)

    def _tell(self, ours: list[Attempt], results: list[Result[None]]) -> None:
        for attempt, result in zip(ours, results, strict=True):
            if isinstance(result, Failed):
                bug = result.error
                log.error("outcome_not_recorded", work_id=str(attempt.row.id), error=type(bug).__name__, exc_info=bug)
            elif isinstance(attempt.outcome, Sent):
                EFFECT_DELAY.labels(attempt.row.kind).observe((real_now() - attempt.row.fact_at).total_seconds())

    async def _released(self, attempt: Attempt) -> None:
        """Takes the row out of the lane's memory and tells the breaker."""
        row, outcome, lane = attempt.row, attempt.outcome, self._lanes[attempt.row.lane]
        lane.held.pop(row.id, None)
        breaker, was_open = lane.breaker, lane.breaker.is_open
        match outcome:
            case TryAgain(reason) | Unknown(reason) if reason in OURS:
                pass
            case Sent() | Refused():
                if breaker.passed():
                    await self._hurry(row.lane)
            case TryAgain(reason, after_seconds):
                breaker.failed(row.dossier_id, reason)
                lane.not_before = max(lane.not_before, time.monotonic() + after_seconds)
            case Unknown(reason):
                breaker.failed(row.dossier_id, reason)
            case Blocked(reason):
                breaker.failed(row.dossier_id, reason, at_once=True)
        if breaker.is_open != was_open:
            LANE_OPEN.labels(row.lane).set(int(breaker.is_open))
            log.warning("lane_opened" if breaker.is_open else "lane_closed", lane=row.lane, why=breaker.why)

    async def _hurry(self, lane: str) -> None:
        try:
            await work.hurry(self._runner.pool, lane)
        except UNAVAILABLE as trouble:
            log.info("lane_not_hurried", lane=lane, trouble=type(trouble).__name__)

    def _job(self, row: WorkRow, outcome: Outcome) -> Job[U, None]:
        match outcome:
            case Sent() | Refused():
                return self._final(row, outcome)
            case Unknown(reason):
                settled = retries.unclear(row, reason)
            case TryAgain() | Blocked():
                settled = retries.again(row, outcome, self._lanes[row.lane].breaker)
        return Job(run=lambda uow: uow.work.settle(settled))

    def _final(self, row: WorkRow, outcome: Sent | Refused) -> Job[U, None]:
        """The service records it, or the row is sent again later (at once would be for ever), if it may be."""
        state, words = (DONE, "sent") if isinstance(outcome, Sent) else (REFUSED, outcome.reason)
        settled = Settled(row, state, words, row.attempts + 1, row.own_failures)
        if isinstance(outcome, Sent) and not self._repeat_safe(row.lane):
            not_recorded = retries.unclear(row, NOT_RECORDED)
        else:
            not_recorded = retries.own_failure(row, TryAgain(NOT_RECORDED))
        try:
            told = self._settle(row, outcome, row.attempts + 1)
        except Exception as bug:
            log.exception("outcome_not_recorded", work_id=str(row.id), error=type(bug).__name__)
            return Job(run=lambda uow: uow.work.settle(not_recorded))

        def run(uow: U) -> None:
            uow.work.settle(settled)
            told.run(uow)

        return Job(run=run, keys=told.keys, rescue=lambda uow, _error: uow.work.settle(not_recorded))
