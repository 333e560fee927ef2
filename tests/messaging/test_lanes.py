"""Lanes: one party's trouble stays its own, order holds per dossier, and no outcome is lost or told twice."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging import lanes as lanes_module
from hub_messaging import retries, work
from hub_messaging.breaker import MOST_UNWRITTEN, Breaker, Lane
from hub_messaging.clock import real_now
from hub_messaging.jobs import Job
from hub_messaging.lanes import LaneKeeper
from hub_messaging.leases import Lease
from hub_messaging.outcomes import Blocked, Outcome, Refused, Sent, TryAgain, classify
from hub_messaging.work import NewWork, WorkRow
from tests.messaging.conftest import ToyService, going
from tests.messaging.toy import Toy, ToyUnitOfWork, settle, settled_state
from tests.stack import PostgresServer
from tests.waiting import until

pytestmark = pytest.mark.stack
Another = Callable[..., Awaitable[ToyService]]


class Party:
    """The outside: answers as told, and notes each call, when it began and ended."""

    def __init__(self, answer: Callable[[WorkRow], Outcome] | None = None, seconds: float = 0.0) -> None:
        self.answer = answer or (lambda _row: Sent())
        self.seconds: dict[str, float] = defaultdict(lambda: seconds)
        self.calls: list[WorkRow] = []
        self.running: dict[UUID, str] = {}
        self.most: dict[str, int] = defaultdict(int)

    async def deliver(self, row: WorkRow) -> Outcome:
        assert row.dossier_id not in {d for d, lane in self.running.items() if lane == row.lane}
        self.calls.append(row)
        self.running[row.dossier_id] = row.lane
        self.most[row.lane] = max(self.most[row.lane], list(self.running.values()).count(row.lane))
        try:
            await asyncio.sleep(self.seconds[row.lane])
            return self.answer(row)
        finally:
            del self.running[row.dossier_id]

    def sent(self, lane: str) -> list[WorkRow]:
        return [row for row in self.calls if row.lane == lane]


def keeper(
    toy: ToyService,
    party: Party,
    lanes: Iterable[tuple[str, int]] = (("toys", 4),),
    settling: Callable[..., Job[ToyUnitOfWork, None]] = settle,
    attempt_seconds: float = 10.0,
) -> LaneKeeper[ToyUnitOfWork]:
    return LaneKeeper(
        runner=toy.runner, leases=toy.leases, bells=toy.bells, heart=toy.heart, lanes=lambda: lanes,
        deliver=party.deliver, settle=settling, attempt_seconds=attempt_seconds,
    )  # fmt: skip


def running(toy: ToyService, party: Party, **more: Any) -> AbstractAsyncContextManager[list[asyncio.Task[None]]]:
    return going(keeper(toy, party, **more))


async def add(toy: ToyService, *rows: tuple[str, UUID], body: bytes = b"") -> list[UUID]:
    """Adds work rows (lane, dossier), in order."""
    ids = [uuid4() for _ in rows]

    def run(uow: ToyUnitOfWork) -> None:
        for work_id, (lane, dossier) in zip(ids, rows, strict=True):
            uow.work.add(NewWork(work_id, lane, dossier, "toy", real_now(), body))

    await toy.runner.run([Job(run=run, keys={"toys": {dossier for _, dossier in rows}})])
    return ids


def all_are(toy: ToyService, state: str, number: int) -> Callable[[], Awaitable[bool]]:
    async def are() -> bool:
        return bool(await toy.pool.fetchval("SELECT count(*) FROM work WHERE state = $1", state) == number)

    return are


def _called(party: Party, times: int) -> bool:
    return len(party.calls) == times


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries at once."""
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)


async def test_within_a_lane_a_dossiers_rows_go_one_after_the_other(toy: ToyService) -> None:
    party = Party(seconds=0.01)
    dossiers = [uuid4() for _ in range(6)]
    async with running(toy, party):
        ids = await add(toy, *(("toys", dossier) for _ in range(5) for dossier in dossiers))
        await until(all_are(toy, "done", 30))
    for dossier in dossiers:
        wanted = [work_id for n, work_id in enumerate(ids) if dossiers[n % 6] == dossier]
        assert [row.id for row in party.calls if row.dossier_id == dossier] == wanted
    assert party.most["toys"] == 4


