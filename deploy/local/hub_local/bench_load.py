"""Tải: dossiers sent through the front door, in a closed or an open loop, and what came of each.

*Closed loop*: 64 clients, each sends the next dossier when the former is accepted. *Open loop*: so many dossiers a
second on a fixed beat, however long the answers take. One lifecycle: accept, hand-over, callback, two messages, a
timer set and cancelled; one `completed` callback counts one.
"""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID, uuid4

from hub_local import dossiers
from hub_local.front_door import FrontDoor
from hub_local.measure import NOT_THE_HUB, usage, writes
from hub_local.proof import TOLD, Witness
from hub_local.stack import Stack

CLIENTS = 64
STALLED_SECONDS = 60.0
"""Nothing has moved for so long: what has not ended by then counts as lost."""
POLL_SECONDS = 0.25
COUNTS_ARE_IN_SECONDS = 1.2
"""PostgreSQL's sessions tell what they did at most a second late."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A dossier that intake has accepted; epoch seconds of the first request and of the answer."""

    dossier: str
    began: float
    answered: float


Submit = Callable[[], Coroutine[Any, Any, Sent]]
Pattern = Callable[[Submit], Awaitable[list[Sent]]]


@dataclass(frozen=True, slots=True)
class HandOver:
    """`delay`: seconds from the acceptance commit to the agency's 2xx, which came at `at` (epoch)."""

    dossier: str
    agency: str
    delay: float
    at: float


@dataclass(frozen=True, slots=True)
class Run:
    """One load: seconds from the first request to the end of the last lifecycle, what it used meanwhile."""

    sent: list[Sent]
    seconds: float
    submit_seconds: float
    cpu: dict[str, float]
    """CPU seconds by process; `load` is the load generator."""
    writes: dict[str, float]

    def figures(self) -> dict[str, Any]:
        """Speed, and what a lifecycle costs; CPU in seconds per 1,000."""
        count = len(self.sent)
        per_1000 = {name: round(seconds / count * 1000, 3) for name, seconds in self.cpu.items()}
        return {
            "lifecycles_per_s": round(count / self.seconds, 1),
            "accepted_per_s": round(count / self.submit_seconds, 1),
            "cpu_s_per_1000": round(sum(cpu for name, cpu in per_1000.items() if name not in NOT_THE_HUB), 2),
            "cpu_s_per_1000_by_process": per_1000,
            **{f"{name}_per_lifecycle": round(number / count, 2) for name, number in self.writes.items()},
        }


