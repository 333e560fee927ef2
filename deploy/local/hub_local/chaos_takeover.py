"""Tiếp quản: whether another process has really taken over all that a frozen one had."""

import asyncio
import time
from collections.abc import Set
from contextlib import suppress

import aiohttp

from hub_local.chaos_alarms import SCRAPE_SECONDS, shown_at
from hub_local.chaos_ground import READY_SECONDS, Ground, Wrong
from hub_local.chaos_proof import NOT_NOW
from hub_local.chaos_stack import second_port
from hub_local.proof import Witness

LOOK_SECONDS = 0.5
_OWNERS = "SELECT DISTINCT slot FROM lease WHERE until > now()"
_PARTITIONS = "SELECT topic, partition FROM position"

Partition = tuple[str, int]


async def taken_over(ground: Ground, service: str, slot: int) -> str:
    """Waits until the second process of `service`, in `slot`, has everything; says so in words. Raises Wrong.

    Servers may be hurt meanwhile, so that it takes longer than leases and Kafka's session last.
    """
    began = time.monotonic()
    missing = ["nobody could be asked"]
    while missing:
        if time.monotonic() - began > READY_SECONDS:
            raise Wrong(f"no other process of {service} took over within {READY_SECONDS:g} s: {'; '.join(missing)}")
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(*NOT_NOW):
            missing = await _lacks(ground, service, f"{service}-{slot}")
    return "another process took over all leases and partitions"


async def _lacks(ground: Ground, service: str, slot: str) -> list[str]:
    witness = Witness(ground.layout, ground.stack.keys.passwords, ground.door)
    async with witness.database(service) as connection:
        owners = {row["slot"] for row in await connection.fetch(_OWNERS)}
        wanted = {(row["topic"], row["partition"]) for row in await connection.fetch(_PARTITIONS)}
    return lacks(slot, owners, wanted, await _read_at(second_port(ground.layout, f"{service}-probe")))


def lacks(slot: str, owners: Set[str], wanted: Set[Partition], read: Set[Partition]) -> list[str]:
    """What the process in `slot` has not taken over. `owners`: the slots that hold leases; `read`: what it reads."""
    found = [] if slot in owners else [f"{slot} holds no lease"]
    found += [f"{other} holds leases still" for other in sorted(owners - {slot})]
    if wanted - read:
        found.append(f"{slot} reads {len(wanted & read)} of {len(wanted)} partitions")
    return found


async def _read_at(port: int) -> set[Partition]:
    timeout = aiohttp.ClientTimeout(total=SCRAPE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        shown = await shown_at(f"http://127.0.0.1:{port}", session)
    return {
        (one.labels["topic"], int(one.labels["partition"])) for one in shown if one.name == "hub_consumer_lag_records"
    }
