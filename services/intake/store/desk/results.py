"""Tra cứu kết quả chờ trả, without locks: along the index of what was decided and not returned."""

from datetime import datetime
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.desk.results import WaitingResult, Where
from services.intake.domain.dossier import OLD_BOOK

# $1 desk, $2 and $3 where the page before ended, $4 only those that were there before, $5 how many
_SHOWN = """
SELECT line.dossier_id, dossier.code AS dossier_code, line.procedure_code,
       dossier.procedure ->> 'name' AS procedure_name, line.desk_code AS received_by, life.result_by, life.result_desk,
       line.completed_at, found.since, life.result_sent_at AS sent_at,
       (SELECT coalesce(sum((fee ->> 'amount')::bigint), 0)::bigint FROM jsonb_array_elements(life.fees) AS fee
        WHERE fee ->> 'paid_at' IS NULL AND fee ->> 'waived_at' IS NULL) AS fees_due
FROM found JOIN register_line AS line USING (dossier_id) JOIN dossier ON dossier.id = line.dossier_id
    LEFT JOIN dossier_life AS life ON life.dossier_id = line.dossier_id
ORDER BY line.completed_at, line.dossier_id LIMIT $5
"""
_NOT_RETURNED = "line.state IN ('accepted', 'supplement_requested')"
_AFTER = "($2::timestamptz IS NULL OR (line.completed_at, line.dossier_id) > ($2, $3::uuid))"
_OWN = f"""
FROM register_line AS line JOIN dossier ON dossier.id = line.dossier_id
    LEFT JOIN dossier_life AS life ON life.dossier_id = line.dossier_id
WHERE line.desk_code = $1 AND line.completed_at IS NOT NULL AND {_NOT_RETURNED}
  AND dossier.promise #>> '{{term,reason}}' IS DISTINCT FROM '{OLD_BOOK}' AND {_AFTER}
"""
_FROM_ELSEWHERE = f"""
FROM dossier_life AS life JOIN register_line AS line ON line.dossier_id = life.dossier_id
WHERE life.result_desk = $1 AND life.desk_code <> $1 AND life.returned_at IS NULL
  AND line.completed_at IS NOT NULL AND {_NOT_RETURNED} AND {_AFTER}
"""
_ORDER = "ORDER BY line.completed_at, line.dossier_id LIMIT $5"


def _branch(since: str, source: str, also: str) -> str:
    return f"""(SELECT line.dossier_id, {since} AS since {source}
    AND {also} AND ($4::timestamptz IS NULL OR {since} < $4) {_ORDER})"""


_READY = "coalesce(life.result_ready_at, line.completed_at)"
_STAYS = "(life.result_desk IS NULL OR life.result_desk = $1)"
_BRANCHES: dict[Where, tuple[str, ...]] = {
    "here": (
        _branch(_READY, _OWN, _STAYS),
        _branch("life.result_arrived_at", _FROM_ELSEWHERE, "life.result_arrived_at IS NOT NULL"),
    ),
    "coming": (_branch(_READY, _FROM_ELSEWHERE, "life.result_arrived_at IS NULL"),),
    "to-send": (_branch(_READY, _OWN, "life.result_desk <> $1 AND life.result_sent_at IS NULL"),),
}
STATEMENTS: dict[Where, str] = {
    where: f"WITH found AS ({' UNION ALL '.join(branches)}) {_SHOWN}" for where, branches in _BRANCHES.items()
}


class Results:
    """Reads of results that wait."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def waiting(
        self, desk: str, where: Where, after: tuple[datetime, UUID] | None, before: datetime | None, most: int
    ) -> list[WaitingResult]:
        """Up to `most` of a desk, those first that were finished first; `before`: only those there before then."""
        at, dossier_id = after or (None, None)
        rows = await self._pool.fetch(STATEMENTS[where], desk, at, dossier_id, before, most)
        return [WaitingResult(**row) for row in rows]
