"""A load of dossiers, and the proof that each was done once: nothing lost, nothing doubled.

Effects are counted where they arrive, in the ledger of the other side; facts in intake's timeline, which gathers them
from all topics; dossiers in intake's own table.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import asyncpg

from hub_local.proof import FACTS, TOLD, words_of
from tests.flows.hub import BIRTH, OFFICER, THREE_DAYS, Hub
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Handed:
    """One dossier that intake has answered for. `seconds`: how long the desk waited; `at`: when, epoch."""

    dossier_id: str
    dossier_code: str
    desk: str
    seconds: float
    at: float


@dataclass
class Load:
    """Dossiers accepted at the counter by desks that take turns; what intake does not answer is sent again."""

    hub: Hub
    count: int
    clerks: int = 8
    pause: float = 0.0
    """Seconds that each clerk rests after a dossier."""
    others: int = 0
    """Dossiers that somebody else submits meanwhile."""
    choices: Sequence[tuple[str, str]] = ()
    """Procedures and desks, in turns; two procedures at every desk unless given."""
    handed: list[Handed] = field(default_factory=list)

    async def start(self) -> None:
        """Notes where everything stands, and begins to submit."""
        self.effects_before = await number_of_effects(self.hub)
        self._dossiers_before = await count_dossiers(self.hub)
        desks = (await self.hub.door.get("intake", "/v1/desks"))["items"]
        self._turns = count()
        self._choices = self.choices or [(code, desk["code"]) for code in (THREE_DAYS, BIRTH) for desk in desks]
        self._submitting = asyncio.gather(*(self._clerk() for _ in range(self.clerks)))

    async def _clerk(self) -> None:
        while (turn := next(self._turns)) < self.count:
            procedure, desk = self._choices[turn % len(self._choices)]
            body = {**await self.hub.body(procedure, desk=desk), "acceptance": {"officer": OFFICER}}
            key, began = str(uuid4()), time.perf_counter()
            receipt = await self.hub.door.post("intake", "/v1/dossiers", json.dumps(body).encode(), key)
            self.handed.append(
                Handed(
                    receipt["dossier_id"],
                    receipt["dossier_code"],
                    desk,
                    time.perf_counter() - began,
                    time.time(),
                )
            )
            await asyncio.sleep(self.pause)

    async def reaches(self, number: int) -> None:
        """Waits until so many were answered."""

        async def look() -> int:
            if self._submitting.done():
                await self._submitting
            return len(self.handed)

        await until(look, lambda seen: seen >= number, f"{number} dossiers are answered", within=60, every=0.01)

    async def answered(self) -> list[Handed]:
        """All dossiers, once intake has answered for each."""
        async with asyncio.timeout(120):
            await self._submitting
        return self.handed

    async def done_once(self, within: float = 150.0, *, dead_letters_meant: bool = False) -> None:
        """Waits until every dossier is done, then fails for anything lost or doubled."""
        await self.answered()
        for process in self.hub.stack.statuses:
            await self.hub.stack.ready(process.name)
        wanted = {one.dossier_id for one in self.handed}

        async def effects() -> dict[str, Counter[str]]:
            return await effects_after(self.hub, self.effects_before)

        seen = await until(
            effects,
            lambda found: all(found.get(one, Counter()) >= Counter(TOLD) for one in wanted),
            f"{len(wanted)} dossiers are handed over and both messages sent",
            within=within,
            every=0.25,
        )
        await facts_are_told(self.hub, wanted, within)
        seen = await effects()
        assert {one: found for one, found in seen.items() if one in wanted and found != TOLD} == {}, "doubled"
        strange = {one: found for one, found in seen.items() if one not in wanted and found["handover lead"]}
        assert strange == {}, "handed over, though nobody was answered for it"
        assert len({one.dossier_code for one in self.handed}) == self.count, "codes are given once"
        assert await count_dossiers(self.hub) - self._dossiers_before == self.count + self.others, "dossiers registered"
        await nothing_is_left_over(self.hub, dead=dead_letters_meant)


async def facts_are_told(hub: Hub, wanted: set[str], within: float) -> None:
    """Every timeline is complete, each fact in it once."""
    missing = set(wanted)

    async def look() -> dict[str, Counter[str]]:
        timelines = await asyncio.gather(*(hub.steps(one) for one in sorted(missing)))
        words = dict(zip(sorted(missing), map(words_of, timelines), strict=True))
        for one, told in words.items():
            if told >= Counter(FACTS):
                assert {word: told[word] for word in FACTS} == FACTS, f"a fact of {one} is told twice: {told}"
                missing.discard(one)
        return {one: Counter(FACTS) - words[one] for one in missing}

    await until(look, lambda seen: not seen, "all timelines are complete; still missing", within=within, every=0.5)


async def effects_after(hub: Hub, number: int) -> dict[str, Counter[str]]:
    """By dossier, what reached the other side after effect `number`."""
    return await hub.witness.effects_after(number)


async def number_of_effects(hub: Hub) -> int:
    """How many effects the ledger holds."""
    return await hub.witness.number_of_effects()


async def nothing_is_left_over(hub: Hub, *, dead: bool = False) -> None:
    """No event unsent, no work to do or put aside, no dead letters unless they are meant."""
    await until(
        lambda: hub.witness.leftovers(dead=dead),
        lambda seen: not any(any(rest.values()) for rest in seen.values()),
        "nothing is left over",
    )
    assert hub.witness.deadlocks() == 0


async def count_dossiers(hub: Hub) -> int:
    """How many dossiers intake's register holds."""
    return await hub.witness.count_dossiers()


def database(hub: Hub, service: str) -> "AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]":
    """A connection to one service's database, as its role."""
    return hub.witness.database(service)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
