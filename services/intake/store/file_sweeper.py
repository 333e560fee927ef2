"""Dọn tệp: what nothing shows any more goes: rows first, their objects after; what a kill leaves, a daily look finds.

Uploads end 24 hours after their last chunk (UPLOAD_KEPT), contents with the last file or upload that shows them.
Objects that no row names go when they are a day old: a younger one may be a chunk whose row is about to be written.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.leases import Leases
from services.intake.domain.file_refusals import StorageAway
from services.intake.domain.files import UPLOAD_KEPT
from services.intake.store.file_objects import Objects

log = structlog.get_logger(__name__)

FIRST_AFTER_SECONDS = 120.0
EVERY_SECONDS = 600.0
SWEEP_LATER: tuple[type[Exception], ...] = (*UNAVAILABLE, StorageAway)
AT_ONCE = 500
STRAY_AFTER = timedelta(days=1)
LOOK_FOR_STRAYS_EVERY = timedelta(days=1)

_UPLOADS_OVER = """
DELETE FROM file_upload WHERE id IN (SELECT id FROM file_upload WHERE touched_at < $1 ORDER BY touched_at LIMIT $2)
AND touched_at < $1
"""
_SHOWN_BY_NOBODY = """
SELECT id FROM file_content WHERE id > $1
AND NOT EXISTS (SELECT FROM dossier_file WHERE content_id = file_content.id)
AND NOT EXISTS (SELECT FROM file_upload WHERE file_upload.id = file_content.id)
ORDER BY id LIMIT $2
"""
_LOCK = "SELECT id FROM file_content WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_STILL = """
SELECT content.id FROM unnest($1::uuid[]) AS content(id)
WHERE NOT EXISTS (SELECT FROM dossier_file WHERE content_id = content.id)
AND NOT EXISTS (SELECT FROM file_upload WHERE file_upload.id = content.id)
"""
_PARTS_GO = "DELETE FROM file_part WHERE content_id = ANY($1) RETURNING object_id"
_CONTENTS_GO = "DELETE FROM file_content WHERE id = ANY($1)"
_NAMED = "SELECT object_id FROM file_part WHERE object_id = ANY($1)"


class FileSweeper:
    """One process sweeps."""

    def __init__(self, pool: Pool, leases: Leases, objects: Objects) -> None:
        self._pool = pool
        self._leases = leases
        self._objects = objects
        self._next_look = real_now()

    async def run(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                if await self._leases.hold(["files"]):
                    await self.sweep(real_now())
            except SWEEP_LATER as trouble:
                log.warning("sweep_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self, now: datetime) -> None:
        """Removes what is over; once a day also what nothing names."""
        await self._pool.execute(_UPLOADS_OVER, now - UPLOAD_KEPT, AT_ONCE)
        contents = await self._contents()
        strays = 0
        if now >= self._next_look:
            self._next_look = now + LOOK_FOR_STRAYS_EVERY
            strays = await self.strays(now)
        if contents or strays:
            log.info("files_swept", contents=contents, strays=strays)

    async def _contents(self) -> int:
        """Contents that no file and no upload shows."""
        after, gone = UUID(int=0), 0
        while found := [row["id"] for row in await self._pool.fetch(_SHOWN_BY_NOBODY, after, AT_ONCE)]:
            objects: list[UUID] = []
            # Somebody may show a content again while it is looked at: their row waits for ours, or ours for theirs.
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.fetch(_LOCK, found)
                over = [row["id"] for row in await connection.fetch(_STILL, found)]
                objects = [row["object_id"] for row in await connection.fetch(_PARTS_GO, over)]
                await connection.execute(_CONTENTS_GO, over)
            await self._objects.delete(objects)
            gone += len(over)
            after = found[-1]
        return gone

    async def strays(self, now: datetime) -> int:
        """Objects that no row names."""
        gone = await asyncio.to_thread(self._objects.drop_torn, STRAY_AFTER.total_seconds())
        async for listed in self._objects.listed():
            old = [object_id for object_id, written_at in listed if written_at < now - STRAY_AFTER]
            named = {row["object_id"] for row in await self._pool.fetch(_NAMED, old)}
            strays = [object_id for object_id in old if object_id not in named]
            await self._objects.delete(strays)
            gone += len(strays)
        return gone
