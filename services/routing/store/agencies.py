"""Agencies as the directory has published them, and the competence table with their successors in it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import structlog

from hub_messaging.clock import VIETNAM
from hub_messaging.database import UNAVAILABLE, Pool, Table, TableStore
from services.routing.domain.competence import Agency, Competence
from services.routing.domain.succession import AgencyVersion, heirs
from services.routing.handlers.ports import CompetenceNow

log = structlog.get_logger(__name__)
EVERY_SECONDS = 5.0

TABLE: Final = Table(
    "agency",
    ("key",),
    {
        "key": "text",
        "edition": "int",
        "code": "text",
        "name": "text",
        "valid_from": "date",
        "valid_to": "date",
        "withdrawn": "bool",
        "successor": "text",
    },
)
AGENCIES: TableStore[AgencyVersion] = TableStore(
    TABLE,
    to_row=lambda version: [getattr(version, name) for name in TABLE.columns],
    from_row=lambda row: AgencyVersion(**row),
)
# Rows are added or get a higher edition: whatever is committed changes one of the two.
_STAMP = (
    "SELECT count(*) AS rows, coalesce(sum(edition), 0) AS editions, coalesce(max(edition), 0) AS newest FROM agency"
)
_ALL = f"SELECT {', '.join(TABLE.columns)} FROM agency"  # noqa: S608


class Successions:
    """The competence table as it counts today: its rules, and who has the tasks of agencies that are no more."""

    def __init__(self, competence: CompetenceNow, now: Callable[[], datetime]) -> None:
        self._file = competence
        self._now = now
        self._seen: tuple[int, int, date] | None = None
        self._heirs: Mapping[str, Agency] = {}
        self._edition = 0
        self._made: tuple[Competence, Mapping[str, Agency], Competence] | None = None
        self.first = asyncio.Event()
        """Set once the directory was looked at."""

    def competence(self) -> Competence:
        """What routing decides by now."""
        table, made = self._file(), self._made
        if made is None or made[0] is not table or made[1] is not self._heirs:
            made = self._made = table, self._heirs, table.succeeded_by(self._heirs, self._edition)
        return made[2]

    async def look(self, pool: Pool) -> None:
        """Learns what was published since, and who is no more since midnight."""
        row = await pool.fetchrow(_STAMP)
        assert row is not None
        seen = row["rows"], row["editions"], self._now().astimezone(VIETNAM).date()
        if seen != self._seen:
            found = heirs([AgencyVersion(**one) for one in await pool.fetch(_ALL)], seen[2])
            if found != self._heirs:
                self._heirs, self._edition = found, row["newest"]
                log.info("successions_learnt", agencies=len(found))
            self._seen = seen
        self.first.set()

    async def run(self, pool: Pool, beat: Callable[[], None]) -> None:
        """Looks every five seconds until cancelled."""
        while True:
            beat()
            try:
                await self.look(pool)
            except UNAVAILABLE as trouble:
                log.info("agencies_not_read", trouble=type(trouble).__name__)
            await asyncio.sleep(EVERY_SECONDS)
