"""Hồ sơ trong lúc quấy phá: a steady stream of dossiers, each sent under its key until intake has answered for it."""

import asyncio
import json
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import aiohttp

from hub_local import dossiers
from hub_local.dossiers import Offer
from hub_local.front_door import FrontDoor, Refused

PROCEDURES = ("1.004194", "1.001193")
"""One of three working days, one of the same day: the second is late whenever the clock jumps over its evening."""
OFFICER = "CB-001"
CLERKS = 40
"""So many send at once; while intake is away the others queue, so that their knocking hurts nothing."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One dossier that intake has answered for. `at`: epoch; `seconds`: how long the desk waited."""

    id: str
    code: str
    due_at: str | None
    at: float
    seconds: float


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
        self.lost |= lost
        forgotten = [one for one in self.handed if one.id in lost]
        self.handed[:] = [one for one in self.handed if one.id not in lost]
        self.forgotten += forgotten
        for _ in forgotten:
            self._begin()
        return len(forgotten)

    def _begin(self) -> None:
        task = asyncio.create_task(self.submit())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def all_answered(self, within: float) -> None:
        """Waits for the answers that are still due. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while self._under_way:
                await asyncio.gather(*self._under_way)

    async def give_up(self) -> None:
        """Nobody waits for an answer any more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    @property
    def unanswered(self) -> int:
        """Dossiers that intake has not answered for."""
        return len(self._under_way)

    async def submit(self) -> Handed | None:
        """One dossier, sent until there is an answer; None when the answer is a refusal."""
        body, key = self.bodies[next(self._numbers) % len(self.bodies)], str(uuid4())
        began = time.monotonic()
        try:
            async with self._clerks:
                receipt = await self._answer(body, key)
        except Refused as problem:
            self.refused.append(str(problem))
            return None
        due_at, seconds = receipt["promise"]["due_at"], time.monotonic() - began
        one = Handed(receipt["dossier_id"], receipt["dossier_code"], due_at, time.time(), seconds)
        self.handed.append(one)
        return one

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
