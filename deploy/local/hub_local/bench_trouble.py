"""Kịch bản sự cố: a backlog, a restart with open work, a kill of each process, a server that goes and comes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import asyncpg
import psutil

from hub_events.topics import INTAKE
from hub_local.bench_hub import Bench, Figures, Hub, reading, with_workers
from hub_local.bench_load import POLL_SECONDS, Sent, closed_loop, open_loop, percentile
from hub_local.layout import SERVICES, StackNotUsable
from hub_local.proof import Witness
from hub_local.topic_log import log_of

READERS = ("sla", "notify", "routing")
LOOK_SECONDS = 0.02
LATE_SECONDS = 1.0
"""What takes longer than this from the acceptance to the agency is not normal."""
CALM_SECONDS = 8
KILL_AFTER = 1 / 3
"""Share of the load after which the process is killed."""
PATIENCE_SECONDS = 600.0
"""Nothing here may take longer on any machine; sooner or later a wait must say what it waits for."""
FIRST_WORK = {"routing": "handover", "notify": "sms"}
"""By service, the effect at the other side by which its first work is seen."""
OPEN_ROWS = "SELECT count(*) FROM work WHERE state <> 'done'"


async def backlog(bench: Bench) -> Figures:
    """Tồn đọng: all was stopped while dossiers were accepted; each service's reading process then catches up alone.

    A reading process is what operations start more of when a service falls behind: it reads, and sends what it says.
    """
    async with bench.hub(with_workers(2)) as hub:
        for name in READERS:
            await hub.stack.stop_one(name)
            await hub.stack.stop_one(reading(name))
        bench.say(f"accepting {bench.sizes.backlog} dossiers that nobody reads")
        await hub.load.send(closed_loop(bench.sizes.backlog))
        await _until(partial(_count, hub, "intake", "SELECT count(*) FROM outbox_pending"), 0, "intake's outbox")
        figures: Figures = {"events_per_s": {}}
        for name in READERS:
            bench.say(f"{name} catches up")
            figures["events_per_s"][name] = await _caught_up(hub, name)
        bench.say("draining")
        began = time.monotonic()
        await asyncio.gather(*(hub.stack.start_one(name) for name in READERS))
        await hub.load.drained()
        return {**figures, "drained_after_s": round(time.monotonic() - began, 1), **await hub.ending()}


async def restart(bench: Bench) -> Figures:
    """Khởi động lại: routing and notify come back to open hand-overs and messages that nobody took before."""
    async with bench.hub() as hub:
        for party in ("*", "sms"):
            await hub.door.put_behaviour(party, {"down": "unavailable"})
        bench.say(f"accepting until {bench.sizes.open_rows} rows stand open")
        half = bench.sizes.open_rows // 2
        await hub.load.send(closed_loop(half))  # each opens one hand-over and one message
        for name in FIRST_WORK:
            await _until(partial(_count, hub, name, OPEN_ROWS), half, f"the open rows of {name}")
            await hub.stack.stop_one(name)
        for party in ("*", "sms"):
            await hub.door.put_behaviour(party, {})
        bench.say("starting again")
        began, began_at = time.monotonic(), time.time()
        await asyncio.gather(*(hub.stack.start_one(name) for name in FIRST_WORK))
        await hub.load.drained()
        drained = time.monotonic() - began
        first = {name: await _first_work(hub, name, began_at) for name in FIRST_WORK}
        return {"first_work_s": first, "drained_after_s": round(drained, 2), **await hub.ending()}


async def kill(bench: Bench) -> Figures:
    """Giết tiến trình: 50 a second through a SIGKILL of each service's process in turn."""
    async with bench.hub() as hub:
        figures: Figures = {"handover_p99_s": {}, "accepted_p99_s": {}, "first_work_s": {}}
        for name in SERVICES:
            bench.say(f"{bench.sizes.kill_seconds} s of load, {name} killed after a third")
            for figure, value in (await _through_a_kill(bench, hub, name)).items():
                figures[figure][name] = value
        return {**figures, **await hub.ending()}


async def outage(bench: Bench) -> Figures:
    """Mất máy chủ: seconds from the return of Kafka, of PostgreSQL, until nothing is late any more."""
    async with bench.hub() as hub:
        normal: dict[str, float] = {}
        for server in ("kafka", "postgres"):
            bench.say(f"{server} is away for {bench.sizes.outage_seconds} s")
            normal[server] = await _through_an_outage(bench, hub, server)
        return {"normal_after_s": normal, **await hub.ending()}


