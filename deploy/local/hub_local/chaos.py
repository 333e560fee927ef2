"""Quấy phá: `hub chaos`: everything is done to a hub under load that may happen to it; then it must be whole again.

A stack of its own with a steady stream of dossiers; disturbances by a plan that the seed makes; a last chapter in
which terms pass while the service that watches them is killed; and a proof from outside.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub_local.chaos_acts import disturb
from hub_local.chaos_alarms import Alarms, Silent
from hub_local.chaos_ground import READY_SECONDS, Ground, NotDone, Wrong, killed_and_back, must_come_back
from hub_local.chaos_load import Handed, Load, bodies
from hub_local.chaos_plan import PLACES, Disturbance, places_of, plan
from hub_local.chaos_proof import Flaw, Proof
from hub_local.chaos_register import Register, register_of
from hub_local.chaos_stack import Wires, wired_hub
from hub_local.chaos_ways import Way, withdrawn_before_it_was_sent
from hub_local.dossiers import MORNING
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
from hub_local.proof import FACT_TOLD_LATE, LATE, TOLD_LATE
from hub_local.stack import Stack
from hub_local.supervisor import Report
from hub_messaging.clock import set_business_time

DOSSIERS_A_SECOND = 4.0
WITHDRAWN_ONES = 6
LATE_ONES = 10
"""Dossiers of the last chapter, whose agencies let the terms pass."""
ANSWER_SECONDS = 180.0
SETTLE_SECONDS = 420.0
"""What waits longest for another attempt waits five minutes."""
LOOK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Observed:
    """A disturbance that is over. `began`: seconds from the start of the load; `accepted`: meanwhile.

    `done`: False: it could not be.
    """

    what: Disturbance
    began: float
    lasted: float
    words: str
    accepted: int
    done: bool = True


@dataclass
class Chaos:
    """One run on a stack that is up. `tell` gets a line for a person whenever something happens."""

    ground: Ground
    seconds: float
    tell: Callable[[str], None]
    load: Load
    proof: Proof
    register: Register
    observed: list[Observed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._places = {place: asyncio.Lock() for place in PLACES}
        self._wrong: list[Flaw] = []
        self._began = time.monotonic()
        self.began_at = time.time()

    @property
    def elapsed(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._began

    async def run(self) -> list[Flaw]:
        """Load and disturbances, the last chapter, the proof: what is wrong, nothing one hopes."""
        self._began, self.began_at = time.monotonic(), time.time()
        self.register.follow()
        coming = asyncio.create_task(self.load.keep_coming(DOSSIERS_A_SECOND))
        try:
            wrong = await self._disturbed()
            coming.cancel()
            return wrong or [*await self._proven(), *never_done(self.observed)]
        except Wrong as found:
            return [Flaw(str(found))]
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await self.load.give_up()
            await self.register.rest()

    async def _proven(self) -> list[Flaw]:
        """The last chapters, and what is wrong after them."""
        with suppress(TimeoutError):
            await self.load.all_answered(ANSWER_SECONDS)
        if gone := await self._calm():
            return gone
        await self._withdrawn_while_nobody_takes()
        self.tell(f"waiting until {len(self.load.handed)} dossiers are done")
        await self.proof.settled(self.load.handed, [], SETTLE_SECONDS)
        late = await self._terms_pass()
        late += await self.proof.missed(self.load.handed)
        await self.proof.settled(self.load.handed, late, SETTLE_SECONDS)
        self.tell("three days pass for what uploads left behind, and intake is killed")
        await self.register.make_old()
        await killed_and_back(self.ground, "intake")
        return [*await self.proof.of(self.load, late), *await self.register.flaws(self.load)]

    async def _withdrawn_while_nobody_takes(self) -> None:
        """Agencies take nothing; dossiers are routed, withdrawn and stopped; then agencies take everything again."""
        self.tell(f"{WITHDRAWN_ONES} dossiers are withdrawn while no agency takes anything")
        await self.ground.door.put_behaviour("*", {"down": "unavailable"})
        way = Way("withdrawn before it was sent", withdrawn_before_it_was_sent)
        await asyncio.gather(*(self.load.submit(way) for _ in range(WITHDRAWN_ONES)))
        await self.ground.door.put_behaviour("*", {})

    async def _disturbed(self) -> list[Flaw]:
        """All disturbances, each at its time; ends early when something is already wrong."""
        doing = asyncio.gather(*(self._one(what) for what in plan(self.ground.seed, self.seconds)))
        try:
            while not doing.done() or self.elapsed < self.seconds:
                await asyncio.sleep(0.2 if doing.done() else min(LOOK_SECONDS, max(0.2, self.seconds - self.elapsed)))
                if wrong := [*self._wrong, *await self.proof.early()]:
                    return wrong
            await doing
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        return self._wrong

    async def _one(self, what: Disturbance) -> None:
        await asyncio.sleep(max(0.0, what.at - self.elapsed))
        async with AsyncExitStack() as held:
            for place in places_of(what):
                await held.enter_async_context(self._places[place])
            if self._wrong:
                return
            began, accepted, done = self.elapsed, len(self.load.handed), True
            self.tell(f"{what.number:3} {what}")
            if what.alone:
                await self.proof.help_stuck_ones(self.load.handed)
            try:
                words = await disturb(self.ground, what)
            except NotDone as reason:
                words, done = f"could not be done: {reason}", False
            except (Wrong, Silent) as wrong:
                words = f"WRONG: {str(wrong).splitlines()[0]}"
                self._wrong.append(Flaw(f"{what}: {wrong}"))
            seen = Observed(what, began, self.elapsed - began, words, len(self.load.handed) - accepted, done)
            self.observed.append(seen)
            self.tell(f"{what.number:3} {what} → {words}; {seen.accepted} accepted meanwhile")

    async def _calm(self) -> list[Flaw]:
        """Every process runs, everybody is honest; those that do not come back."""
        self.tell("calm: disturbances are over")
        gone = []
        for status in self.ground.stack.statuses:
            try:
                with must_come_back(status.name):
                    if status.state == "stopped":
                        await self.ground.stack.start_one(status.name)
                    await self.ground.stack.ready(status.name, READY_SECONDS)
            except Wrong as wrong:
                gone.append(Flaw(str(wrong)))
        if not gone:
            for party in ("*", "sms"):
                await self.ground.door.put_behaviour(party, {})
        return gone

    async def _terms_pass(self) -> list[Handed]:
        """Agencies keep silent, the terms pass, sla is killed at that moment; then the agencies answer."""
        door, before = self.ground.door, len(self.load.handed)
        await door.put_behaviour("*", {"callback": "on_command"})
        await asyncio.gather(*(self.load.submit() for _ in range(LATE_ONES)))
        late = self.load.handed[before:]
        agencies = await self._agencies_of(late)
        last = max(datetime.fromisoformat(one.due_at) for one in late if one.due_at)
        self.tell(f"the terms of {len(late)} dossiers pass, and sla is killed")
        set_business_time(self.ground.layout.clock_file, last + timedelta(hours=1))
        self.ground.stack.kill("sla")
        for one in late:
            one.wanted.also(LATE, TOLD_LATE, FACT_TOLD_LATE)
        await self.proof.all_say(late, "sent late:1", SETTLE_SECONDS)
        for agency in agencies:
            await door.release(agency)
        await door.put_behaviour("*", {})
        return late

    async def _agencies_of(self, late: Sequence[Handed]) -> set[str]:
        await self.proof.all_say(late, "handed_over", SETTLE_SECONDS)
        await self.proof.all_say(late, "clock_started", SETTLE_SECONDS)
        shown = [await self.ground.door.get("intake", f"/v1/dossiers/{one.id}") for one in late]
        return {view["agency"]["code"] for view in shown if view["agency"]}


def never_done(observed: Sequence[Observed]) -> list[Flaw]:
    """Kinds of which the run proves nothing, though they were in the plan."""
    tried = Counter(one.what.kind for one in observed)
    done = {one.what.kind for one in observed if one.done}
    return [Flaw(f"{kind}: planned {n} x and never once done") for kind, n in tried.items() if kind not in done]


@asynccontextmanager
async def ready_for_chaos(
    layout: Layout, seed: int, seconds: float, tell: Callable[[str], None], report: Report
) -> AsyncIterator[Chaos]:
    """A stack on `layout`, begun on a Monday morning, and the run that is to take place on it."""
    layout.folder.mkdir(parents=True, exist_ok=True)
    set_business_time(layout.clock_file, MORNING)
    async with (
        Wires(layout) as wires,
        Stack(layout, wired_hub, report) as stack,
        FrontDoor(layout, stack.keys, connections=200) as door,
    ):
        load = Load(door, await bodies(door, 2000))
        proof = Proof(layout, stack, door)
        ground = Ground(layout, stack, door, wires, seed, load, Alarms(layout))
        yield Chaos(ground, seconds, tell, load, proof, await register_of(layout, stack, door))
