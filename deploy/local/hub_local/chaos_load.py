"""Hồ sơ trong lúc quấy phá: a steady stream of dossiers, each sent under its key until intake has answered for it.

Every second one goes another way than the plain one at the desk (`chaos_ways.py`).
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any
from uuid import uuid4

import aiohttp

from hub_local import dossiers
from hub_local.chaos_ways import OFFICER, PLAIN, ROUND, Papers, Walk, Way
from hub_local.dossiers import Offer
from hub_local.front_door import FrontDoor, Refused
from hub_local.proof import FACTS, Wanted

PROCEDURES = ("1.004194", "1.001193")
"""One of three working days, one of the same day: the second is late whenever the clock jumps over its evening."""
CLERKS = 40
"""So many send at once; while intake is away the others queue, so that their knocking hurts nothing."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One dossier that intake has answered for. `at`: epoch; `seconds`: how long the desk waited.

    `wanted` grows with what is done to it. `code` None: it was not accepted with its submission.
    """

    id: str
    code: str | None
    due_at: str | None
    at: float
    seconds: float
    way: str = PLAIN.name
    wanted: Wanted = field(default_factory=Wanted)


@dataclass
class Load:
    """The desks. `handed` grows with every answer; `refused` holds answers that nobody should get."""

    door: FrontDoor
    bodies: Sequence[bytes]
    handed: list[Handed] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    forgotten: list[Handed] = field(default_factory=list)
    """Answered for, and then lost with a database that was set back: the desks have entered them anew."""
    lost: set[str] = field(default_factory=set)
    """Ids of all dossiers that the register has lost so, answered for or not."""
    times_set_back: int = 0
    papers: Papers = field(default_factory=Papers)
    old: set[str] = field(default_factory=set)
    """Ids of dossiers entered from old books."""
    plain_only: bool = False
    _ways: Iterator[Way] = field(default_factory=lambda: cycle(ROUND))
    _walking: int = 0
    _numbers: "count[int]" = field(default_factory=count)
    _clerks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CLERKS))
    _under_way: "set[asyncio.Task[Handed | None]]" = field(default_factory=set)

    async def keep_coming(self, rate: float) -> None:
        """So many dossiers a second, whether or not the former were answered, until cancelled."""
        while True:
            self._begin()
            await asyncio.sleep(1 / rate)

    def enter_anew(self, lost: Set[str]) -> int:
        """What the register has lost is entered anew by the desks that hold a receipt for it; how many."""
        self.times_set_back += 1
        self.lost |= lost
        forgotten = [one for one in self.handed if one.id in lost]
        self.handed[:] = [one for one in self.handed if one.id not in lost]
        self.forgotten += forgotten
        for _ in forgotten:
            self._begin()
        return len(forgotten)

    def may_be_told_twice(self, ids: Set[str]) -> None:
        """Others know facts of these dossiers that the service which said them has lost: it says them anew.

        Under the same ids, yet of another time: a copy under another id can't be known again, and is one more step.
        """
        for one in self.handed:
            if one.id in ids:
                one.wanted.may += Counter(FACTS)

    def _begin(self) -> None:
        way = PLAIN if self.plain_only else next(self._ways)
        task = asyncio.create_task(self.submit(way))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Handed | None]") -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.refused.append(f"{type(error).__name__}: {error}")

    @asynccontextmanager
    async def only_plain(self, within: float) -> AsyncIterator[bool]:
        """Desks take dossiers in and do nothing else to them: what a restore costs is known of these.

        True when all that went another way have come to its end.
        """
        self.plain_only, ends = True, time.monotonic() + within
        try:
            while self._walking and time.monotonic() < ends:
                await asyncio.sleep(0.2)
            yield not self._walking
        finally:
            self.plain_only = False

    async def all_answered(self, within: float) -> None:
        """Waits for the answers that are still due. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while self._under_way:
                await asyncio.wait(self._under_way)  # they go on after a time-out: they were never answered for

    async def give_up(self) -> None:
        """Nobody waits for an answer any more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    @property
    def unanswered(self) -> int:
        """Dossiers that intake has not answered for."""
        return len(self._under_way)

    async def submit(self, way: Way = PLAIN) -> Handed | None:
        """One dossier, sent until there is an answer, and its way; None when the answer is a refusal."""
        body, key = self.bodies[next(self._numbers) % len(self.bodies)], str(uuid4())
        if not way.accepted:
            body = json.dumps(
                {name: value for name, value in json.loads(body).items() if name != "acceptance"}
            ).encode()
        began = time.monotonic()
        self._walking += way is not PLAIN
        try:
            async with self._clerks:
                receipt = await self._answer(body, key)
            one = self.take(receipt, time.monotonic() - began, way.name)
            await self._go(way, one, body)
        except Refused as problem:
            self.refused.append(f"{way.name}: {problem}")
            return None
        finally:
            self._walking -= way is not PLAIN
        return one

    def take(self, receipt: Any, seconds: float, way: str = PLAIN.name) -> Handed:
        """What was answered for from now on."""
        due_at = (receipt.get("promise") or {}).get("due_at")
        one = Handed(receipt["dossier_id"], receipt["dossier_code"], due_at, time.time(), seconds, way)
        self.handed.append(one)
        return one

    async def _go(self, way: Way, one: Handed, body: bytes) -> None:
        if way is not PLAIN:
            chance = random.Random(one.id)  # noqa: S311 - sizes, no secret
            await way.go(Walk(self.door, one.id, json.loads(body), one.wanted, self.papers, chance))

    async def _answer(self, body: bytes, key: str) -> Any:
        while True:
            try:
                return await self.door.post("intake", "/v1/dossiers", body, key)
            except (aiohttp.ClientError, TimeoutError):
                continue


async def bodies(door: FrontDoor, number: int) -> list[bytes]:
    """Submissions of invented people at all desks, accepted at the counter."""
    desks = await door.desks()
    procedures: list[dict[str, Any]] = [await door.get("intake", f"/v1/procedures/{code}") for code in PROCEDURES]
    offers = [Offer(procedure, "counter", None, "") for procedure in procedures]
    chosen = dossiers.pairs([offer for offer in offers for _ in desks], desks, number)
    return [
        json.dumps(dossiers.submission(turn, offer, desk, officer=OFFICER)).encode()
        for turn, (offer, desk) in enumerate(chosen)
    ]
