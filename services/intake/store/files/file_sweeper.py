"""Dọn tệp: what nothing shows any more goes: rows first, their objects after; what a kill leaves, a daily look finds.

Uploads end 24 hours after their last chunk (UPLOAD_KEPT), with the bytes of those that became no file. Once a day all
contents are walked for those that no file shows any more (their dossiers are gone), and all objects for those that no
row names; they go when they are a day old: a younger one may be a chunk whose row is about to be written.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.leases import Leases
from services.intake.domain.files.file_refusals import StorageAway
from services.intake.domain.files.files import UPLOAD_KEPT
from services.intake.store.files.file_objects import Objects

log = structlog.get_logger(__name__)

FIRST_AFTER_SECONDS = 120.0
"""At most: what a start does first is more urgent."""
SWEEP_LATER: tuple[type[Exception], ...] = (*UNAVAILABLE, StorageAway)
AT_ONCE = 500
STRAY_AFTER = timedelta(days=1)
LOOK_EVERYWHERE_EVERY = timedelta(days=1)

_UPLOADS_OVER = """
DELETE FROM file_upload WHERE id IN (SELECT id FROM file_upload WHERE touched_at < $1 ORDER BY touched_at LIMIT $2)
AND touched_at < $1 RETURNING id
"""
_WALK = """
SELECT id, EXISTS (SELECT FROM dossier_file WHERE content_id = file_content.id)
        OR EXISTS (SELECT FROM file_upload WHERE file_upload.id = file_content.id) AS shown
FROM file_content WHERE id > $1 ORDER BY id LIMIT $2
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

    def __init__(self, pool: Pool, leases: Leases, objects: Objects, every_seconds: float = 600.0) -> None:
        self._pool = pool
        self._leases = leases
        self._objects = objects
        self._every_seconds = every_seconds
        self._next_look = real_now()

    async def run(self) -> None:
        await asyncio.sleep(min(FIRST_AFTER_SECONDS, self._every_seconds))
        while True:
            try:
                if await self._leases.hold(["files"]):
                    await self.sweep(real_now())
            except SWEEP_LATER as trouble:
                log.warning("sweep_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(self._every_seconds)

    async def sweep(self, now: datetime) -> None:
        """Removes what is over; once a day also what nothing shows or names."""
        contents, strays = 0, 0
        while over := [row["id"] for row in await self._pool.fetch(_UPLOADS_OVER, now - UPLOAD_KEPT, AT_ONCE)]:
            contents += await self._drop(over)
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERYWHERE_EVERY
            contents += await self._unshown()
            strays = await self.strays(now)
        if contents or strays:
            log.info("files_swept", contents=contents, strays=strays)

    async def _unshown(self) -> int:
        """Walks all contents, by their ids."""
        after, gone = UUID(int=0), 0
        while walked := await self._pool.fetch(_WALK, after, AT_ONCE):
            gone += await self._drop([row["id"] for row in walked if not row["shown"]])
            after = walked[-1]["id"]
        return gone

    async def _drop(self, contents: Sequence[UUID]) -> int:
        """Removes those that nothing shows. How many.

        Somebody may show one again meanwhile: their transaction waits for this one, or this one for theirs.
        """
        if not contents:
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetch(_LOCK, contents)
            over = [row["id"] for row in await connection.fetch(_STILL, contents)]
            objects = [row["object_id"] for row in await connection.fetch(_PARTS_GO, over)]
            await connection.execute(_CONTENTS_GO, over)
        await self._objects.delete(objects)
        return len(over)

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
