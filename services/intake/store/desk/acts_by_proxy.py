"""Bảng act_by_proxy: papers that were shown at a collection, and papers that somebody accepted though they lack."""

from collections.abc import Sequence
from dataclasses import astuple
from uuid import UUID

from hub_messaging.database import Pool, Table, Writes
from services.intake.domain.desk.authorisation import ActByProxy

_TABLE = Table(
    "act_by_proxy",
    ("event_id",),
    {
        "dossier_id": "uuid",
        "event_id": "uuid",
        "act": "text",
        "at": "timestamptz",
        "desk_code": "text",
        "lack": "text",
        "officer": "text",
        "sealed": "text",
    },
)
_ACCEPTED = f"""
SELECT {", ".join(_TABLE.columns)} FROM act_by_proxy
WHERE lack IS NOT NULL AND ($2::text[] IS NULL OR desk_code = ANY($2))
  AND ($1::uuid IS NULL OR (at, event_id) > (SELECT at, event_id FROM act_by_proxy WHERE event_id = $1))
ORDER BY at, event_id LIMIT $3
"""  # noqa: S608


def insert_acts(writes: Writes, acts: Sequence[ActByProxy]) -> None:
    """Adds acts; nothing of them is ever changed."""
    writes.rows(_TABLE.insert, map(astuple, acts))


class ProxyQueries:
    """Reads of what was done by proxy."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def accepted(self, after: UUID | None, most: int, desks: Sequence[str] | None) -> Sequence[ActByProxy]:
        """Up to `most` papers that were accepted though they lacked something, oldest first, following `after`."""
        return [ActByProxy(**row) for row in await self._pool.fetch(_ACCEPTED, after, desks, most)]
