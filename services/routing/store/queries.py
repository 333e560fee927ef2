"""Lists of transfers, read without locks."""

from collections.abc import Sequence
from uuid import UUID

from hub_messaging.database import Pool
from services.routing.domain.transfer import Transfer, TransferState
from services.routing.store.transfers import TABLE, from_row

_COLUMNS = ", ".join(TABLE.columns)
_ONE = f"SELECT {_COLUMNS} FROM transfer WHERE dossier_id = $1"  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS} FROM transfer
WHERE ($1::uuid IS NULL OR dossier_id > $1) AND ($2::text IS NULL OR state = $2) AND (NOT $3 OR contradicted)
  AND (NOT $6 OR to_recall) AND (NOT $7 OR to_correct)
  AND ($4::text[] IS NULL OR offices ?| $4)
ORDER BY dossier_id LIMIT $5
"""  # noqa: S608


class TransferTable:
    """Transfers for people and systems that ask."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, dossier_id: UUID) -> Transfer | None:
        row = await self._pool.fetchrow(_ONE, dossier_id)
        return None if row is None else from_row(row)

    async def page(
        self,
        after: UUID | None,
        most: int,
        *,
        state: TransferState | None,
        contradicted: bool,
        to_recall: bool = False,
        to_correct: bool = False,
        offices: Sequence[str] | None,
    ) -> list[Transfer]:
        """Up to `most` transfers with ids above `after`, if given; `offices` None: of all desks and agencies."""
        rows = await self._pool.fetch(_PAGE, after, state, contradicted, offices, most, to_recall, to_correct)
        return [from_row(row) for row in rows]
