"""What the API reads."""

from collections.abc import Sequence
from uuid import UUID

import orjson
from prometheus_client import Gauge

from hub_messaging import work
from hub_messaging.database import Pool
from services.notify.domain.notices import Notices
from services.notify.handlers.ports import LaneState, NoticeWish
from services.notify.store.notices import NOTICES, from_row

_COLUMNS = ", ".join(NOTICES.columns)
_ONE = f"SELECT {_COLUMNS} FROM notices WHERE dossier_id = $1"  # noqa: S608 - constants of the code
_LISTED = {"waiting_contact": "waiting", "failed": "failed", "unreached": "unreached"}
"""States in which few dossiers are and that people look for: a partial index each."""
_COUNTS = """
SELECT (SELECT count(*) FROM notices WHERE waiting) AS waiting_contact,
       (SELECT count(*) FROM notices WHERE failed) AS failed,
       (SELECT count(*) FROM notices WHERE unreached) AS unreached
"""
DOSSIERS = Gauge(
    "hub_notify_dossiers",
    "Dossiers with a duty to inform that waits for its acceptance, failed, or reached nobody. See GET /v1/notices.",
    ["state"],
)
_LANE = """
SELECT count(*) FILTER (WHERE state IN ('ready', 'behind')) AS due,
       count(*) FILTER (WHERE state IN ('set_aside', 'refused')) AS set_aside,
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       min(created_at) FILTER (WHERE state = 'ready') AS oldest_at,
       (array_agg(outcome ORDER BY next_at DESC) FILTER (WHERE state = 'ready' AND attempts > 0))[1] AS trouble
FROM work WHERE lane = $1 AND state <> 'done'
"""
_ASIDE = work.aside(
    "state = ANY($5) AND "
    "($4::text[] IS NULL OR (SELECT desk FROM notices WHERE notices.dossier_id = work.dossier_id) = ANY($4))"
)


def _page(condition: str) -> str:
    return (
        f"SELECT {_COLUMNS} FROM notices WHERE {condition} "  # noqa: S608 - constants of the code
        "AND ($1::uuid IS NULL OR dossier_id > $1) AND ($2::text[] IS NULL OR desk = ANY($2)) "
        "ORDER BY dossier_id LIMIT $3"
    )


class StoredNotices:
    """Reads notices from the service's database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def one(self, dossier_id: UUID) -> Notices | None:
        row = await self._pool.fetchrow(_ONE, dossier_id)
        return None if row is None else from_row(row)

    async def page(self, wish: NoticeWish, most: int) -> Sequence[Notices]:
        """Dossiers with a duty in the wished state."""
        if wish.state is None:
            rows = await self._pool.fetch(_page("true"), wish.after, wish.area, most)
        elif wish.state in _LISTED:
            rows = await self._pool.fetch(_page(_LISTED[wish.state]), wish.after, wish.area, most)
        else:
            duty = orjson.dumps([{"state": wish.state}]).decode()
            rows = await self._pool.fetch(_page("duties @> $4::jsonb"), wish.after, wish.area, most, duty)
        return [from_row(row) for row in rows]

    async def measure(self) -> None:
        """Sets the gauge of duties that wait for somebody."""
        row = await self._pool.fetchrow(_COUNTS)
        assert row is not None
        for state in _LISTED:
            DOSSIERS.labels(state).set(row[state])

    async def aside(
        self, lane: str, after: int, area: Sequence[str] | None, most: int, states: Sequence[str]
    ) -> list[work.Aside]:
        """Messages in these states that wait for a person, oldest first, of these desks (None: of all)."""
        rows = await self._pool.fetch(_ASIDE, lane, after, most, area, states)
        return [work.Aside(**row) for row in rows]

    async def lane(self, lane: str) -> LaneState:
        row = await self._pool.fetchrow(_LANE, lane)
        assert row is not None
        return LaneState(lane=lane, **row)
