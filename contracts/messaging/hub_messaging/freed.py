"""Việc kẹt lại: rows that stand behind nothing, freed now and then by the owner of their lane.

One can be added just while the row before it ends. It can't where both jobs name the dossier's aggregate, as they
should: so nobody hurries. The owner renews its leases in between, and however many rows wait, it looks at a few only.
"""

from collections.abc import Iterable
from uuid import UUID

from hub_messaging.database import Pool

AT_ONCE = 1000
"""Dossiers; less than 0.1 s. However many wait: 300,000 are looked at within an hour."""
Place = tuple[str, UUID]
START: Place = ("", UUID(int=0))

_FREE = """
WITH RECURSIVE found AS (
    SELECT NULL::uuid AS id, $2::text AS lane, $3::uuid AS dossier_id, 0 AS number
    UNION ALL
    SELECT next.id, next.lane, next.dossier_id, number + 1 FROM found CROSS JOIN LATERAL (
        SELECT id, lane, dossier_id FROM work
        WHERE state = 'behind' AND (work.lane, work.dossier_id) > (found.lane, found.dossier_id)
        ORDER BY lane, dossier_id, seq LIMIT 1
    ) AS next WHERE number < $4
), freed AS (
    UPDATE work SET state = 'ready' FROM (
        SELECT id FROM work WHERE state = 'behind' AND id IN (
            SELECT id FROM found WHERE lane = ANY($1) AND number > 0 AND (
                SELECT true FROM work AS head WHERE head.lane = found.lane AND head.dossier_id = found.dossier_id
                AND head.state IN ('ready', 'set_aside', 'unknown') LIMIT 1
            ) IS NULL
        ) ORDER BY id FOR UPDATE
    ) AS locked WHERE work.id = locked.id
)
SELECT lane, dossier_id FROM found WHERE number = $4
"""
"""From dossier to dossier, whoever's their lanes are: each step asks the index for one row, however many there are."""


async def free(pool: Pool, lanes: Iterable[str], after: Place = START) -> Place:
    """Frees what stands behind nothing in these lanes, among the next dossiers; returns where to go on."""
    last = await pool.fetchrow(_FREE, list(lanes), *after, AT_ONCE)
    return START if last is None else (last["lane"], last["dossier_id"])
