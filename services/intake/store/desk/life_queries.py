"""Tra cứu quá trình tại Bộ phận Một cửa, without locks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.desk.correction import Correction
from services.intake.domain.desk.duplicates import Similar
from services.intake.domain.desk.late_entry import LateEntry
from services.intake.domain.desk.life import Life
from services.intake.domain.desk.on_the_spot import OnTheSpot
from services.intake.store.desk.lives import CORRECTION, LATE_ENTRY, LIFE, correction_from, life_from

_ONE = f"SELECT {', '.join(LIFE.columns)} FROM dossier_life WHERE dossier_id = $1"  # noqa: S608
_CORRECTIONS = f"SELECT {', '.join(CORRECTION.columns)} FROM correction WHERE dossier_id = $1 ORDER BY number"  # noqa: S608
_SIMILAR = """
SELECT other.dossier_id, dossier.code AS dossier_code, dossier.desk_code, other.received_at
FROM applicant_mark AS this
JOIN applicant_mark AS other ON other.mark = this.mark AND other.procedure_code = this.procedure_code
    AND other.dossier_id <> this.dossier_id AND abs(extract(epoch FROM other.received_at - this.received_at)) <= $2
JOIN dossier ON dossier.id = other.dossier_id
WHERE this.dossier_id = $1 AND ($3::text[] IS NULL OR dossier.desk_code = ANY($3))
ORDER BY other.received_at DESC, other.dossier_id LIMIT 20
"""
_DUPLICATES = """
SELECT this.dossier_id, dossier.code AS dossier_code, dossier.desk_code, this.received_at
FROM applicant_mark AS this JOIN dossier ON dossier.id = this.dossier_id
WHERE this.received_at >= $1 AND ($2::uuid IS NULL OR this.dossier_id > $2)
  AND ($3::text[] IS NULL OR dossier.desk_code = ANY($3)) AND EXISTS (
    SELECT FROM applicant_mark AS other JOIN dossier AS its ON its.id = other.dossier_id
    WHERE other.mark = this.mark AND other.procedure_code = this.procedure_code
      AND other.dossier_id <> this.dossier_id AND abs(extract(epoch FROM other.received_at - this.received_at)) <= $4
      AND ($3::text[] IS NULL OR its.desk_code = ANY($3))
  )
ORDER BY this.dossier_id LIMIT $5
"""
_LATE = f"""
SELECT {", ".join(LATE_ENTRY.columns)} FROM late_entry
WHERE ($1::uuid IS NULL OR dossier_id > $1) AND (NOT $2 OR reason IS NULL)
  AND ($3::text[] IS NULL OR desk_code = ANY($3)) ORDER BY dossier_id LIMIT $4
"""  # noqa: S608
_ON_THE_SPOT = """
SELECT desk_code, count(*) AS returned, count(*) FILTER (WHERE on_the_spot) AS on_the_spot FROM dossier_life
WHERE returned_at >= $1 AND returned_at < $2 AND ($3::text[] IS NULL OR desk_code = ANY($3))
GROUP BY desk_code ORDER BY desk_code
"""


class LifeQueries:
    """Reads of what happened at the desk."""

    def __init__(self, pool: Pool, duplicate_window: timedelta) -> None:
        self._pool = pool
        self._window = duplicate_window

    async def life_of(self, dossier_id: UUID) -> Life | None:
        """None: nothing but the decisions about acceptance and supplements."""
        row = await self._pool.fetchrow(_ONE, dossier_id)
        return None if row is None else life_from(row)

    async def corrections(self, dossier_id: UUID) -> Sequence[Correction]:
        """All of a dossier's, in order."""
        return [correction_from(row) for row in await self._pool.fetch(_CORRECTIONS, dossier_id)]

    async def late_entries(
        self, after: UUID | None, most: int, *, unexplained: bool, desks: Sequence[str] | None
    ) -> Sequence[LateEntry]:
        """Up to `most` late entries with ids above `after`; `unexplained`: only those without a reason."""
        return [LateEntry(**row) for row in await self._pool.fetch(_LATE, after, unexplained, desks, most)]

    async def similar(self, dossier_id: UUID, desks: Sequence[str] | None) -> Sequence[Similar]:
        """Dossiers of the same person and procedure within the window, newest first, 20 at most."""
        rows = await self._pool.fetch(_SIMILAR, dossier_id, self._window.total_seconds(), desks)
        return [Similar(**row) for row in rows]

    async def duplicates(
        self, now: datetime, after: UUID | None, most: int, desks: Sequence[str] | None
    ) -> Sequence[Similar]:
        """Up to `most` dossiers of the last window that have a similar one, with ids above `after`."""
        seconds = self._window.total_seconds()
        rows = await self._pool.fetch(_DUPLICATES, now - self._window, after, desks, seconds, most)
        return [Similar(**row) for row in rows]

    async def on_the_spot(self, since: datetime, until: datetime, desks: Sequence[str] | None) -> Sequence[OnTheSpot]:
        """Results returned from `since` until before `until`, by desk."""
        rows = await self._pool.fetch(_ON_THE_SPOT, since, until, desks)
        return [OnTheSpot(**row) for row in rows]
