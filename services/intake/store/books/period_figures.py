"""Số liệu của kỳ: how many dossiers were received, carried over, finished and left open, counted in one place."""

from collections.abc import Sequence
from datetime import datetime

from hub_messaging.database import Pool
from services.intake.domain.books.period import Figures
from services.intake.domain.stated import CLOCK_DIFFERENCE
from services.intake.store.systems.lateness import is_early, is_late

_COUNT = f"""
WITH taken AS MATERIALIZED (
    SELECT accepted_at < $1 AS earlier, coalesce(completed_at < $2, false) AS finished_by_then,
           greatest(completed_at, accepted_at) AS finished_at,
           CASE WHEN completed_at < $2 THEN ROW (due_at, coalesce(judged_at, completed_at))::judgement
                ELSE (SELECT judged(promise, supplement, dossier.accepted_at, $4) FROM dossier WHERE id = dossier_id)
           END AS stands
    FROM register_line
    WHERE accepted_at < $2 AND received_at < $2 + $5::interval AND ($3::text[] IS NULL OR desk_code = ANY ($3))
), told AS (
    SELECT earlier,
           NOT finished_by_then AS open,
           finished_by_then AND finished_at >= $1 AS finished_now,
           CASE
               WHEN (stands).due_at IS NULL THEN 'no_term'
               WHEN NOT finished_by_then AND (stands).at < $4 THEN 'on_time'
               WHEN {is_late("(stands).due_at", "(stands).at")} THEN 'late'
               WHEN finished_by_then AND {is_early("(stands).due_at", "(stands).at")} THEN 'early'
               ELSE 'on_time'
           END AS outcome
    FROM taken
)
SELECT count(*) FILTER (WHERE NOT earlier) AS received,
       count(*) FILTER (WHERE earlier AND (finished_now OR open)) AS carried_over,
       count(*) FILTER (WHERE finished_now AND outcome = 'no_term') AS finished_no_term,
       count(*) FILTER (WHERE finished_now AND outcome = 'late') AS finished_late,
       count(*) FILTER (WHERE finished_now AND outcome = 'early') AS finished_early,
       count(*) FILTER (WHERE finished_now AND outcome = 'on_time') AS finished_on_time,
       count(*) FILTER (WHERE open AND outcome = 'no_term') AS open_no_term,
       count(*) FILTER (WHERE open AND outcome = 'late') AS open_late,
       count(*) FILTER (WHERE open AND outcome = 'on_time') AS open_in_time
FROM told
"""  # noqa: S608
"""Late as everywhere: docs/decisions/0006. What waits for a supplement is not late: its clock stands still; when
it ends so, that moment judges it. What is open is judged as of $4, so that what comes later changes no past period:
`judged` gives the date that held then, and an earlier moment where its clock stood still. A dossier is in the period
of its acceptance, for the same reason: what a portal left waiting, or a desk entered late, is nothing of a month that
was reported. What was over by then is finished at its acceptance. The index goes by the receipt, which lies before that
but for the sender's clock."""


class PeriodFigures:
    """Counts over the register. Late: finished after the promised minute; or open, and that minute has passed.

    As for the clock and for lists: what waits for the applicant is not late meanwhile.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, begin: datetime, end: datetime, desks: Sequence[str] | None, now: datetime) -> Figures:
        """The figures of [begin, end), for some desks or (None) all; what is open is judged at its end, or `now`."""
        row = await self._pool.fetchrow(_COUNT, begin, end, desks, min(end, now), CLOCK_DIFFERENCE)
        assert row is not None
        return Figures(**row)
