"""Đo hiệu năng: `hub bench`: what a lifecycle costs, on real Kafka, PostgreSQL and sockets.

One lifecycle: accept, hand-over, callback, two messages, a timer set and cancelled; one `completed` callback counts
one. *Closed loop*: 64 clients, each sends the next dossier when the former is accepted; timed until the last
lifecycle has ended. *Open loop*: 50 dossiers a second on a fixed beat; the hand-over delay runs from the acceptance
commit to the agency's 2xx. CPU is that of the four services, Kafka and PostgreSQL; load and sandbox are told apart.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg

from hub_local import dossiers, postgres
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
from hub_local.measure import HUB, memory, usage
from hub_local.stack import Stack
from hub_messaging.clock import set_business_time

BUSINESS_TIME = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday 02/03/2026 08:00 in Vietnam."""
CLIENTS = 64
WARM_UP = 300
DRAIN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much load."""

    lifecycles: int = 6000
    rate: int = 50
    seconds: int = 20


async def bench(layout: Layout, plan: Plan) -> dict[str, Any]:
    """Runs both loads on a fresh stack of its own, returns the figures."""
    layout.folder.mkdir(parents=True, exist_ok=True)
    set_business_time(layout.clock_file, BUSINESS_TIME)
    async with Stack(layout) as stack, FrontDoor(layout, stack.keys, CLIENTS) as door:
        load = Load(layout, stack, door, await bodies(door, 2000))
        await load.run(WARM_UP, closed_loop(WARM_UP))
        closed = await load.run(plan.lifecycles, closed_loop(plan.lifecycles))
        opened = await load.run(plan.rate * plan.seconds, open_loop(plan.rate, plan.seconds))
        delays = await hand_over_delays(layout, stack, door, opened.dossiers)
        summary = await door.sandbox("/ledger/summary")
        total = WARM_UP + plan.lifecycles + plan.rate * plan.seconds
        return {
            "lifecycles_per_s": round(closed.count / closed.seconds, 1),
            "accepted_per_s": round(closed.count / closed.submit_seconds, 1),
            "cpu_s_per_1000": per_1000(closed, HUB),
            "cpu_s_per_1000_by_process": {name: per_1000(closed, [name]) for name in closed.cpu},
            "handover_p50_s": round(statistics.median(delays), 4),
            "handover_p99_s": round(percentile(delays, 99), 4),
            "cpu_s_per_1000_at_rate": per_1000(opened, HUB),
            "cpu_s_per_1000_at_rate_by_process": {name: per_1000(opened, [name]) for name in opened.cpu},
            "rate_per_s": plan.rate,
            "lost": total - completed(summary),
            "duplicates": summary["duplicates"],
            "memory_mb": memory(stack),
            "lifecycles": total,
            "cores": os.cpu_count(),
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One load: seconds from the first request to the end of the last lifecycle, CPU seconds by process."""

    count: int
    seconds: float
    submit_seconds: float
    cpu: dict[str, float]
    dossiers: list[str]


class Load:
    """Sends dossiers and waits until all has happened that must."""

    def __init__(self, layout: Layout, stack: Stack, door: FrontDoor, prepared: Sequence[bytes]) -> None:
        self._layout = layout
        self._stack = stack
        self.door = door
        self._bodies = prepared
        self._sent = 0

    async def run(self, count: int, pattern: "Pattern") -> Run:
        before = await self._ended()
        cpu_before, own_before = usage(self._stack), time.process_time()
        started = time.monotonic()
        sent = await pattern(self.submit)
        submitted = time.monotonic()
        await self._drained(before + count)
        ended = time.monotonic()
        cpu = usage(self._stack).since(cpu_before) | {"load": time.process_time() - own_before}
        return Run(count, ended - started, submitted - started, cpu, sent)

    async def submit(self) -> str:
        """Sends one dossier; its id."""
        body = self._bodies[self._sent % len(self._bodies)]
        self._sent += 1
        answer = await self.door.post("intake", "/v1/dossiers", body, str(uuid4()))
        return str(answer["dossier_id"])

    async def _drained(self, goal: int) -> None:
        async with asyncio.timeout(DRAIN_SECONDS):
            while await self._ended() < goal:
                await asyncio.sleep(0.25)

    async def _ended(self) -> int:
        """Lifecycles that have ended: callback taken, both messages sent, clock stopped."""
        summary = await self.door.sandbox("/ledger/summary")
        sms = summary["sms_by_duty"]
        stopped = await self._stopped_clocks()
        counts = (completed(summary), sms.get("accepted", 0), sms.get("completed", 0), stopped)
        return min(int(count) for count in counts)

    async def _stopped_clocks(self) -> int:
        url = postgres.database_url(self._layout, self._stack.keys.passwords, "sla")
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM clock WHERE state = 'stopped'"))
        finally:
            await connection.close()


def completed(summary: dict[str, Any]) -> int:
    return int(summary["callbacks"]["dossiers_completed"])


Pattern = Any


def closed_loop(count: int) -> Pattern:
    """64 clients; each sends when its former dossier is accepted."""

    async def pattern(submit: Any) -> list[str]:
        remaining = iter(range(count))
        sent: list[str] = []

        async def client() -> None:
            for _ in remaining:
                dossier = await submit()
                sent.append(dossier)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return sent

    return pattern


def open_loop(rate: int, seconds: int) -> Pattern:
    """`rate` a second on a fixed beat, however long the answers take."""

    async def pattern(submit: Any) -> list[str]:
        begin = time.monotonic()
        tasks = []
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(submit()))
        return list(await asyncio.gather(*tasks))

    return pattern


async def bodies(door: FrontDoor, count: int) -> list[bytes]:
    """Prepared requests: procedures whose agency is known and whose term is countable, from all desks."""
    procedures, desks = await door.catalogue(), await door.desks()
    usable = [
        offer
        for offer in dossiers.offers(procedures)
        if dossiers.is_countable(offer) and dossiers.agency_kind(offer) != dossiers.UNCOVERED
    ]
    return [
        json.dumps(dossiers.submission(number, offer, desk, officer="CB-001"), ensure_ascii=False).encode()
        for number, (offer, desk) in enumerate(dossiers.pairs(usable, desks, count))
    ]


async def hand_over_delays(layout: Layout, stack: Stack, door: FrontDoor, wanted: Sequence[str]) -> list[float]:
    """Seconds from the acceptance commit to the agency's 2xx, for each dossier of a run."""
    url = postgres.database_url(layout, stack.keys.passwords, "routing")
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT dossier_id::text, extract(epoch FROM fact_at)::float8 AS committed_at FROM work"
            " WHERE kind = 'dossier' AND dossier_id = ANY($1::uuid[])",
            list(wanted),
        )
    finally:
        await connection.close()
    committed = {row["dossier_id"]: row["committed_at"] for row in rows}
    effects = [effect for effect in await door.effects() if effect["kind"] == "handover"]
    return [
        effect["first_at"] - committed[effect["dossier_id"]] for effect in effects if effect["dossier_id"] in committed
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def per_1000(run: Run, names: Sequence[str]) -> float:
    return round(sum(run.cpu.get(name, 0.0) for name in names) / run.count * 1000, 2)