async def test_new_work_is_sent_at_once(toy: ToyService) -> None:
    party = Party()
    async with running(toy, party):
        await add(toy, ("toys", uuid4()))
        await until(all_are(toy, "done", 1))
        delays = []
        for number in range(10):
            began = time.monotonic()
            await add(toy, ("toys", uuid4()))
            await until(partial(_called, party, number + 2))
            delays.append(time.monotonic() - began)
    assert sorted(delays)[5] < 0.1


async def test_a_dead_or_slow_lane_never_slows_the_others(toy: ToyService) -> None:
    party = Party(lambda row: TryAgain("http-500") if row.lane == "dead" else Sent())
    party.seconds["slow"] = 1.0
    async with running(toy, party, lanes=[("dead", 4), ("slow", 4), ("good", 4)]):
        await add(toy, *(("dead", uuid4()) for _ in range(50)), *(("slow", uuid4()) for _ in range(50)))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        for _ in range(10):
            await add(toy, *(("good", uuid4()) for _ in range(5)))
        await until(lambda: len(party.sent("good")) == 50)
        assert time.monotonic() - began < 3
        assert len(party.sent("slow")) < 20


async def test_the_breaker_opens_probes_closes_and_then_the_waiting_rows_are_hurried(toy: ToyService) -> None:
    party = Party(lambda _row: TryAgain("http-503"))
    lane_keeper = keeper(toy, party)
    async with going(lane_keeper):
        await add(toy, *(("toys", uuid4()) for _ in range(40)))
        await until(lambda: lane_keeper.open_lanes() == {"toys": "http-503"})
        await asyncio.sleep(0.1)
        calls = len(party.calls)
        assert calls < 15
        await asyncio.sleep(2)
        assert 1 <= len(party.calls) - calls <= 6  # one at a time, seldom
        party.answer = lambda _row: Sent()
        began = time.monotonic()
        await until(all_are(toy, "done", 40))
        assert time.monotonic() - began < 8
        assert lane_keeper.open_lanes() == {}
    assert await toy.pool.fetchval("SELECT max(own_failures) FROM work") <= 1


@pytest.mark.usefixtures("quick")
async def test_a_row_that_fails_while_others_pass_is_set_aside_and_its_followers_wait(toy: ToyService) -> None:
    bad = uuid4()
    party = Party(lambda row: TryAgain("http-500") if row.dossier_id == bad else Sent())
    async with running(toy, party):
        await add(toy, ("toys", bad), ("toys", bad))

        async def set_aside() -> bool:
            await add(toy, ("toys", uuid4()))
            await asyncio.sleep(0.05)
            return await all_are(toy, "set_aside", 1)()

        await until(set_aside, within=40)
        assert len([row for row in party.calls if row.dossier_id == bad]) >= 8
        assert (
            await toy.pool.fetchval("SELECT state FROM work WHERE dossier_id = $1 ORDER BY seq DESC", bad) == "behind"
        )
        party.answer = lambda _row: Sent()
        first = await toy.pool.fetchval("SELECT id FROM work WHERE state = 'set_aside'")
        assert await work.redo(toy.pool, first) == "toys"
        await until(all_are(toy, "behind", 0))
        await until(all_are(toy, "ready", 0))


async def test_refused_is_final_and_the_next_row_of_the_dossier_goes(toy: ToyService) -> None:
    dossier = uuid4()
    party = Party(lambda row: Refused("http-422") if row.body == b"no" else Sent())
    async with running(toy, party):
        await add(toy, ("toys", dossier), body=b"no")
        await add(toy, ("toys", dossier))
        await until(all_are(toy, "done", 1))
        await until(all_are(toy, "refused", 1))
    assert len(party.calls) == 2


async def test_a_refused_row_that_is_sent_again_waits_for_the_dossiers_open_one(toy: ToyService) -> None:
    dossier = uuid4()
    (first,) = await add(toy, ("toys", dossier))
    async with running(toy, Party(lambda _row: Refused("http-422"))):
        await until(all_are(toy, "refused", 1))
    await add(toy, ("toys", dossier))
    await work.redo(toy.pool, first)
    assert await toy.pool.fetchval("SELECT state FROM work WHERE id = $1", first) == "behind"
    async with running(toy, Party()):
        await until(all_are(toy, "done", 2))


