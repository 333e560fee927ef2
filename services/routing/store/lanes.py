"""Lanes as people see and steer them: what is paused, what is open and why, what a person must look at."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from hub_messaging import work
from hub_messaging.backlog import Backlog, by_lane
from hub_messaging.bells import Bells
from hub_messaging.database import Pool, locked_in_order
from hub_messaging.withdrawn import IN_DOUBT
from hub_messaging.work import LANES, Aside
from services.routing.handlers.ports import LaneState

_STATES = "SELECT * FROM lane"
_PAUSE = """
INSERT INTO lane (name, paused_at, paused_by, paused_why) VALUES ($1, now(), $2, $3)
ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = $2, paused_why = $3
WHERE lane.paused_at IS NULL
"""
_RESUME = "UPDATE lane SET paused_at = NULL, paused_by = NULL, paused_why = NULL WHERE name = $1"
_OPENED = """
INSERT INTO lane (name, open_since, open_why)
SELECT name, now(), why FROM unnest($1::text[], $2::text[]) AS opened(name, why)
ON CONFLICT (name) DO UPDATE SET open_why = excluded.open_why, open_since = coalesce(lane.open_since, now())
"""
_CLOSED = f"""
UPDATE lane SET open_since = NULL, open_why = NULL {locked_in_order("lane", "name", "name = ANY($1)")}
"""  # noqa: S608
_WITH_WORK = f"""
WITH RECURSIVE found AS (
    (SELECT lane FROM work WHERE state = 'ready' ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT lane FROM work WHERE state = 'ready' AND lane > found.lane ORDER BY lane LIMIT 1)
    FROM found WHERE found.lane IS NOT NULL
)
SELECT lane FROM found WHERE lane IS NOT NULL
UNION
SELECT lane FROM work WHERE {IN_DOUBT}
"""  # noqa: S608
"""Also with rows that were withdrawn while they may have been under way: whoever takes the lane over knows, or asks."""
_ASIDE = work.aside()
_LANE_OF = "SELECT lane FROM work WHERE id = $1"
_WANTED_NO_MORE = """
SELECT true FROM work JOIN transfer USING (dossier_id)
WHERE work.id = $1 AND work.state = 'refused' AND kind <> 'cancellation'
    AND (stopped_at IS NOT NULL OR done_at IS NOT NULL)
"""


class LaneTable:
    """Reads and writes what is known of lanes. A pause outlives every restart."""

    def __init__(self, pool: Pool, bells: Bells) -> None:
        self._pool = pool
        self._bells = bells

    async def states(self) -> dict[str, LaneState]:
        """By lane: rows due, rows that a person must look at, circuit, pause. Lanes never used are absent."""
        backlog = await by_lane(self._pool)
        kept: dict[str, Mapping[str, Any]] = {row["name"]: dict(row) for row in await self._pool.fetch(_STATES)}
        return {name: _state(name, kept.get(name), backlog.get(name, Backlog())) for name in {*backlog, *kept}}

    async def pause(self, lane: str, who: str, why: str) -> None:
        """Nothing is sent until `resume`; a pause that stands already keeps its reason."""
        await self._pool.execute(_PAUSE, lane, who, why)
        self._bells.ring([LANES])

    async def resume(self, lane: str) -> None:
        await self._pool.execute(_RESUME, lane)
        self._bells.ring([LANES])

    async def paused(self) -> set[str]:
        return {row["name"] for row in await self._pool.fetch("SELECT name FROM lane WHERE paused_at IS NOT NULL")}

    async def with_work(self) -> set[str]:
        """Lanes with rows to send or in doubt, however few have ever been listed."""
        return {row["lane"] for row in await self._pool.fetch(_WITH_WORK)}

    async def open_now(self) -> dict[str, str]:
        rows = await self._pool.fetch("SELECT name, open_why FROM lane WHERE open_why IS NOT NULL")
        return {row["name"]: row["open_why"] for row in rows}

    async def report(self, opened: Mapping[str, str], closed: Iterable[str]) -> None:
        """Keeps which circuits are open and why, for whoever asks another process."""
        if opened:
            names = sorted(opened)
            await self._pool.execute(_OPENED, names, [opened[name] for name in names])
        if closed:
            await self._pool.execute(_CLOSED, sorted(closed))

    async def aside(self, lane: str, after: int, most: int) -> list[Aside]:
        """Rows that wait for a person, oldest first."""
        return [Aside(**row) for row in await self._pool.fetch(_ASIDE, lane, after, most)]

    async def has(self, lane: str, work_id: UUID) -> bool:
        """Whether the row stands in this lane."""
        return bool(await self._pool.fetchval(_LANE_OF, work_id) == lane)

    async def wanted_no_more(self, work_id: UUID) -> bool:
        """Whether it was refused and its dossier is over: no agency is to get it any more."""
        return bool(await self._pool.fetchval(_WANTED_NO_MORE, work_id))

    async def redo(self, lane: str, work_id: UUID) -> bool:
        """Sends a row again that was refused or set aside. False: it is none of this lane's, or wanted no more."""
        if not await self.has(lane, work_id) or await self.wanted_no_more(work_id):
            return False
        if await work.redo(self._pool, work_id) is None:
            return False
        self._bells.ring([LANES])
        return True


def _state(name: str, row: Mapping[str, Any] | None, backlog: Backlog) -> LaneState:
    known = row or {}
    return LaneState(
        name=name,
        due=backlog.due,
        set_aside=backlog.set_aside,
        unknown=backlog.unknown,
        open_why=known.get("open_why"),
        open_since=known.get("open_since"),
        paused_at=known.get("paused_at"),
        paused_by=known.get("paused_by"),
        paused_why=known.get("paused_why"),
    )
