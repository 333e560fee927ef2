"""Kịch bản tải: how fast the hub is and what it costs, in order and with parties that are not."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub_local.bench_hub import Bench, Figures, Hub
from hub_local.bench_lanes import agencies_in_lanes, own_competence
from hub_local.bench_load import HandOver, Pattern, Sent, closed_loop, delays, open_loop, percentile
from hub_local.keys import Keys
from hub_local.layout import SERVICES, Layout
from hub_local.steps import Step
from hub_local.supervisor import Program

SHARE_OF_MAXIMUM = 0.7
OTHERS_END_SECONDS = 2.0
"""The healthy parties are given so long to take the last hand-overs before the others are healed."""
DEAD: Mapping[str, Any] = {"down": "unavailable"}
SICK: Sequence[Mapping[str, Any]] = (DEAD, {"answer_seconds": 10}, {"fail_share": 0.3, "seed": 7})
"""Dead; slower than routing waits; failing three times in ten."""


async def closed(bench: Bench) -> Figures:
    """Vòng kín: 64 clients send as fast as intake accepts, timed until the last lifecycle has ended."""
    async with bench.hub() as hub:
        bench.say(f"{bench.sizes.lifecycles} lifecycles in a closed loop")
        run = await hub.load.run(closed_loop(bench.sizes.lifecycles))
        return {**run.figures(), **await hub.ending()}


async def opened(bench: Bench) -> Figures:
    """Vòng mở: 50 a second."""
    async with bench.hub() as hub:
        return {**await _at_rate(bench, hub, bench.sizes.rate), **await hub.ending()}


async def opened_near_maximum(bench: Bench) -> Figures:
    """Gần mức tối đa: an open loop at 70 % of what a closed loop has just reached."""
    async with bench.hub() as hub:
        bench.say("a closed loop, to know the maximum")
        most = (await hub.load.run(closed_loop(bench.sizes.lifecycles))).figures()["lifecycles_per_s"]
        return {**await _at_rate(bench, hub, SHARE_OF_MAXIMUM * most), **await hub.ending()}


async def one_dead(bench: Bench) -> Figures:
    """Một cơ quan ngừng: how the others fare, before and with the busiest agency dead."""
    async with bench.hub() as hub:
        before = await _before(bench, hub)
        (busiest, _), *_others = Counter(one.agency for one in before).most_common()
        return {**await _others_with(bench, hub, before, {busiest: DEAD}), **await hub.ending()}


async def many_lanes(bench: Bench) -> Figures:
    """500 làn, 15 làn ốm: how the healthy ones fare, before and with the sick ones."""
    async with bench.hub(own_competence) as hub:
        agencies = await agencies_in_lanes(hub, bench.sizes.lanes)
        sick = {agency: SICK[turn % len(SICK)] for turn, agency in enumerate(agencies[: bench.sizes.sick])}
        before = await _before(bench, hub)
        return {**await _others_with(bench, hub, before, sick), **await hub.ending()}


async def stages(bench: Bench) -> Figures:
    """Chi phí theo chặng: CPU of the services in a closed loop by what they do; see `bench_stages`."""
    async with bench.hub(_looked_at) as hub:
        bench.say(f"{bench.sizes.lifecycles} lifecycles, looked at")
        for name in SERVICES:
            if (pid := hub.stack.pid(name)) is not None:
                os.kill(pid, signal.SIGUSR1)
        run = await hub.load.run(closed_loop(bench.sizes.lifecycles))
        ending = await hub.ending()
        by_stage: Counter[str] = Counter()
        for name in SERVICES:
            await hub.stack.stop_one(name)
            looks = json.loads(_looks_of(hub.layout, name).read_text())
            for stage, count in looks.items():
                by_stage[stage] += run.cpu[name] * count / sum(looks.values()) / len(run.sent) * 1000
        return {"cpu_s_per_1000_by_stage": {stage: round(cpu, 3) for stage, cpu in by_stage.most_common()}, **ending}


def _looked_at(layout: Layout, _keys: Keys, steps: Sequence[Step]) -> Sequence[Step]:
    return [
        replace(step, command=(sys.executable, "-m", "hub_local.bench_stages", str(file), step.command[-1]))
        if isinstance(step, Program) and step.name in SERVICES and (file := _looks_of(layout, step.name))
        else step
        for step in steps
    ]


def _looks_of(layout: Layout, name: str) -> Path:
    return layout.folder / f"looks-{name}.json"


async def _at_rate(bench: Bench, hub: Hub, rate: float) -> Figures:
    bench.say(f"{rate:.0f} a second for {bench.sizes.seconds} s")
    run = await hub.load.run(open_loop(rate, bench.sizes.seconds))
    figures = run.figures()
    del figures["lifecycles_per_s"], figures["accepted_per_s"]  # what was asked for, not what was reached
    return {"rate_per_s": round(rate, 1), **figures, **delays(await hub.load.hand_overs(run.sent))}


async def _before(bench: Bench, hub: Hub) -> list[HandOver]:
    bench.say("all parties in order")
    return await hub.load.hand_overs((await hub.load.run(_steady(bench))).sent)


async def _others_with(
    bench: Bench, hub: Hub, before: Sequence[HandOver], sick: Mapping[str, Mapping[str, Any]]
) -> Figures:
    """Hand-over delays of all but the sick, before and with them; afterwards they are healed and take what waited."""
    bench.say(f"{len(sick)} parties sick")
    with_them = await _sent_to_sick(hub, _steady(bench), sick)
    bench.say("all healed, draining")
    await hub.load.drained()
    others = [one for one in before if one.agency not in sick]
    others_then = [one for one in await hub.load.hand_overs(with_them) if one.agency not in sick]
    calm, hurt = (percentile([one.delay for one in found], 99) for found in (others, others_then))
    return {
        **delays(others, "_before"),
        **delays(others_then, "_with"),
        "p99_of_what_is_allowed": round(hurt / max(1.2 * calm, calm + 0.010), 3),
    }


async def _sent_to_sick(hub: Hub, pattern: Pattern, sick: Mapping[str, Mapping[str, Any]]) -> list[Sent]:
    for agency, behaviour in sick.items():
        await hub.door.put_behaviour(agency, dict(behaviour))
    sent = await hub.load.send(pattern)
    await asyncio.sleep(OTHERS_END_SECONDS)
    for agency in sick:
        await hub.door.put_behaviour(agency, {})
    return sent


def _steady(bench: Bench) -> Pattern:
    return open_loop(bench.sizes.rate, bench.sizes.seconds)
