"""Bảng hand_over_list."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic_core import from_json, to_json

from hub_messaging.database import Pool, Table, TableStore
from services.intake.domain.desk.hand_over_list import HandOverList
from services.intake.store.systems.lateness import is_late

_TABLE = Table(
    "hand_over_list",
    ("id",),
    {
        "id": "uuid",
        "desk_code": "text",
        "agency_code": "text",
        "dossiers": "jsonb",
        "made_at": "timestamptz",
        "made_by": "text",
        "due_at": "timestamptz",
        "desk_signed_at": "timestamptz",
        "desk_signed_by": "text",
        "agency_signed_at": "timestamptz",
        "agency_signed_by": "text",
        "carries": "text",
    },
)
_COLUMNS = ", ".join(_TABLE.columns)
_ONE = f"SELECT {_COLUMNS} FROM hand_over_list WHERE id = $1"  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS} FROM hand_over_list
WHERE ($1::uuid IS NULL OR id > $1)
  AND ($2::text[] IS NULL OR desk_code = ANY($2) OR agency_code = ANY($2))
  AND ($3::timestamptz IS NULL OR ({is_late("due_at", "$3")} AND (desk_signed_at IS NULL OR agency_signed_at IS NULL)))
ORDER BY id LIMIT $4
"""  # noqa: S608


def _row(made: HandOverList) -> Sequence[object]:
    return made._replace(dossiers=to_json(made.dossiers).decode())  # type: ignore[arg-type]


def _from(row: asyncpg.Record) -> HandOverList:
    return HandOverList(**{**row, "dossiers": tuple(map(UUID, from_json(row["dossiers"])))})


HAND_OVERS = TableStore(_TABLE, to_row=_row, from_row=_from)


class HandOverQueries:
    """Reads of hand-over lists."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, list_id: UUID) -> HandOverList | None:
        row = await self._pool.fetchrow(_ONE, list_id)
        return None if row is None else _from(row)

    async def page(
        self, after: UUID | None, most: int, *, offices: Sequence[str] | None, overdue_at: datetime | None
    ) -> Sequence[HandOverList]:
        """Up to `most` lists with ids above `after`; `overdue_at`: those that were due then and lack a signature."""
        return [_from(row) for row in await self._pool.fetch(_PAGE, after, offices, overdue_at, most)]
