"""Dòng thay đổi: steps in the order of their transactions, none before all that began earlier have ended.

A number taken when a row is written says nothing about when it is committed. So each step keeps its transaction, and
only those below `pg_snapshot_xmin` are served: all of them have ended, nothing can appear before them any more.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.national_status import RegisterStatus
from services.intake.domain.systems.changes import Change, Changes, HistoryLost, Mark

PASSED_OVER = 1_000
"""Steps of other desks that one look passes over at most."""
_NOBODY = UUID(int=0)

_SERVER = "SELECT system_identifier FROM pg_control_system()"
_ENDED = "tx < pg_snapshot_xmin(pg_current_snapshot())"
_NEWEST = f"SELECT tx::text::bigint, event_id FROM step WHERE {_ENDED} ORDER BY step.tx DESC, event_id DESC LIMIT 1"  # noqa: S608
_KNOWN = "SELECT EXISTS (SELECT FROM step WHERE tx = $1::bigint::text::xid8 AND event_id = $2)"
_AFTER = f"""
SELECT walked.tx::text::bigint AS tx, walked.event_id, walked.dossier_id, type, at, theirs.*
FROM (
    SELECT tx, event_id, dossier_id, type, at FROM step
    WHERE (tx, event_id) > ($1::bigint::text::xid8, $2) AND {_ENDED} ORDER BY tx, event_id LIMIT $3
) AS walked
LEFT JOIN LATERAL (
    SELECT dossier.code, line.state, line.phase, line.accepted_at IS NOT NULL AS accepted
    FROM register_line AS line JOIN dossier ON dossier.id = line.dossier_id
    WHERE line.dossier_id = walked.dossier_id AND ($4::text[] IS NULL OR line.desk_code = ANY($4))
) AS theirs ON true
ORDER BY walked.tx, walked.event_id
"""  # noqa: S608


class ChangeFeed:
    """Reads of the change feed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(self) -> Mark:
        """Behind all that has happened."""
        row = await self._pool.fetchrow(_NEWEST)
        return await self.beginning() if row is None else Mark(await self._server(), row["tx"], row["event_id"])

    async def beginning(self) -> Mark:
        """Before all that is kept."""
        return Mark(await self._server(), 0, None)

    async def check(self, mark: Mark) -> None:
        """Raises HistoryLost. A mark names a step: one that isn't there any more belongs to a history that was lost."""
        known = mark.event_id is None or await self._pool.fetchval(_KNOWN, mark.tx, mark.event_id)
        if not known or mark.server != await self._server():
            raise HistoryLost

    async def after(self, mark: Mark, desks: Sequence[str] | None, limit: int) -> Changes:
        """Up to `limit` changes of dossiers of `desks` (None: all) that follow `mark`."""
        most = limit + 1 if desks is None else max(limit + 1, PASSED_OVER)
        rows = await self._pool.fetch(_AFTER, mark.tx, mark.event_id or _NOBODY, most, desks)
        found: list[Change] = []
        for row in rows:
            if len(found) == limit:
                return Changes(found, mark, more=True)
            mark = Mark(mark.server, row["tx"], row["event_id"])
            if row["state"] is not None:
                found.append(_change(mark, row))
        return Changes(found, mark, more=len(rows) == most)

    async def _server(self) -> int:
        number: int = await self._pool.fetchval(_SERVER)
        return number


def _change(mark: Mark, row: Any) -> Change:
    status = RegisterStatus(row["state"], row["phase"], row["accepted"])
    return Change(mark, row["dossier_id"], row["code"], row["type"], row["at"], status)