@pytest.mark.parametrize("status", [302, 401, 403, 404, 405])
async def test_an_answer_that_no_row_can_pass_opens_the_lane_and_costs_no_row(toy: ToyService, status: int) -> None:
    party = Party(lambda _row: classify(status, None) or Sent())
    lane_keeper = keeper(toy, party, lanes=[("toys", 1)])
    async with going(lane_keeper):
        await add(toy, *(("toys", uuid4()) for _ in range(5)))
        await until(lambda: lane_keeper.open_lanes() == {"toys": f"http-{status}"})
        assert len(party.calls) == 1
        party.answer = lambda _row: Sent()
        await until(all_are(toy, "done", 5))


async def test_five_equal_refusals_in_a_row_mean_that_the_lane_is_wrong(toy: ToyService) -> None:
    party = Party(lambda _row: Refused("http-400"))
    lane_keeper = keeper(toy, party, lanes=[("toys", 1)])
    async with going(lane_keeper):
        await add(toy, *(("toys", uuid4()) for _ in range(20)))
        await until(lambda: "toys" in lane_keeper.open_lanes())
        await asyncio.sleep(1.2)
        assert await toy.pool.fetchval("SELECT count(*) FROM work WHERE state = 'refused'") == 4
        party.answer = lambda _row: Sent()
        await until(all_are(toy, "done", 16))


async def test_unequal_refusals_are_the_rows_own(toy: ToyService) -> None:
    numbers = iter(range(100))
    party = Party(lambda _row: Refused(f"http-4{next(numbers) % 3}"))
    lane_keeper = keeper(toy, party)
    async with going(lane_keeper):
        await add(toy, *(("toys", uuid4()) for _ in range(12)))
        await until(all_are(toy, "refused", 12))
        assert lane_keeper.open_lanes() == {}


async def test_retry_after_is_honoured_by_the_whole_lane(toy: ToyService) -> None:
    party = Party(lambda _row: classify(429, "1") or Sent())
    async with running(toy, party, lanes=[("toys", 1), ("other", 1)]):
        await add(toy, ("toys", uuid4()), ("toys", uuid4()))
        await until(lambda: len(party.calls) == 1)
        party.answer = lambda _row: Sent()
        await add(toy, ("other", uuid4()))
        await asyncio.sleep(0.6)
        assert len(party.sent("toys")) == 1
        assert len(party.sent("other")) == 1
        await until(all_are(toy, "done", 3), within=5)


def test_what_a_status_means() -> None:
    assert classify(200, None) is None
    assert classify(204, None) is None
    assert classify(404, None) == Blocked("http-404")
    assert classify(422, None) == Refused("http-422")
    for status in (301, 302, 308):
        assert classify(status, None) == Blocked(f"http-{status}")
    for status in (408, 425, 429, 500, 503):
        assert classify(status, None) == TryAgain(f"http-{status}")
    assert classify(503, "30") == TryAgain("http-503", 30.0)
    assert classify(503, "99999999999") == TryAgain("http-503", 3600.0)
    in_a_minute = classify(503, format_datetime(real_now() + timedelta(seconds=60), usegmt=True))
    assert isinstance(in_a_minute, TryAgain)
    assert 50 < in_a_minute.after_seconds <= 60
    assert classify(503, "Fri, 31 Dec 9999 23:59:59 GMT") == TryAgain("http-503", 3600.0)
    for past in ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 -0000"):
        assert classify(503, past) == TryAgain("http-503", 0.0)
    for unreadable in ("", "-5", "soon", "Wed, 99 Oct 99999 07:28:00 GMT", "1e9", "٣" * 400):
        outcome = classify(503, unreadable)
        assert isinstance(outcome, TryAgain)
        assert 0 <= outcome.after_seconds <= 3600


