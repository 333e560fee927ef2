"""Việc còn lại: how much still waits in each lane, for gauges and for people."""

from dataclasses import dataclass

from hub_messaging.database import Pool
from hub_messaging.metrics import WORK_DUE, WORK_SET_ASIDE, WORK_UNKNOWN
from hub_messaging.work import FOR_A_PERSON

_BACKLOG = f"""
SELECT lane, sum(due)::bigint AS due, sum(aside)::bigint AS set_aside, sum(unknown)::bigint AS unknown FROM (
    SELECT lane, count(*) AS due, 0 AS aside, 0 AS unknown FROM work WHERE state = 'ready' GROUP BY lane
    UNION ALL
    SELECT lane, count(*), 0, 0 FROM work WHERE state = 'behind' GROUP BY lane
    UNION ALL
    SELECT lane, 0, count(*) FILTER (WHERE state <> 'unknown'), count(*) FILTER (WHERE state = 'unknown') FROM work
    WHERE {FOR_A_PERSON} GROUP BY lane
) AS counted GROUP BY lane
"""  # noqa: S608
# Written so that each part is answered by its partial index, what is due by the index alone: rows that are done are
# never visited, those that wait only where they have changed since the last vacuum.


@dataclass(frozen=True, slots=True)
class Backlog:
    """One lane: rows still to be done; refused or set aside; without a known outcome. A person looks at the latter."""

    due: int = 0
    set_aside: int = 0
    unknown: int = 0


async def by_lane(pool: Pool) -> dict[str, Backlog]:
    """Lanes without such rows are absent."""
    rows = await pool.fetch(_BACKLOG)
    return {row["lane"]: Backlog(row["due"], row["set_aside"], row["unknown"]) for row in rows}


async def measure(pool: Pool) -> None:
    """Sets the gauges of what is due and what a person must look at; a lane that is empty again is no longer shown."""
    found = await by_lane(pool)
    for gauge in (WORK_DUE, WORK_SET_ASIDE, WORK_UNKNOWN):
        gauge.clear()
    for lane, rows in found.items():
        WORK_DUE.labels(lane).set(rows.due)
        WORK_SET_ASIDE.labels(lane).set(rows.set_aside)
        WORK_UNKNOWN.labels(lane).set(rows.unknown)
