"""Dữ liệu tham chiếu mới: what any process has published, known to all within a second, without a restart.

`reference_version` has a counter for each kind of data, raised in the transaction that publishes. Publications of one
kind follow one another (they lock the counter's row), so whoever has read counter n knows all that was published up
to n. A new kind of data brings a row in that table and a `Feed` of its own.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Protocol

import asyncpg
import structlog
from pydantic import TypeAdapter

from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.health import Heart
from hub_worktime import day_in_vietnam
from services.intake.domain.catalogue import Desk, Procedure
from services.intake.domain.procedures.publication import PROCEDURES
from services.intake.domain.procedures.published_procedure import PublishedProcedure
from services.intake.domain.procedures.withdrawal import Ending
from services.intake.domain.reference.directory import DESKS
from services.intake.domain.reference.folding import slug_of
from services.intake.store.procedures.catalogue_tables import ENDING, ending_from
from services.intake.store.reference.directory import Directory, published_desks

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
CHUNK = 100
_COUNTER = "SELECT version FROM reference_version WHERE kind = $1"
# Only what dossiers are checked and counted with: a process keeps thousands of these.
_LEAN = """(v.content - '{texts,bases,process}'::text[]) || jsonb_build_object(
    'texts', jsonb_build_object('agency', coalesce(v.content #>> '{texts,agency}', '')), 'bases', '[]'::jsonb,
    'process', '[]'::jsonb)"""
_NEWEST = f"""
SELECT v.version, {_LEAN} AS content FROM procedure_head h JOIN procedure_version v USING (code, version)
"""  # noqa: S608
_SINCE = _NEWEST + "WHERE v.reference_version > $1 AND h.code > $2 ORDER BY h.code LIMIT $3"
_ENDED_SINCE = f"SELECT {', '.join(ENDING.columns)} FROM procedure_ending WHERE edition > $1"  # noqa: S608
_ONE = f"SELECT v.version, {_LEAN} AS content FROM procedure_version v WHERE v.code = $1 AND v.version = $2"  # noqa: S608


class Feed(Protocol):
    """One kind of reference data."""

    async def look(self, pool: Pool) -> None:
        """Learns what was published since the last look."""


class ProcedureFeed:
    """Thủ tục đã nhập, and what was withdrawn, into the catalogue of this process."""

    def __init__(self, learn: Callable[[Iterable[Procedure]], None], end: Callable[[Iterable[Ending]], None]) -> None:
        self._learn = learn
        self._end = end
        self._known = 0

    async def look(self, pool: Pool) -> None:
        """Learns the newest version of each procedure that was published since, and the ends that were set."""
        counter = await pool.fetchval(_COUNTER, PROCEDURES) or 0
        if counter <= self._known:
            return
        last = ""
        while rows := await pool.fetch(_SINCE, self._known, last, CHUNK):
            learnt = [_procedure(row) for row in rows]
            self._learn(learnt)
            last = learnt[-1].ref.code
        self._end(map(ending_from, await pool.fetch(_ENDED_SINCE, self._known)))
        self._known = counter

    async def find(self, pool: Pool, code: str, version: int | None) -> bool:
        """Learns one version (None: the newest) that this process has not met. False: there is none."""
        if version is None:
            row = await pool.fetchrow(_NEWEST + "WHERE h.code = $1", code)
        else:
            row = await pool.fetchrow(_ONE, code, version)
        if row is None:
            return False
        self._learn([_procedure(row)])
        return True


class DeskFeed:
    """Bộ phận Một cửa của danh bạ, into the catalogue of this process: those of today's, and those that have ended."""

    def __init__(self, take: Callable[[Mapping[str, Desk]], None], now: Callable[[], datetime]) -> None:
        self._take = take
        self._now = now
        self._known: tuple[int, date] | None = None

    async def look(self, pool: Pool) -> None:
        """Takes them anew after an approval, and when a new day begins."""
        today = day_in_vietnam(self._now())
        edition = (await Directory(pool).editions([DESKS]))[DESKS]
        if self._known != (edition, today):
            self._take(await published_desks(pool, today))
            self._known = (edition, today)


class Reference:
    """Brings all kinds up to date."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        self._one_at_a_time = asyncio.Lock()
        self.first = asyncio.Event()
        """Set when everything was read for the first time."""

    async def refresh(self, pool: Pool) -> None:
        """What was committed before the call is known after it. Raises what is in database.UNAVAILABLE."""
        async with self._one_at_a_time:
            for feed in self._feeds:
                await feed.look(pool)

    async def follow(self, pool: Pool, heart: Heart) -> None:
        """A role: looks twice a second until it is cancelled."""
        beat = heart.rhythm("reference", limit_seconds=60)
        while True:
            beat()
            try:
                await self.refresh(pool)
                self.first.set()
            except UNAVAILABLE as trouble:
                log.warning("reference_not_read", trouble=type(trouble).__name__)
            await asyncio.sleep(LOOK_SECONDS)


def published_from(content: str) -> PublishedProcedure:
    """A version's content, out of its row."""
    return _adapter().validate_json(content)


@cache
def _adapter() -> TypeAdapter[PublishedProcedure]:  # made when first needed: it costs the start 30 ms
    return TypeAdapter(PublishedProcedure)


def _procedure(row: asyncpg.Record) -> Procedure:
    content = published_from(row["content"])
    return content.procedure(row["version"], slug_of(content.field) or None)


def flags_from(text: str) -> list[list[str]]:
    """The reasons that stand with a version: slug, place, words."""
    flags: list[list[str]] = json.loads(text)
    return flags
