"""Thử lại: runs waiting and replayed records again, inside the service that refused them."""

import asyncio
from typing import Generic, TypeVar

import structlog

from hub_messaging import refused
from hub_messaging.database import UNAVAILABLE
from hub_messaging.health import Heart
from hub_messaging.reader import Reader, count
from hub_messaging.runner import Runner
from hub_messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

U = TypeVar("U", bound=UnitOfWork)


class RefusedRecords(Generic[U]):
    """Tries refused records again when their time has come; several processes may do so side by side."""

    POLL_SECONDS = 1.0
    CHUNK = 100

    def __init__(self, runner: Runner[U], reader: Reader[U], heart: Heart) -> None:
        self._runner = runner
        self._reader = reader
        self._beat = heart.rhythm("refused_records", limit_seconds=60)

    async def run(self) -> None:
        while True:
            self._beat()
            try:
                busy = await self.try_again()
            except UNAVAILABLE as trouble:
                log.warning("refused_records_interrupted", trouble=type(trouble).__name__)
                busy = False
            if not busy:
                await asyncio.sleep(self.POLL_SECONDS)

    async def try_again(self) -> bool:
        """Runs one chunk of those due; True when there may be more."""
        records = await refused.due(self._runner.pool, self.CHUNK)
        if records:
            count(records, await self._runner.run([self._reader.job(record) for record in records]))
        return len(records) == self.CHUNK
