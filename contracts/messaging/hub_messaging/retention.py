"""Thời hạn lưu: what the spine keeps how long; past that it is deleted, a few pages at a time, by one process.

The inbox reaches further back than the outbox, the outbox as far as the topics (docs/delivery.md): what a compacted
topic holds for good the outbox keeps for good, so that the topic can be made anew from it. Each run walks
every table once from its first page to its last. No index by time is asked: space is used again, so that soon old and
new rows lie side by side everywhere, and a search for the next old rows would pass all the deleted ones again.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import structlog

from hub_events.topics import COMPACTED
from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.leases import Leases

log = structlog.get_logger(__name__)

PAGES = 64
"""So many of PostgreSQL's pages of 8 KB in one statement: at most some thousand rows, some tens of milliseconds."""
REST = 4.0
"""After each statement it rests so many times as long as that took: others have the database most of the time."""
EVERY_SECONDS = 6 * 3600.0
FIRST_AFTER_SECONDS = AGAIN_AFTER_SECONDS = 300.0

INBOX_REACH = timedelta(days=30)
"""How long the inbox remembers for certain; an older record can't be told from a repeat: a dead letter `too-old`."""

KEPT = {
    "inbox": "seen_at < now() - interval '31 days'",
    "outbox": (
        f"recorded_at < now() - interval '14 days' AND type <> ALL ('{{{','.join(COMPACTED)}}}')"
        " AND NOT EXISTS (SELECT FROM outbox_pending AS pending WHERE pending.seq = outbox.seq)"
    ),
    "request": "answered_at < now() - interval '7 days'",
    "work_body": (
        "(SELECT state = 'done' AND finished_at < now() - interval '14 days' FROM work WHERE work.id = work_body.id)"
    ),
    "work": "state = 'done' AND finished_at < now() - interval '90 days'",
    "refused_record": "state NOT IN ('waiting', 'dead') AND refused_at < now() - interval '90 days'",
}
"""Table → what of it is past its time, said so that no index seems better to PostgreSQL than the pages asked for."""
_SIZE = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::int"


class Retention:
    """Purges the spine's tables, and those of the service that are `also` kept for days only, said as in KEPT."""

    def __init__(self, pool: Pool, leases: Leases, also: Mapping[str, str] = MappingProxyType({})) -> None:
        self._pool = pool
        self._leases = leases
        self._kept = {**KEPT, **also}

    async def run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                if await self._leases.hold(["retention"]):
                    for table in await self.tables():
                        await self.purge(table)
            except UNAVAILABLE as trouble:
                log.warning("retention_interrupted", trouble=type(trouble).__name__)
                await asyncio.sleep(AGAIN_AFTER_SECONDS)
                continue
            await asyncio.sleep(EVERY_SECONDS)

    async def tables(self) -> list[str]:
        """Those of KEPT that this service has: one without lanes has no work rows."""
        there = await self._pool.fetch("SELECT relname FROM pg_class WHERE oid = to_regclass(relname)")
        return [table for table in self._kept if table in {row["relname"] for row in there}]

    async def purge(self, table: str) -> int:
        """Deletes what is past its time; returns how many rows."""
        statement = f"DELETE FROM {table} WHERE ctid >= $1 AND ctid < $2 AND {self._kept[table]}"  # noqa: S608
        total = 0
        for page in range(0, await self._pool.fetchval(_SIZE, table), PAGES):
            began = time.monotonic()
            deleted = await self._pool.execute(statement, (page, 0), (page + PAGES, 0))
            total += int(deleted.split()[-1])
            await asyncio.sleep(REST * (time.monotonic() - began))
        if total:
            log.info("purged", table=table, rows=total)
        return total
