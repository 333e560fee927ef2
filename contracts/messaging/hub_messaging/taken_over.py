"""Làn được tiếp quản: whoever follows an owner that died can't know what that one was sending, and notes so.

Before a call nothing is committed where the key is honoured. So the first rows that were due, as many as the owner can
have held, may have been taken: a stop doesn't take them back, they are sent on under their keys until that is known. At
a party that doesn't honour it, and of what was withdrawn meanwhile, the rows are marked: those are found out.
"""

from collections.abc import Sequence

from hub_messaging.database import Pool, locked_in_order
from hub_messaging.leases import LANES_OF_OURS, Lease, Leases, lane_of, names_and_epochs
from hub_messaging.outcomes import MAY_BE_TAKEN, PROCESS_ENDED
from hub_messaging.withdrawn import IN_DOUBT

_SUSPECTED = """state = 'ready' AND id IN (
    SELECT head.id FROM unnest($1::text[], $2::timestamptz[], $3::int[]) AS given(lane, since, most)
    CROSS JOIN LATERAL (
        SELECT id, outcome FROM work
        WHERE work.lane = given.lane AND state = 'ready' AND next_at <= least(now(), given.since)
        ORDER BY next_at, seq LIMIT given.most
    ) AS head WHERE coalesce(head.outcome !~ $4, true)
)"""
"""In the order in which they are sent."""
_SUSPECT = f"""
UPDATE work SET outcome = '{PROCESS_ENDED}' {locked_in_order("work", "id", _SUSPECTED)}
"""  # noqa: S608
_LOSE_TRACK = f"""
UPDATE work SET state = 'unknown', outcome = '{PROCESS_ENDED}', attempts = attempts + 1, next_at = now()
{locked_in_order("work", "id", f"{LANES_OF_OURS} AND state = 'ready' AND started_at IS NOT NULL")}
"""  # noqa: S608
_DOUBT = f"""
UPDATE work SET state = 'unknown', attempts = attempts + 1, next_at = now(), finished_at = NULL
{locked_in_order("work", "id", f"{LANES_OF_OURS} AND {IN_DOUBT}")}
"""  # noqa: S608

LANES_AT_ONCE = 50


async def inherit(pool: Pool, held: Leases, lanes: Sequence[Lease], unmarked: Sequence[int]) -> None:
    """Lanes that were just taken; of each so many rows may have been sent `unmarked`, if its owner died.

    Many lanes with much to send take longer than a lease lasts: some at a time, and the leases are renewed in between.
    The doubt comes last: a row that is withdrawn before it is suspected bears a mark. Whoever was followed in turn,
    before it came so far, leaves the marks alone: they tell what the next owner does.
    """
    abandoned = [
        (lease, lease.abandoned_at, most)
        for lease, most in zip(lanes, unmarked, strict=True)
        if lease.abandoned_at is not None
    ]
    for first in range(0, len(abandoned), LANES_AT_ONCE):
        leases, since, most = zip(*abandoned[first : first + LANES_AT_ONCE], strict=True)
        ours = names_and_epochs(leases)
        await pool.execute(_LOSE_TRACK, *ours)
        await pool.execute(_SUSPECT, [lane_of(lease) for lease in leases], since, most, MAY_BE_TAKEN)
        await pool.execute(_DOUBT, *ours)
        await held.renew()
