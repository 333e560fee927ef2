"""Việc được rút lại: rows that need not be sent any more, and those of them that may have been under way just then.

Lanes commit no mark before their calls, but where the key is not honoured. So the withdrawal makes it: on what is due
while its lane has an owner, or since that owner was last heard of without having ended in order. A living owner writes
what became of its attempts, and takes the mark away from what it does not hold; whoever takes over from one that died
makes of such rows `unknown` ones (`hub_messaging.taken_over`). They are found out and never sent to see: the dossier is
nobody's affair any more.
"""

from collections.abc import Sequence
from uuid import UUID

from hub_messaging.database import Pool, locked_in_order
from hub_messaging.leases import LANES_OF_OURS, Lease, names_and_epochs

WITHDRAW = """
UPDATE work SET outcome = 'withdrawn', state = CASE WHEN state = 'unknown' THEN state ELSE 'done' END,
    finished_at = CASE WHEN state = 'unknown' THEN NULL ELSE now() END,
    started_at = CASE WHEN perhaps_under_way THEN coalesce(started_at, now()) ELSE started_at END
FROM (
    SELECT id, state = 'ready' AND next_at <= clock_timestamp() AND next_at < lease.until AS perhaps_under_way
    FROM unnest($1::text[], $2::uuid[]) AS given(lane, dossier_id) CROSS JOIN LATERAL (
        SELECT id FROM work WHERE work.lane = given.lane AND work.dossier_id = given.dossier_id
        AND state IN ('ready', 'behind', 'set_aside', 'unknown')
        UNION ALL
        SELECT id FROM work WHERE work.lane = given.lane AND work.dossier_id = given.dossier_id AND state = 'refused'
    ) AS found JOIN work USING (id) LEFT JOIN lease ON lease.name = 'lane:' || work.lane
    WHERE state = 'unknown' OR state <> 'done' AND coalesce(outcome !~ $3, true)
    ORDER BY id FOR UPDATE OF work
) AS locked WHERE work.id = locked.id
"""
"""Of lanes $1 and dossiers $2, but what may have been taken ($3). What is `unknown` stays so, and is not sent again.

By the clock: what has become due since the transaction began is sent too.
"""
IN_DOUBT = "state = 'done' AND started_at IS NOT NULL"
"""Withdrawn while they may have been under way; as the index `work_in_doubt` says it."""
_TRUST = f"""
UPDATE work SET started_at = NULL {locked_in_order("work", "id", f"{LANES_OF_OURS} AND {IN_DOUBT} AND id <> ALL($3)")}
"""  # noqa: S608


async def trust(pool: Pool, lanes: Sequence[Lease], held: Sequence[UUID]) -> None:
    """The owner of lanes knows what is under way in them: of what was withdrawn, no more than the rows it holds."""
    await pool.execute(_TRUST, *names_and_epochs(lanes), held)