async def test_a_row_older_than_a_day_is_tried_hourly_and_never_dropped(toy: ToyService) -> None:
    party = Party(lambda _row: TryAgain("http-500"))
    await add(toy, ("toys", uuid4()))
    await toy.pool.execute("UPDATE work SET created_at = now() - interval '25 hours'")
    async with running(toy, party):
        await until(lambda: len(party.calls) == 1)

        async def waits_an_hour() -> bool:
            next_at = await toy.pool.fetchval("SELECT next_at FROM work WHERE state = 'ready'")
            return bool(next_at > real_now() + timedelta(minutes=55))

        await until(waits_an_hour)


@pytest.mark.parametrize("ahead", [-3600, 3600])
async def test_a_pause_is_as_long_as_it_is_whatever_the_process_takes_for_now(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """What is due is judged by the database's clock alone: another would try again at once, or an hour too late."""
    monkeypatch.setattr(retries, "real_now", lambda: real_now() + timedelta(seconds=ahead))
    async with running(toy, Party(lambda _row: TryAgain("http-500", after_seconds=60))):
        await add(toy, ("toys", uuid4()))
        await until(lambda: toy.pool.fetchval("SELECT outcome = 'http-500' FROM work"))
    assert 30 < await toy.pool.fetchval("SELECT extract(epoch FROM next_at - now()) FROM work") <= 60


async def test_a_party_that_hangs_is_given_up_after_the_attempts_time(toy: ToyService) -> None:
    party = Party(seconds=60)
    async with running(toy, party, attempt_seconds=0.2):
        await add(toy, ("toys", uuid4()))

        async def noted() -> bool:
            return bool(await toy.pool.fetchval("SELECT outcome FROM work") == "timeout")

        await until(noted)


async def test_a_bug_in_delivering_is_a_failure_of_the_row_and_not_of_the_process(toy: ToyService) -> None:
    def answer(row: WorkRow) -> Outcome:
        if row.body == b"bug":
            raise KeyError("0912345678")
        return Sent()

    async with running(toy, Party(answer)):
        await add(toy, ("toys", uuid4()), body=b"bug")
        await add(toy, ("toys", uuid4()))
        await until(all_are(toy, "done", 1))
        assert await toy.pool.fetchval("SELECT outcome FROM work WHERE state = 'ready'") == "bug"


async def test_an_outcome_that_the_service_cannot_record_is_not_lost_and_not_sent_in_a_hurry(toy: ToyService) -> None:
    broken = [uuid4(), uuid4()]

    def settling(row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[ToyUnitOfWork, None]:
        def run(_uow: ToyUnitOfWork) -> None:
            raise ZeroDivisionError

        if row.dossier_id == broken[0]:
            raise ZeroDivisionError
        return Job(run=run) if row.dossier_id == broken[1] else settle(row, outcome, attempts)

    party = Party()
    async with running(toy, party, settling=settling):
        await add(toy, *(("toys", dossier) for dossier in [*broken, uuid4()]))
        await until(all_are(toy, "done", 1))

        async def noted() -> bool:
            return bool(await toy.pool.fetchval("SELECT count(*) FROM work WHERE outcome = 'not-recorded'") == 2)

        await until(noted)
        await asyncio.sleep(0.3)
    assert len(party.calls) < 12


async def test_a_stop_lets_attempts_end_and_records_them(toy: ToyService) -> None:
    party = Party(seconds=0.4)
    async with running(toy, party):
        await add(toy, *(("toys", uuid4()) for _ in range(4)))
        await until(lambda: len(party.calls) == 4)
    assert await all_are(toy, "done", 4)()
    assert await toy.pool.fetchval("SELECT count(*) FROM lease WHERE until > now()") == 0


async def test_a_stop_does_not_wait_for_ever(toy: ToyService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "DRAIN_SECONDS", 0.3)
    party = Party(seconds=30)
    began = time.monotonic()
    async with running(toy, party, attempt_seconds=60):
        await add(toy, ("toys", uuid4()))
        await until(lambda: len(party.calls) == 1)
    assert time.monotonic() - began < 3
    assert await all_are(toy, "ready", 1)()


async def test_outcomes_wait_while_postgresql_is_away_and_none_is_sent_twice(
    toy: ToyService, postgres: PostgresServer
) -> None:
    party = Party(seconds=0.5)
    async with running(toy, party):
        await add(toy, *(("toys", uuid4()) for _ in range(4)))
        await until(lambda: len(party.calls) == 4)
        await postgres.stack.restart("postgres")
        await until(all_are(toy, "done", 4), within=30)
    assert len(party.calls) == 4


async def test_after_losing_the_lease_an_outcome_is_dropped_and_the_new_owner_sends_under_the_same_key(
    another: Another,
) -> None:
    first, second = await another(0), await another(1)
    slow, quick = Party(seconds=1.0), Party()
    async with running(first, slow, lanes=[("toys", 4), ("kept", 4)]):
        (lost,) = await add(first, ("toys", uuid4()))
        (kept,) = await add(first, ("kept", uuid4()))
        await until(lambda: len(slow.calls) == 2)
        await first.pool.execute("UPDATE lease SET until = now() - interval '1 s' WHERE name = 'lane:toys'")
        assert await second.leases.hold(["lane:toys"])
        async with running(second, quick, lanes=[("toys", 4)]):
            await until(all_are(first, "done", 2))
            await until(lambda: not slow.running)
            await asyncio.sleep(0.3)
    assert [row.id for row in quick.calls] == [lost]
    assert await first.pool.fetchval("SELECT attempts FROM work WHERE id = $1", kept) == 1
    assert {toy.sent for toy in (await settled_state(first.pool)).values()} == {"sent after 1"}


async def test_a_lease_that_is_lost_while_the_next_rows_are_looked_for_costs_no_process(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await another(0), await another(1)
    party, look, lost = Party(seconds=0.5), work.due_heads, asyncio.Event()
    lanes = keeper(first, party)

    async def look_while_the_lease_is_lost(*asked: Any) -> Any:
        rows = await look(*asked)
        if party.running and rows and not lost.is_set():  # the outcome of the first row tells of the loss
            await first.pool.execute("UPDATE lease SET until = now() - interval '1 s' WHERE name = 'lane:toys'")
            assert await second.leases.hold(["lane:toys"])
            await until(lambda: not lanes.owned_lanes())
            lost.set()
        return rows

    monkeypatch.setattr(work, "due_heads", look_while_the_lease_is_lost)
    async with going(lanes):
        await add(first, ("toys", uuid4()))
        await until(lambda: bool(party.running))
        await add(first, ("toys", uuid4()))
        await lost.wait()
        assert len(party.calls) == 1, "the second row is the other process's now"
        await second.leases.give_back(["lane:toys"])
        await until(all_are(first, "done", 2))


async def test_what_becomes_due_after_a_lease_has_run_out_is_not_begun_under_it(toy: ToyService) -> None:
    """Whoever follows doubts what was due by then; what is begun later under the old lease nobody would doubt."""
    held = list((await toy.leases.hold(["lane:toys"])).values())
    (before,) = await add(toy, ("toys", uuid4()))
    await toy.pool.execute("UPDATE lease SET until = clock_timestamp()")
    (after,) = await add(toy, ("toys", uuid4()))
    room = [(held[0], 8)]
    assert [row.id for row in await work.due_heads(toy.pool, room, [])] == [before]
    await toy.pool.execute("UPDATE lease SET until = now() + interval '3 s'")
    assert [row.id for row in await work.due_heads(toy.pool, room, [])] == [before, after]
    await toy.pool.execute("UPDATE lease SET epoch = epoch + 1")
    assert await work.due_heads(toy.pool, room, []) == []


async def test_a_lane_is_owned_by_one_process(another: Another) -> None:
    first, second = await another(0), await another(1)
    one, two = Party(seconds=0.01), Party(seconds=0.01)
    async with running(first, one), running(second, two):
        for _ in range(20):
            await add(first, ("toys", uuid4()))
        await until(all_are(first, "done", 20))
    ids = [row.id for row in one.calls + two.calls]
    assert len(ids) == len(set(ids)) == 20


async def test_a_paused_lane_sends_nothing_and_ends_what_it_began(toy: ToyService) -> None:
    party, concurrency = Party(seconds=0.2), [("toys", 4)]
    async with running(toy, party, lanes=concurrency):
        await add(toy, ("toys", uuid4()))
        await until(lambda: len(party.calls) == 1)
        concurrency[0] = ("toys", 0)
        await toy.pool.execute("SELECT 1")
        await asyncio.sleep(0.7)
        await add(toy, ("toys", uuid4()))
        await asyncio.sleep(0.7)
        assert len(party.calls) == 1
        assert await all_are(toy, "done", 1)()
        concurrency.clear()
        await asyncio.sleep(0.7)
        concurrency.append(("toys", 4))
        await until(all_are(toy, "done", 2))


async def test_a_row_that_stands_behind_nothing_is_freed(toy: ToyService) -> None:
    await add(toy, ("toys", uuid4()))
    await toy.pool.execute("UPDATE work SET state = 'behind'")
    async with running(toy, Party()):
        await until(all_are(toy, "done", 1))


async def test_500_lanes_cost_little_when_idle_and_a_ring_looks_at_one(toy: ToyService) -> None:
    party = Party()
    async with running(toy, party, lanes=[(f"lane-{n}", 4) for n in range(500)]):
        await add(toy, *((f"lane-{n}", uuid4()) for n in range(500)))
        await until(all_are(toy, "done", 500), within=30)
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(3)
        assert (time.process_time() - cpu) / (time.monotonic() - began) < 0.25


def test_a_breaker_opens_only_for_failures_that_dossiers_share() -> None:
    alone, shared = Breaker(), Breaker()
    dossier = uuid4()
    for _ in range(20):
        alone.failed(dossier, "http-500")
        shared.failed(uuid4(), "http-500")
    assert (alone.is_open, shared.is_open) == (False, True)
    assert len(shared.dossiers) <= 2
    assert shared.passed()
    assert not shared.is_open


def test_an_open_lane_has_room_for_one_probe_when_it_is_time() -> None:
    lane = Lane("a", 8, Lease("lane:a", 1))
    lane.breaker.failed(uuid4(), "http-401", at_once=True)
    assert lane.room(time.monotonic()) == 0
    assert lane.room(time.monotonic() + 10) == 1
    lane.held[uuid4()] = None  # type: ignore[assignment]
    assert lane.room(time.monotonic() + 10) == 0
    lane.lease = None
    lane.breaker.passed()
    assert lane.room(time.monotonic()) == 0


def row(number: int) -> WorkRow:
    return WorkRow(UUID(int=number), "a", UUID(int=number), "test", real_now(), real_now(), 0, 0, b"")


def test_a_lane_holds_twice_what_it_calls_at_once_and_lets_go_of_what_waits() -> None:
    lane = Lane("a", 2, Lease("lane:a", 1))
    assert lane.room(time.monotonic()) == 4
    for number in range(4):
        lane.hold(row(number))
    called = [lane.next_call() for _ in range(3)]
    assert [one and one.id.int for one in called] == [0, 1, None]
    assert lane.room(time.monotonic()) == 0
    lane.calls -= 1
    assert lane.room(time.monotonic()) == 1, "an ended call makes room at once, written or not"
    lane.let_go()
    assert lane.held.keys() == {UUID(int=0), UUID(int=1)}
    assert lane.next_call() is None


def test_outcomes_that_nobody_writes_stop_a_lane_at_last() -> None:
    lane = Lane("a", 2, Lease("lane:a", 1))
    for number in range(2 * 2 + MOST_UNWRITTEN):
        assert lane.room(time.monotonic()) > 0
        lane.hold(row(number))
        assert lane.next_call() is not None
        lane.calls -= 1
    assert lane.room(time.monotonic()) == 0


async def test_the_toy_is_told_of_each_final_outcome_once(toy: ToyService) -> None:
    told: list[UUID] = []

    def settling(row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[ToyUnitOfWork, None]:
        def run(uow: ToyUnitOfWork) -> None:
            told.append(row.id)
            uow.toys.put(row.dossier_id, Toy(row.dossier_id, sent="yes"))

        return Job(run=run, keys={"toys": (row.dossier_id,)})

    async with running(toy, Party(), settling=settling):
        ids = await add(toy, *(("toys", uuid4()) for _ in range(50)))
        await until(all_are(toy, "done", 50))
    assert sorted(told) == sorted(ids)
