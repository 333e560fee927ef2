"""Whose time is over begins no call: an owner that was frozen, or asked to stop. What it cuts off is no failure."""

import asyncio
import signal
import time
from collections import Counter
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from hub_messaging import lanes as lanes_module
from hub_messaging import leases as leases_module
from hub_messaging import unknown
from hub_messaging.lanes import LaneKeeper
from hub_messaging.leases import DURATION
from hub_messaging.outcomes import Sent
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.test_lanes import Another, Party, add, all_are
from tests.messaging.test_process import Start, start
from tests.messaging.toy import Mischief, ToyUnitOfWork, settle, submitted
from tests.waiting import until

pytestmark = pytest.mark.stack
__all__ = ["start"]


def keeper(toy: ToyService, party: Party, concurrency: int, repeat_safe: bool) -> LaneKeeper[ToyUnitOfWork]:
    return LaneKeeper(
        runner=toy.runner, leases=toy.leases, bells=toy.bells, heart=toy.heart, lanes=lambda: [("toys", concurrency)],
        deliver=party.deliver, settle=settle, repeat_safe=lambda _lane: repeat_safe,
    )  # fmt: skip


class Clocks:
    """The machine's, each so far ahead."""

    def __init__(self) -> None:
        self.ahead = {"monotonic": 0.0, "time": 0.0}

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead["monotonic"]

    def time(self) -> float:
        return time.time() + self.ahead["time"]


both = pytest.mark.parametrize("repeat_safe", [True, False])


async def test_whoever_wakes_up_after_its_leases_have_run_out_begins_nothing(
    start: Start, toy: ToyService, broker: Broker
) -> None:
    """What waited in its memory was sent, or withdrawn, by others meanwhile."""
    frozen = await start(DELIVER_SECONDS="3", EFFECTS="true")
    for _ in range(16):
        await broker.say(submitted(Mischief.WORK))

    def begun() -> int:
        return sum(line["event"] == "effect_made" for line in frozen.logged())

    await until(lambda: begun() == 8)
    await until(all_are(toy, "ready", 16))
    frozen.child.send_signal(signal.SIGSTOP)
    await start(slot=1)
    await until(all_are(toy, "done", 16))
    frozen.child.send_signal(signal.SIGCONT)
    await until(partial(frozen.said, "outcomes_dropped"))
    assert begun() == 8


@pytest.mark.parametrize("clock", ["monotonic", "time"])
async def test_a_lease_lasts_as_long_as_both_clocks_say(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    clocks = Clocks()
    monkeypatch.setattr(leases_module, "time", clocks)
    lease = (await toy.leases.hold(["lane:toys"]))["lane:toys"]
    assert toy.leases.lasts(lease)
    clocks.ahead[clock] = DURATION.total_seconds()
    assert not toy.leases.lasts(lease)
    assert await toy.leases.hold(["lane:toys"]) == {"lane:toys": lease}
    assert toy.leases.lasts(lease), "renewed"
    clocks.ahead["time"] = -3600
    assert toy.leases.lasts(lease), "a clock that is set back says nothing"
    await toy.leases.give_back(["lane:toys"])
    assert not toy.leases.lasts(lease)


async def test_a_call_that_could_not_begin_is_no_failure_of_the_party(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    party, mark, tries = Party(), unknown.mark_started, iter(range(100))
    lanes = keeper(toy, party, 8, repeat_safe=False)

    async def mark_at_last(*asked: Any) -> bool:
        if next(tries) < 16:
            raise ConnectionResetError
        assert lanes.open_lanes() == {}
        return await mark(*asked)

    monkeypatch.setattr(unknown, "mark_started", mark_at_last)
    await add(toy, *(("toys", uuid4()) for _ in range(8)))
    async with going(lanes):
        await until(all_are(toy, "done", 8))
    assert await toy.pool.fetchval("SELECT max(own_failures) FROM work") == 0


async def test_what_a_stop_cuts_off_before_its_call_is_certainly_not_taken(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "DRAIN_SECONDS", 0.1)
    party, mark, marked = Party(), unknown.mark_started, asyncio.Event()

    async def mark_without_answer(*asked: Any) -> bool:
        await mark(*asked)
        marked.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr(unknown, "mark_started", mark_without_answer)
    await add(toy, ("toys", uuid4()))
    async with going(keeper(toy, party, 8, repeat_safe=False)):
        await marked.wait()
    rows = await toy.pool.fetch("SELECT state, outcome, started_at FROM work")
    assert list(map(tuple, rows)) == [("ready", "not-begun", None)]
    assert not await toy.pool.fetchval("SELECT count(*) FROM lease WHERE until > now()")
    assert party.calls == []


@both
async def test_a_stop_keeps_its_lanes_until_what_runs_has_ended(another: Another, repeat_safe: bool) -> None:
    stopping, successor = await another(0), await another(1)
    party, other = Party(seconds=DURATION.total_seconds() + 2), Party()
    old = asyncio.create_task(keeper(stopping, party, 4, repeat_safe).run())
    await add(stopping, *(("toys", uuid4()) for _ in range(6)))
    await until(lambda: len(party.calls) == 4)
    async with going(keeper(successor, other, 4, repeat_safe)):
        old.cancel()
        await until(all_are(stopping, "done", 6), within=20)
    await asyncio.gather(old, return_exceptions=True)
    assert Counter(row.id for row in party.calls + other.calls).most_common(1)[0][1] == 1, "sent once each"


@both
async def test_what_a_stop_cuts_off_is_no_failure_of_the_party(
    toy: ToyService, monkeypatch: pytest.MonkeyPatch, repeat_safe: bool
) -> None:
    monkeypatch.setattr(lanes_module, "DRAIN_SECONDS", 0.1)
    party = Party(lambda _row: Sent(), seconds=60)
    lanes = keeper(toy, party, 8, repeat_safe)
    await add(toy, *(("toys", uuid4()) for _ in range(8)))
    async with going(lanes):
        await until(lambda: len(party.calls) == 8)
    assert lanes.open_lanes() == {}
    rows = await toy.pool.fetch("SELECT state, outcome, own_failures, next_at <= now() AS due FROM work")
    assert set(map(tuple, rows)) == {("ready" if repeat_safe else "unknown", "not-recorded", 0, True)}
