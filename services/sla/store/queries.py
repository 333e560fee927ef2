"""What the API reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Gauge

from hub_messaging.database import Pool
from services.sla.domain.clock import DossierClock
from services.sla.handlers.ports import DeadlineWish
from services.sla.store.clocks import CLOCK, from_row

_ONE = f"SELECT {', '.join(CLOCK.columns)} FROM clock WHERE dossier_id = $1"  # noqa: S608
_WHERE = f"""
SELECT {", ".join(CLOCK.columns)} FROM clock
WHERE CASE $1
    WHEN 'running' THEN state = 'running' AND (late_from IS NULL OR late_from > $2)
    WHEN 'overdue' THEN state = 'running' AND late_from <= $2
    WHEN 'paused' THEN state = 'paused'
    WHEN 'stopped' THEN state = 'stopped'
    ELSE state <> 'unknown' END
AND ($3::bool IS NULL OR differs = $3) AND ($4::uuid IS NULL OR dossier_id > $4)
"""  # noqa: S608 - the columns are constants of the code
_PAGE = f"{_WHERE} ORDER BY dossier_id LIMIT $5"
_PAGE_OF_DESKS = f"{_WHERE} AND desk = ANY($6::text[]) ORDER BY dossier_id LIMIT $5"
"""Apart, so that every plan of it may go by the desks' index."""


_COUNTS = """
SELECT count(*) FILTER (WHERE state = 'running' AND (late_from IS NULL OR late_from > $1)) AS running,
       count(*) FILTER (WHERE state = 'running' AND late_from <= $1) AS overdue,
       count(*) FILTER (WHERE state = 'paused') AS paused,
       count(*) FILTER (WHERE differs) AS differing
FROM clock WHERE state IN ('running', 'paused')
"""
_RING_DIFFERING = """
INSERT INTO timer (dossier_id, kind, due_at)
SELECT dossier_id, 'check', $1::timestamptz FROM clock WHERE differs AND state IN ('running', 'paused')
ON CONFLICT (dossier_id, kind) DO NOTHING
"""
CLOCKS_OPEN = Gauge("hub_sla_clocks", "Clocks that run, are overdue, or wait for the applicant.", ["state"])
DIFFERING = Gauge("hub_sla_dates_differing", "Dates of open clocks that the clock's own computation does not confirm.")


class ClockQueries:
    """Reads clocks from the service's database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def one(self, dossier_id: UUID) -> DossierClock | None:
        row = await self._pool.fetchrow(_ONE, dossier_id)
        return None if row is None else from_row(row)

    async def measure(self, now: datetime) -> None:
        """Sets the gauges; what is overdue goes by the clock, as in the list."""
        row = await self._pool.fetchrow(_COUNTS, now)
        assert row is not None
        for state in ("running", "overdue", "paused"):
            CLOCKS_OPEN.labels(state).set(row[state])
        DIFFERING.set(row["differing"])

    async def ring_differing(self, now: datetime) -> None:
        """Has the dates that are not confirmed checked once more, in the timers' own pace."""
        await self._pool.execute(_RING_DIFFERING, now)

    async def page(self, wish: DeadlineWish, now: datetime, most: int) -> Sequence[DossierClock]:
        statement, values = listing(wish, now, most)
        return [from_row(row) for row in await self._pool.fetch(statement, *values)]


def listing(wish: DeadlineWish, now: datetime, most: int) -> tuple[str, list[Any]]:
    """The statement of a page, and its values."""
    values = [wish.state, now, wish.differs, wish.after, most]
    return (_PAGE, values) if wish.area is None else (_PAGE_OF_DESKS, [*values, wish.area])
