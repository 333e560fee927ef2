"""What the next version says and keeps, looked at from outside."""

from tests.flows.hub import Hub
from tests.flows.load import database
from tests.waiting import until

PRINTED = "dossier.receipt_printed.v1"


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


async def refused_ever(hub: Hub) -> dict[str, int]:
    """By service, how many records it could not take at once, whatever became of them."""
    found = {}
    for service in ("intake", "routing", "notify", "sla"):
        async with database(hub, service) as connection:
            found[service] = await connection.fetchval("SELECT count(*) FROM refused_record")
    return found
