"""Thời hạn lưu: what the spine keeps how long, deleted in small chunks, hourly, by one process.

The inbox reaches further back than the outbox, the outbox as far as the topics (docs/delivery.md).
"""

import asyncio
from datetime import timedelta

import structlog

from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.health import Heart
from hub_messaging.leases import Leases

log = structlog.get_logger(__name__)

CHUNK = 2000
EVERY_SECONDS = 3600.0
FIRST_AFTER_SECONDS = 300.0

INBOX_REACH = timedelta(days=30)
"""How long the inbox remembers for certain; an older record can't be told from a repeat: a dead letter `too-old`."""

KEPT = {
    "inbox": ("event_id", "seen_at < now() - interval '31 days'"),
    "outbox": (
        "seq",
        "recorded_at < now() - interval '14 days'"
        " AND NOT EXISTS (SELECT FROM outbox_pending AS pending WHERE pending.seq = outbox.seq)",
    ),
    "request": ("key", "answered_at < now() - interval '7 days'"),
    "work_body": (
        "id",
        "id IN (SELECT id FROM work WHERE state = 'done' AND finished_at < now() - interval '14 days')",
    ),
    "work": ("id", "state = 'done' AND finished_at < now() - interval '90 days'"),
    "refused_record": ("id", "state IN ('replayed', 'discarded') AND refused_at < now() - interval '90 days'"),
}
"""Table → (key column, what is past its time)."""


class Retention:
    """Purges the spine's tables."""

    def __init__(self, pool: Pool, leases: Leases, heart: Heart) -> None:
        self._pool = pool
        self._leases = leases
        self._heart = heart

    async def run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                if await self._leases.hold(["retention"]):
                    for table in await self.tables():
                        await self.purge(table)
            except UNAVAILABLE as trouble:
                log.warning("retention_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def tables(self) -> list[str]:
        """Those of KEPT that this service has: one without lanes has no work rows."""
        there = await self._pool.fetch("SELECT relname FROM pg_class WHERE oid = to_regclass(relname)")
        return [table for table in KEPT if table in {row["relname"] for row in there}]

    async def purge(self, table: str) -> int:
        """Deletes what is past its time; returns how many rows."""
        key, past = KEPT[table]
        statement = f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {past} LIMIT {CHUNK})"  # noqa: S608
        total = 0
        while True:
            deleted = int((await self._pool.execute(statement)).split()[-1])
            total += deleted
            if deleted < CHUNK:
                break
            await asyncio.sleep(0.05)
        if total:
            log.info("purged", table=table, rows=total)
        return total
