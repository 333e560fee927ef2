"""Tra cứu: what the routes read, without locks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.stuck import StuckDossier
from services.intake.domain.timeline import ERASED, Step
from services.intake.store.tables import DOSSIER, PROGRESS, dossier_from, progress_from

_PROGRESS_ONLY = ", ".join(f"progress.{name}" for name in PROGRESS.columns)
_SHOW = f"""
SELECT {", ".join(f"dossier.{name}" for name in DOSSIER.columns)}, {_PROGRESS_ONLY}
FROM dossier LEFT JOIN progress ON progress.dossier_id = dossier.id
"""  # noqa: S608
_STEPS = f"""
SELECT dossier_id, event_id, CASE WHEN facts ? 'erased' THEN '{ERASED}' ELSE type END AS type, at, recorded_at, facts
FROM step WHERE dossier_id = $1 ORDER BY at, recorded_at
"""  # noqa: S608
_UNSETTLED = "FROM progress WHERE NOT settled AND watched_since <= now() - $1::interval"
_STUCK = f"""
SELECT dossier.code, dossier.desk_code, {_PROGRESS_ONLY}
FROM progress JOIN dossier ON dossier.id = progress.dossier_id
WHERE NOT settled AND watched_since <= now() - $1::interval AND (watched_since, dossier.id) > ($2, $3)
ORDER BY watched_since, dossier.id LIMIT $4
"""  # noqa: S608
_COUNTS = f"""
SELECT count(*) FILTER (WHERE routed_at IS NULL) AS route,
       count(*) FILTER (WHERE expects_clock AND clock_started_at IS NULL) AS clock,
       count(*) FILTER (WHERE notice IS NULL) AS notice
{_UNSETTLED}
"""


class Queries:
    """Reads of the register. `stuck_after`: real time from an acceptance until what is missing is somebody's affair."""

    def __init__(self, pool: Pool, stuck_after: timedelta) -> None:
        self._pool = pool
        self._stuck_after = stuck_after

    async def desk_of(self, dossier_id: UUID) -> str | None:
        """The code of the desk that holds the dossier; it never changes. None: no such dossier."""
        code: str | None = await self._pool.fetchval("SELECT desk_code FROM dossier WHERE id = $1", dossier_id)
        return code

    async def by_id(self, dossier_id: UUID) -> tuple[Dossier, Progress] | None:
        """The dossier, with what is known of its way."""
        return await self._one(_SHOW + "WHERE dossier.id = $1", dossier_id)

    async def by_code(self, code: str) -> tuple[Dossier, Progress] | None:
        """The dossier of that official number."""
        return await self._one(_SHOW + "WHERE dossier.code = $1", code)

    async def _one(self, statement: str, key: UUID | str) -> tuple[Dossier, Progress] | None:
        row = await self._pool.fetchrow(statement, key)
        if row is None:
            return None
        dossier = dossier_from(row)
        return dossier, Progress(dossier.id) if row["dossier_id"] is None else progress_from(row)

    async def steps(self, dossier_id: UUID) -> Sequence[Step]:
        """The dossier's timeline, in the order of what happened."""
        rows = await self._pool.fetch(_STEPS, dossier_id)
        return [Step(**row) for row in rows]

    async def stuck(self, after: tuple[datetime, UUID], most: int) -> Sequence[StuckDossier]:
        """Up to `most` stuck dossiers, longest first, following the one that `after` names."""
        rows = await self._pool.fetch(_STUCK, self._stuck_after, *after, most)
        return [StuckDossier(row["code"], row["desk_code"], progress_from(row)) for row in rows]

    async def count_stuck(self) -> dict[str, int]:
        """How many dossiers are stuck, by what is missing."""
        row = await self._pool.fetchrow(_COUNTS, self._stuck_after)
        assert row is not None
        return dict(row)
