"""Timers ring once, not early, however the clock moves; one that fails holds up nobody."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hub_messaging import leases as leases_module
from hub_messaging import timer_keeper as timer_keeper_module
from hub_messaging.clock import Clock, read_offset, real_now, set_business_time
from hub_messaging.jobs import Job
from hub_messaging.metrics import TIMER_OLDEST
from hub_messaging.timer_keeper import TimerKeeper
from hub_messaging.timers import Timer
from tests.messaging.conftest import ToyService, going
from tests.messaging.toy import Toy, ToyUnitOfWork, ring, settled_state
from tests.waiting import until

pytestmark = pytest.mark.stack
Another = Callable[..., Awaitable[ToyService]]


async def yes() -> bool:
    return True


def keeper(
    toy: ToyService,
    ringing: Callable[[Timer], Job[ToyUnitOfWork, None]] = ring,
    heard: Callable[[], Awaitable[bool]] = yes,
) -> TimerKeeper[ToyUnitOfWork]:
    return TimerKeeper(toy.runner, toy.leases, toy.bells, toy.clock, toy.heart, ringing, heard)


async def wind(toy: ToyService, *timers: tuple[UUID, str, timedelta]) -> None:
    def run(uow: ToyUnitOfWork) -> None:
        for dossier, kind, after in timers:
            uow.timers.set(dossier, kind, uow.now + after)

    await toy.runner.run([Job(run=run, keys={"toys": {dossier for dossier, _, _ in timers}})])


async def rung(toy: ToyService, dossier: UUID) -> int:
    found = (await settled_state(toy.pool)).get(dossier)
    return found.rang if found else 0


def rings(toy: ToyService, dossier: UUID, times: int) -> Callable[[], Awaitable[bool]]:
    async def did() -> bool:
        return await rung(toy, dossier) == times

    return did


NOW, LATER = timedelta(), timedelta(hours=1)


async def test_a_timer_rings_once_when_it_is_due_and_is_gone(toy: ToyService) -> None:
    due, not_due = uuid4(), uuid4()
    await wind(toy, (due, "toy", NOW), (not_due, "toy", LATER))
    async with going(keeper(toy)):
        await until(rings(toy, due, 1))
        await _a_while(toy)
    assert await rung(toy, due) == 1
    assert await rung(toy, not_due) == 0
    assert await toy.pool.fetchval("SELECT count(*) FROM timer") == 1


async def _a_while(toy: ToyService) -> None:
    """Long enough for two more rounds."""
    marker = uuid4()
    for _ in range(2):
        await wind(toy, (marker := uuid4(), "toy", NOW))
        await until(rings(toy, marker, 1))


async def test_a_timer_that_was_missed_while_nobody_was_there_rings_late(toy: ToyService) -> None:
    dossier = uuid4()
    await wind(toy, (dossier, "toy", -timedelta(days=3)))
    async with going(keeper(toy)):
        await until(rings(toy, dossier, 1))


async def test_a_timer_set_again_is_moved_and_a_cancelled_one_is_silent(toy: ToyService) -> None:
    moved, cancelled = uuid4(), uuid4()
    await wind(toy, (moved, "toy", NOW), (cancelled, "toy", NOW))
    await wind(toy, (moved, "toy", LATER))
    await toy.runner.run([Job(run=lambda uow: uow.timers.cancel(cancelled, "toy"))])
    async with going(keeper(toy)):
        await _a_while(toy)
    assert (await rung(toy, moved), await rung(toy, cancelled)) == (0, 0)


async def test_a_timer_moved_just_before_it_rings_is_not_lost(toy: ToyService) -> None:
    """Another transaction moves it between the look and the ringing: it rings now, and again at its new time."""
    dossier = uuid4()
    await wind(toy, (dossier, "toy", NOW))

    async def moved_meanwhile() -> bool:
        await wind(toy, (dossier, "toy", LATER))
        return True

    timers = keeper(toy, heard=moved_meanwhile)
    await timers._round()
    assert await rung(toy, dossier) == 1
    assert await toy.pool.fetchval("SELECT due_at FROM timer") > real_now() + timedelta(minutes=50)


async def test_a_timer_judges_by_the_moment_up_to_which_everything_was_heard(toy: ToyService) -> None:
    """Hearing takes time: what becomes due meanwhile may be denied by a fact that nobody has read yet."""
    heard_at: list[datetime] = []
    judged_at: list[datetime] = []

    async def heard() -> bool:
        heard_at.append(toy.clock.now())
        return True

    def judge(timer: Timer) -> Job[ToyUnitOfWork, None]:
        return Job(run=lambda uow: judged_at.append(uow.now), keys={"toys": (timer.dossier_id,)})

    await wind(toy, (uuid4(), "toy", NOW))
    await keeper(toy, judge, heard)._round()
    assert judged_at[0] <= heard_at[0]


async def test_a_handler_that_sets_its_timer_again_is_rung_again(toy: ToyService) -> None:
    dossier = uuid4()

    def again(timer: Timer) -> Job[ToyUnitOfWork, None]:
        def run(uow: ToyUnitOfWork) -> None:
            known = uow.toys.get(timer.dossier_id) or Toy(timer.dossier_id)
            uow.toys.put(timer.dossier_id, Toy(timer.dossier_id, rang=known.rang + 1))
            if known.rang < 2:
                uow.timers.set(timer.dossier_id, timer.kind, uow.now)

        return Job(run=run, keys={"toys": (timer.dossier_id,)})

    await wind(toy, (dossier, "toy", NOW))
    async with going(keeper(toy, again)):
        await until(rings(toy, dossier, 3))
        await _no_timer_left(toy)


async def _no_timer_left(toy: ToyService) -> None:
    async def none() -> bool:
        return bool(await toy.pool.fetchval("SELECT count(*) FROM timer") == 0)

    await until(none)


async def test_a_failing_handler_holds_up_nobody_and_is_asked_again_after_a_minute(toy: ToyService) -> None:
    good = [uuid4() for _ in range(20)]
    await wind(toy, *((uuid4(), "broken", -LATER) for _ in range(600)), *((dossier, "toy", NOW) for dossier in good))
    async with going(keeper(toy)):
        for dossier in good:
            await until(rings(toy, dossier, 1))
    again = await toy.pool.fetch("SELECT due_at FROM timer WHERE kind = 'broken'")
    assert len(again) == 600
    assert all(timedelta(seconds=20) < row["due_at"] - real_now() <= timedelta(seconds=61) for row in again)


async def test_two_processes_ring_each_timer_once(another: Another) -> None:
    first, second = await another(0), await another(1)
    dossiers = [uuid4() for _ in range(200)]
    async with going(keeper(first)), going(keeper(second)):
        for n in range(0, 200, 20):
            await wind(first, *((dossier, "toy", NOW) for dossier in dossiers[n : n + 20]))
        await _no_timer_left(first)
    assert [await rung(first, dossier) for dossier in dossiers] == [1] * 200


async def test_two_processes_that_must_ask_for_long_ring_all_the_same(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is renewed while one asks: else each would lose it to the other just before it rings."""
    monkeypatch.setattr(leases_module, "DURATION", timedelta(seconds=0.6))
    monkeypatch.setattr(leases_module, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(timer_keeper_module, "BEAT_SECONDS", 0.2)

    async def slowly_heard() -> bool:
        await asyncio.sleep(1.2)
        return True

    first, second = await another(0), await another(1)
    dossier = uuid4()
    await wind(first, (dossier, "toy", NOW))
    async with going(keeper(first, heard=slowly_heard)), going(keeper(second, heard=slowly_heard)):
        await until(rings(first, dossier, 1))


async def test_timers_that_stand_still_are_seen(toy: ToyService) -> None:
    timers = keeper(toy)
    await wind(toy, (uuid4(), "toy", timedelta(minutes=-2)), (uuid4(), "toy", LATER))
    await timers.measure()
    assert 120 <= TIMER_OLDEST._value.get() < 180
    await timers._round()
    await timers.measure()
    assert TIMER_OLDEST._value.get() == 0


async def test_nothing_rings_before_everything_said_up_to_then_was_read(toy: ToyService) -> None:
    dossier = uuid4()
    read: list[int] = []

    async def heard() -> bool:
        return bool(read)

    await wind(toy, (dossier, "toy", NOW))
    timers = keeper(toy, heard=heard)
    await timers._round()
    assert await rung(toy, dossier) == 0
    read.append(1)
    await timers._round()
    assert await rung(toy, dossier) == 1


async def test_the_business_clock_moved_on_rings_and_moved_back_does_not_ring_again(
    another: Another, tmp_path: Path
) -> None:
    file = tmp_path / "clock.json"
    toy = await another(clock=Clock(file))
    dossier = uuid4()
    await wind(toy, (dossier, "toy", timedelta(days=1)))
    async with going(keeper(toy)):
        set_business_time(file, real_now() + timedelta(days=2))
        await until(rings(toy, dossier, 1))
        set_business_time(file, real_now() - timedelta(days=2))
        await until(lambda: toy.clock.now() < real_now())
        await wind(toy, (dossier, "toy", timedelta(days=1)))
        await _a_while(toy)
        assert await rung(toy, dossier) == 1
        set_business_time(file, real_now())
        await until(rings(toy, dossier, 2))


def test_a_clock_file_that_cannot_be_understood_says_so(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    for text in ("", "{}", "[]", '{"offset_seconds": "soon"}', '{"offset_seconds": null}', '{"offset_seconds": 1e300}'):
        file.write_text(text)
        with pytest.raises(ValueError, match="clock"):
            read_offset(file)
    file.write_text(json.dumps({"offset_seconds": -60.5}))
    assert read_offset(file) == timedelta(seconds=-60.5)


def test_business_time_can_be_set_to_a_minute(tmp_path: Path) -> None:
    file, wanted = tmp_path / "clock.json", datetime(2026, 3, 2, 1, tzinfo=UTC)
    set_business_time(file, wanted)
    assert abs(Clock(file).now() - wanted) < timedelta(seconds=5)
    assert abs(Clock(tmp_path / "absent.json").now() - real_now()) < timedelta(seconds=5)
