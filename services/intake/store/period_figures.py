"""Số liệu của kỳ: how many dossiers were received, carried over, finished and left open, counted in one place."""

from collections.abc import Sequence
from datetime import datetime

from hub_messaging.database import Pool
from services.intake.domain.period import Figures

_COUNT = """
WITH taken AS (
    SELECT received_at, dossier.state = 'supplement_requested' AS paused,
           (promise ->> 'due_at')::timestamptz AS due_at,
           least(progress.completed_at, life.result_ready_at, life.stopped_at) AS finished_at
    FROM dossier
        LEFT JOIN progress ON progress.dossier_id = dossier.id
        LEFT JOIN dossier_life AS life ON life.dossier_id = dossier.id
    WHERE accepted_at IS NOT NULL AND received_at < $2 AND ($3::text[] IS NULL OR dossier.desk_code = ANY ($3))
), counted AS (
    SELECT *, coalesce(finished_at < $2, false) AS finished_by_then FROM taken
), judged AS (
    SELECT *,
           received_at < $1 AS earlier,
           finished_by_then AND finished_at >= $1 AS finished_now,
           due_at IS NULL AS no_term,
           due_at < date_trunc('minute', CASE WHEN finished_by_then THEN finished_at ELSE $4 END)
               AND (finished_by_then OR NOT paused) AS late,
           (finished_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
               < (due_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS early
    FROM counted
)
SELECT count(*) FILTER (WHERE NOT earlier) AS received,
       count(*) FILTER (WHERE earlier AND (finished_now OR NOT finished_by_then)) AS carried_over,
       count(*) FILTER (WHERE finished_now AND no_term) AS finished_no_term,
       count(*) FILTER (WHERE finished_now AND late) AS finished_late,
       count(*) FILTER (WHERE finished_now AND NOT late AND early) AS finished_early,
       count(*) FILTER (WHERE finished_now AND NOT late AND NOT early) AS finished_on_time,
       count(*) FILTER (WHERE NOT finished_by_then AND no_term) AS open_no_term,
       count(*) FILTER (WHERE NOT finished_by_then AND late) AS open_late,
       count(*) FILTER (WHERE NOT finished_by_then AND NOT late) AS open_in_time
FROM judged
"""


class PeriodFigures:
    """Counts over the register. Late: finished after the promised minute; or open, and that minute has passed.

    As for the clock and for lists: what waits for the applicant is not late meanwhile.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, begin: datetime, end: datetime, desks: Sequence[str] | None, now: datetime) -> Figures:
        """The figures of [begin, end), for some desks or (None) all; what is open is judged at its end, or `now`."""
        row = await self._pool.fetchrow(_COUNT, begin, end, desks, min(end, now))
        assert row is not None
        return Figures(**row)
