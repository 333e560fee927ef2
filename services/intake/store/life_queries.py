"""Tra cứu quá trình tại Bộ phận Một cửa, without locks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.correction import Correction
from services.intake.domain.late_entry import LateEntry
from services.intake.domain.life import Life
from services.intake.domain.on_the_spot import OnTheSpot
from services.intake.store.lives import CORRECTION, LATE_ENTRY, LIFE, correction_from, life_from

_ONE = f"SELECT {', '.join(LIFE.columns)} FROM dossier_life WHERE dossier_id = $1"  # noqa: S608
_CORRECTIONS = f"SELECT {', '.join(CORRECTION.columns)} FROM correction WHERE dossier_id = $1 ORDER BY number"  # noqa: S608
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

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

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

    async def on_the_spot(self, since: datetime, until: datetime, desks: Sequence[str] | None) -> Sequence[OnTheSpot]:
        """Results returned from `since` until before `until`, by desk."""
        rows = await self._pool.fetch(_ON_THE_SPOT, since, until, desks)
        return [OnTheSpot(**row) for row in rows]
