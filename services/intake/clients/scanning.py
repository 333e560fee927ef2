"""Vai trò quét tệp: one process shows every file that nobody has judged to the scanner, outside of any request."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE
from hub_messaging.jobs import Job
from hub_messaging.leases import Leases
from services.intake.clients.clamd import ScannerTrouble
from services.intake.domain.files.file_refusals import FileDamaged, NoSuchFile, StorageAway, StorageFull
from services.intake.domain.files.files import Content, Part, Verdict
from services.intake.handlers.files.file_ports import CONTENTS, Scanner, Vault
from services.intake.handlers.files.give_file import record_scan

log = structlog.get_logger(__name__)

EVERY_SECONDS = 2.0
TRY_AGAIN_AFTER = timedelta(minutes=2)
AT_ONCE = 20


class Waiting(Protocol):
    """Which contents wait, and where their bytes lie."""

    async def unscanned(self, not_tried_since: datetime, most: int) -> Sequence[UUID]: ...
    async def content(self, content_id: UUID) -> Content | None: ...
    async def parts(self, content_id: UUID) -> Sequence[Part]: ...


class Scanning:
    """The role. A scanner that doesn't answer is tried again by time; files wait so long, and the list says so."""

    def __init__(
        self,
        waiting: Waiting,
        vault: Vault,
        scanner: Scanner,
        run: Callable[[Job[Any, Content]], Awaitable[Content]],
        leases: Leases,
    ) -> None:
        self._waiting = waiting
        self._vault = vault
        self._scanner = scanner
        self._run = run
        self._leases = leases

    async def run(self) -> None:
        while True:
            try:
                if await self._leases.hold(["file-scan"]):
                    await self.look()
            except UNAVAILABLE as trouble:
                log.warning("scan_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Shows the scanner what waits."""
        for content_id in await self._waiting.unscanned(real_now() - TRY_AGAIN_AFTER, AT_ONCE):
            content = await self._waiting.content(content_id)
            if content is not None:
                await self._record(content_id, await self._verdict(content))

    async def _verdict(self, content: Content) -> Verdict | None:
        pieces = self._vault.read(content, await self._waiting.parts(content.id), 0, content.size - 1)
        try:
            return "infected" if await self._scanner.finds(pieces) else "clean"
        except (OSError, TimeoutError, StorageAway, StorageFull, FileDamaged) as trouble:
            why = str(trouble) if isinstance(trouble, ScannerTrouble) else type(trouble).__name__
            log.warning("file_not_scanned", content_id=str(content.id), trouble=why)
            return None

    async def _record(self, content_id: UUID, verdict: Verdict | None) -> None:
        at = real_now()
        try:
            await self._run(Job(lambda uow: record_scan(content_id, verdict, at, uow), {CONTENTS: (content_id,)}))
        except NoSuchFile:
            return
        if verdict == "infected":
            log.error("file_infected", content_id=str(content_id))