class Load:
    """Sends dossiers, waits until all has happened that must, and counts what did not."""

    def __init__(self, stack: Stack, door: FrontDoor, prepared: Sequence[bytes]) -> None:
        self.sent: list[Sent] = []
        self._stack = stack
        self._door = door
        self._bodies = prepared
        self._next = 0
        self._witness = Witness(stack.layout, stack.keys.passwords, door)
        self._first_id = UUID(int=int(time.time() * 1000) << 80)  # ids are in order of time: all of ours are above

    async def run(self, pattern: Pattern) -> Run:
        """Sends as `pattern` says and waits until every lifecycle has ended."""
        writes_before, cpu_before, own_before = await writes(self._stack), usage(self._stack), time.process_time()
        started = time.monotonic()
        sent = await self.send(pattern)
        submitted = time.monotonic()
        await self.drained()
        ended = time.monotonic()
        cpu = usage(self._stack).since(cpu_before) | {"load": time.process_time() - own_before}
        await asyncio.sleep(COUNTS_ARE_IN_SECONDS)
        written = {name: now - writes_before[name] for name, now in (await writes(self._stack)).items()}
        return Run(sent, ended - started, submitted - started, cpu, written)

    async def send(self, pattern: Pattern) -> list[Sent]:
        """Sends as `pattern` says; returns when all are accepted."""
        sent = await pattern(self._submit)
        self.sent += sent
        return sent

    async def drained(self) -> None:
        """Returns when all lifecycles have ended, or when nothing at all has moved for a minute.

        A long backlog ends late: its last messages wait behind the first ones of everybody else.
        """
        moved, last = time.monotonic(), tuple[int, ...]()
        while min(done := await self._done()) < len(self.sent) and time.monotonic() - moved < STALLED_SECONDS:
            if done != last:
                moved, last = time.monotonic(), done
            await asyncio.sleep(POLL_SECONDS)

    async def _done(self) -> tuple[int, ...]:
        """How often each thing has happened that ends a lifecycle: callback taken, messages sent, clock stopped."""
        summary = await self._door.sandbox("/ledger/summary")
        sms = summary["sms_by_duty"]
        told = summary["callbacks"]["dossiers_completed"], sms.get("accepted", 0), sms.get("completed", 0)
        return *told, await self._stopped_clocks() if min(told) >= len(self.sent) else min(told)

    async def verdict(self) -> dict[str, int]:
        """Of all that was sent so far: lost (something that must happen did not), done twice."""
        effects = await self._witness.effects_after(0)
        incomplete = sum(not Counter(TOLD) <= effects.get(sent.dossier, Counter()) for sent in self.sent)
        unfinished = len(self.sent) - min(await self._done())
        summary = await self._door.sandbox("/ledger/summary")
        duplicates = int(summary["duplicates"])
        return {"lost": max(incomplete, unfinished), "duplicates": duplicates, "lifecycles": len(self.sent)}

    async def hand_overs(self, sent: Sequence[Sent]) -> list[HandOver]:
        """The hand-overs of these dossiers, as the agencies saw them."""
        async with self._witness.database("routing") as connection:
            rows = await connection.fetch(
                "SELECT dossier_id::text, extract(epoch FROM fact_at)::float8 AS committed_at FROM work"
                " WHERE kind = 'dossier' AND dossier_id = ANY($1::uuid[])",
                [one.dossier for one in sent],
            )
        committed = {row["dossier_id"]: row["committed_at"] for row in rows}
        return [
            HandOver(dossier, effect["party"], effect["first_at"] - committed[dossier], effect["first_at"])
            for effect in await self._door.effects()
            if effect["kind"] == "handover" and (dossier := effect["dossier_id"]) in committed
        ]

    async def _submit(self) -> Sent:
        body, began = self._bodies[self._next % len(self._bodies)], time.time()
        self._next += 1
        answer = await self._door.post("intake", "/v1/dossiers", body, str(uuid4()))
        return Sent(str(answer["dossier_id"]), began, time.time())

    async def _stopped_clocks(self) -> int:
        async with self._witness.database("sla") as connection:
            question = "SELECT count(*) FROM clock WHERE dossier_id > $1 AND state = 'stopped'"
            return int(await connection.fetchval(question, self._first_id))


def closed_loop(count: int) -> Pattern:
    """64 clients; each sends when its former dossier is accepted."""

    async def pattern(submit: Submit) -> list[Sent]:
        remaining = iter(range(count))
        sent: list[Sent] = []

        async def client() -> None:
            for _ in remaining:
                one = await submit()
                sent.append(one)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return sent

    return pattern


def open_loop(rate: float, seconds: float) -> Pattern:
    """`rate` a second on a fixed beat, however long the answers take."""

    async def pattern(submit: Submit) -> list[Sent]:
        begin = time.monotonic()
        tasks: list[asyncio.Task[Sent]] = []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(submit()))
        return list(await asyncio.gather(*tasks))

    return pattern


async def bodies(door: FrontDoor) -> list[bytes]:
    """Prepared requests: every procedure whose agency is known and whose term is countable, from every desk."""
    procedures, desks = await door.catalogue(), await door.desks()
    usable = [
        offer
        for offer in dossiers.offers(procedures)
        if dossiers.is_countable(offer) and dossiers.agency_kind(offer) not in dossiers.UNCOVERED
    ]
    turns = product(range(len(desks)), enumerate(usable))
    chosen = [(offer, desks[(turn + place) % len(desks)]) for turn, (place, offer) in turns]
    return [
        json.dumps(dossiers.submission(number, offer, desk, officer="CB-001"), ensure_ascii=False).encode()
        for number, (offer, desk) in enumerate(chosen)
    ]


def delays(hand_overs: Sequence[HandOver], suffix: str = "") -> dict[str, float]:
    """Median and 99th percentile of the hand-over delay, in seconds."""
    found = [one.delay for one in hand_overs]
    return {f"handover_p50_s{suffix}": percentile(found, 50), f"handover_p99_s{suffix}": percentile(found, 99)}


def percentile(values: Sequence[float], percent: int) -> float:
    """In seconds, to a tenth of a millisecond. Raises ValueError when there are not two values."""
    if len(values) < 2:
        raise ValueError(f"a percentile of {len(values)} values says nothing: send more dossiers")
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 4)