async def _caught_up(hub: Hub, name: str) -> float:
    """Starts a reader; records a second from its first batch until it has read all that intake said."""
    end = sum(end for _, end in (await log_of(hub.layout.kafka_servers, INTAKE.name)).values())
    question = f"SELECT coalesce(sum(next_offset), 0)::bigint FROM position WHERE topic = '{INTAKE.name}'"  # noqa: S608
    seen = [(time.monotonic(), await _count(hub, name, question))]
    starting = asyncio.create_task(hub.stack.start_one(reading(name)))
    async with _database(hub, name) as connection:
        while seen[-1][1] < end:
            if time.monotonic() - seen[0][0] > PATIENCE_SECONDS:
                raise StackNotUsable(f"{name} has read {seen[-1][1]} of {end} records in {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(LOOK_SECONDS)
            seen.append((time.monotonic(), await connection.fetchval(question)))
    await starting
    return reading_speed(seen)


def reading_speed(seen: Sequence[tuple[float, int]]) -> float:
    """Records a second, by (seconds, records read) as looked at: from the last look before anything was read."""
    standing = max(look for look in seen if look[1] == seen[0][1])
    if seen[-1] == standing:
        raise StackNotUsable("there was nothing to catch up with")
    return round((seen[-1][1] - standing[1]) / (seen[-1][0] - standing[0]), 1)


async def _through_a_kill(bench: Bench, hub: Hub, name: str) -> dict[str, float]:
    """Delays over the whole load; seconds from the new process's start to its first work, where that can be seen."""
    length = bench.sizes.kill_seconds
    sending = asyncio.create_task(hub.load.run(open_loop(bench.sizes.rate, length)))
    await asyncio.sleep(length * KILL_AFTER)
    hub.stack.kill(name)
    run = await sending
    figures = {
        "handover_p99_s": percentile([one.delay for one in await hub.load.hand_overs(run.sent)], 99),
        "accepted_p99_s": percentile([one.answered - one.began for one in run.sent], 99),
    }
    started_at = psutil.Process(hub.stack.pid(name)).create_time()
    if name in FIRST_WORK:
        figures["first_work_s"] = await _first_work(hub, name, started_at)
    elif name == "intake":
        figures["first_work_s"] = round(min(_answered_after(run.sent, started_at)) - started_at, 2)
    return figures


def _answered_after(sent: Sequence[Sent], moment: float) -> list[float]:
    return [one.answered for one in sent if one.answered > moment]


async def _through_an_outage(bench: Bench, hub: Hub, server: str) -> float:
    """Seconds from the server's return to the last answer or hand-over that was late; 0 when nothing was."""
    away = bench.sizes.outage_seconds
    sending = asyncio.create_task(hub.load.run(open_loop(bench.sizes.rate, 2 * CALM_SECONDS + 2 * away)))
    await asyncio.sleep(CALM_SECONDS)
    await hub.stack.stop_one(server)
    await asyncio.sleep(away)
    await hub.stack.start_one(server)
    returned_at = time.time()
    sent: list[Sent] = (await sending).sent
    late = [one.answered for one in sent if one.answered - one.began > LATE_SECONDS]
    late += [one.at for one in await hub.load.hand_overs(sent) if one.delay > LATE_SECONDS]
    return round(max([returned_at, *late]) - returned_at, 2)


async def _first_work(hub: Hub, name: str, after: float) -> float:
    """Seconds from `after` (epoch) to the first effect of the service that the other side has seen since."""
    kind = FIRST_WORK[name]
    moments = [one["first_at"] for one in await hub.door.effects() if one["kind"] == kind and one["first_at"] > after]
    if not moments:
        raise StackNotUsable(f"{name} has done nothing since it was started")
    return round(float(min(moments)) - after, 2)


async def _until(count: Callable[[], Awaitable[int]], wanted: int, what: str) -> None:
    """Waits until there are so many. Raises StackNotUsable."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while (found := await count()) != wanted:
        if time.monotonic() > ends:
            raise StackNotUsable(f"{what}: {found} instead of {wanted} after {PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def _count(hub: Hub, service: str, question: str) -> int:
    async with _database(hub, service) as connection:
        return int(await connection.fetchval(question))


def _database(hub: Hub, service: str) -> AbstractAsyncContextManager["asyncpg.Connection[asyncpg.Record]"]:
    return Witness(hub.layout, hub.stack.keys.passwords, hub.door).database(service)
