"""What the next version says and keeps, looked at from outside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from tests.flows.hub import Hub
from tests.flows.load import database
from tests.waiting import until

PRINTED = "dossier.receipt_printed.v1"
REFUSED_V2 = "dossier.refused.v2"
READERS_OF_REFUSALS = ("notify", "sla")


async def receipts_said(hub: Hub) -> set[str]:
    """Dossiers of which intake has said the new event."""
    async with database(hub, "intake") as connection:
        return {row["key"] for row in await connection.fetch("SELECT key FROM outbox WHERE type = $1", PRINTED)}


async def receipts_noted(hub: Hub) -> set[str]:
    """Dossiers of which notify knows by the new event, the new field of the old one, in the new columns."""
    statement = "SELECT dossier_id FROM notices WHERE receipt_printed_at IS NOT NULL AND language = 'vi'"
    async with database(hub, "notify") as connection:
        return {str(row["dossier_id"]) for row in await connection.fetch(statement)}


async def all_said_is_noted(hub: Hub) -> set[str]:
    """Waits until notify knows of every receipt; of which."""

    async def missing() -> set[str]:
        return await receipts_said(hub) - await receipts_noted(hub)

    await until(missing, lambda left: not left, "each new event is handled", within=60, every=0.5)
    return await receipts_said(hub)


async def refuse(hub: Hub, number: int) -> list[str]:
    """So many dossiers are submitted online and refused by an officer; their ids."""
    refused = []
    for _ in range(number):
        here: str = (await hub.post("/v1/dossiers", await hub.body(channel="online")))["dossier_id"]
        await hub.decide(here, "refuse", reason_code="not-entitled", reason="Không thuộc đối tượng")
        refused.append(here)
    return refused


@asynccontextmanager
async def refusing(hub: Hub) -> AsyncIterator[list[str]]:
    """One dossier after the other is refused meanwhile; their ids."""
    refused: list[str] = []
    enough = asyncio.Event()

    async def go_on() -> None:
        while not enough.is_set():
            refused.extend(await refuse(hub, 1))
            await asyncio.sleep(0.5)

    officer = asyncio.create_task(go_on())
    try:
        yield refused
    finally:
        enough.set()
        await officer


async def all_is_heard(hub: Hub, type: str) -> int:
    """Waits until every reader of refusals has taken all events of `type` that intake has said; how many."""
    async with database(hub, "intake") as connection:
        rows = await connection.fetch("SELECT event_id FROM outbox WHERE type = $1", type)
    said = {row["event_id"] for row in rows}

    async def heard(service: str) -> bool:
        async with database(hub, service) as connection:
            found = "SELECT count(*) FROM inbox WHERE event_id = ANY($1)"
            return int(await connection.fetchval(found, list(said))) == len(said)

    for service in READERS_OF_REFUSALS:
        await until(partial(heard, service), bool, f"{service} has heard every {type}", every=0.5)
    return len(said)


async def letters_of(hub: Hub, type: str) -> dict[str, dict[str, Any]]:
    """By service, the newest dead letter of `type`."""
    found = {}
    for service in READERS_OF_REFUSALS:
        for letter in await hub.dead_letters(service):
            if letter["type"] == type:
                found[service] = letter
    return found


async def refused_ever(hub: Hub) -> dict[str, int]:
    """By service, how many records it could not take at once, whatever became of them."""
    found = {}
    for service in ("intake", "routing", "notify", "sla"):
        async with database(hub, service) as connection:
            found[service] = await connection.fetchval("SELECT count(*) FROM refused_record")
    return found
