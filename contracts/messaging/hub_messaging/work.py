"""Việc phải gửi: one row for each outside effect. Its id is the Idempotency-Key of every attempt.

Within (lane, dossier) a row is due only after the one before it has its final outcome: later ones stand `behind`.
`unknown`: whether the party took it is not known, and the party would make a second effect of a second request.
The body lies in a table of its own, so that attempts do not rewrite it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from hub_messaging.database import Connection, Pool, Writes, locked_in_order
from hub_messaging.leases import Lease, lane_of
from hub_messaging.outcomes import MAY_BE_TAKEN
from hub_messaging.withdrawn import WITHDRAW

LANES = "lanes"
READY, BEHIND, DONE, REFUSED, SET_ASIDE, UNKNOWN = "ready", "behind", "done", "refused", "set_aside", "unknown"

# Whatever changes several rows locks them in the order of their ids. Attempts that end badly are written without their
# dossiers' aggregates being locked, so these rows are all that keeps two writers apart.
# Each finds its rows by key however many others are open: a scalar subquery is never made into a hash of the whole
# index, as EXISTS may be; and a condition that names the closed states fits no index of the open ones.
_INSERT = """
INSERT INTO work (id, lane, dossier_id, kind, fact_at, state)
SELECT id, lane, dossier_id, kind, fact_at,
       CASE WHEN follows OR (
           SELECT true FROM work AS earlier WHERE earlier.lane = given.lane AND earlier.dossier_id = given.dossier_id
           AND earlier.state IN ('ready', 'behind', 'set_aside', 'unknown') LIMIT 1
       ) THEN 'behind' ELSE 'ready' END
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bool[])
    WITH ORDINALITY AS given(id, lane, dossier_id, kind, fact_at, follows, place)
ORDER BY place
ON CONFLICT (id) DO NOTHING
"""
_INSERT_BODIES = """
INSERT INTO work_body (id, body) SELECT id, body FROM unnest($1::uuid[], $2::bytea[]) AS given(id, body)
ON CONFLICT (id) DO NOTHING
"""
_SETTLE = """
UPDATE work SET state = given.state, attempts = given.attempts,
    outcome = CASE
        WHEN given.state = 'unknown' AND work.outcome = 'withdrawn' THEN work.outcome
        WHEN given.state IN ('ready', 'set_aside') AND work.outcome ~ $7 AND given.outcome !~ $7 THEN work.outcome
        ELSE given.outcome END,
    own_failures = given.own_failures, next_at = now() + make_interval(secs => given.wait),
    finished_at = CASE WHEN given.state IN ('done', 'refused') THEN now() END,
    started_at = CASE WHEN given.state = 'unknown' THEN work.started_at END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::float8[])
    AS given(id, state, outcome, attempts, own_failures, wait)
WHERE work.id = given.id AND (
    work.state NOT IN ('done', 'refused', 'set_aside', 'behind')
    OR work.outcome = 'withdrawn' AND (given.state = 'done' OR given.outcome ~ $7)
)
"""
"""What an earlier attempt may have hidden, a later one that was certainly not taken does not make certain."""
FOR_A_PERSON = "state IN ('refused', 'set_aside', 'unknown')"
"""Rows that a person can decide; as the index `work_looked_after` says it."""
_BEHIND_OTHERS = """state = 'refused' AND EXISTS (
    SELECT FROM work AS other WHERE other.lane = work.lane AND other.dossier_id = work.dossier_id
    AND other.state IN ('ready', 'behind', 'set_aside', 'unknown')
)"""
"""Of a row that is sent again: its dossier went on without it, and what is open now comes first."""
_WANTED_NO_MORE = "$2 = 'ready' AND outcome = 'withdrawn'"
_DECIDE = f"""
UPDATE work SET own_failures = 0, next_at = now(), started_at = NULL, settled_by = $4, settled_why = $5,
    outcome = CASE WHEN {_WANTED_NO_MORE} THEN outcome ELSE $3 END,
    state = CASE WHEN {_WANTED_NO_MORE} THEN 'done' WHEN $2 = 'ready' AND {_BEHIND_OTHERS} THEN 'behind' ELSE $2 END,
    finished_at = CASE WHEN $2 = 'done' OR {_WANTED_NO_MORE} THEN now() END
WHERE id = $1 AND attempts = $6 AND {FOR_A_PERSON} RETURNING state
"""  # noqa: S608
_REPLACE = f"""
UPDATE work SET state = 'done', outcome = 'replaced', finished_at = now()
{locked_in_order("work", "id", "id = ANY($1) AND state = 'refused'")} RETURNING work.id
"""  # noqa: S608
_STEP_FORWARD = """
UPDATE work SET state = 'ready' WHERE id IN (
    SELECT next.id FROM unnest($1::text[], $2::uuid[]) AS ended(lane, dossier_id)
    CROSS JOIN LATERAL (
        SELECT id FROM work WHERE work.lane = ended.lane AND work.dossier_id = ended.dossier_id AND state = 'behind'
        ORDER BY seq LIMIT 1
    ) AS next
    WHERE (
        SELECT true FROM work AS head WHERE head.lane = ended.lane AND head.dossier_id = ended.dossier_id
        AND head.state IN ('ready', 'set_aside', 'unknown') LIMIT 1
    ) IS NULL
)
"""
_REDO = f"""
UPDATE work SET own_failures = 0, next_at = now(), state = CASE WHEN {_BEHIND_OTHERS} THEN 'behind' ELSE 'ready' END
WHERE id = $1 AND state IN ('set_aside', 'refused') RETURNING lane
"""  # noqa: S608


def bell_of(lane: str) -> str:
    """The bell that wakes the owner of `lane`."""
    return f"{LANES}/{lane}"


class NewWork(NamedTuple):
    """An effect to be made. `fact_at`: real time of the commit that caused it (for the delay from fact to effect).

    `replaces`: only if one of these rows is refused still, which ends by it; not if a person sent that again meanwhile.
    """

    id: UUID
    lane: str
    dossier_id: UUID
    kind: str
    fact_at: datetime
    body: bytes
    replaces: tuple[UUID, ...] = ()


class WorkRow(NamedTuple):
    """An effect that is due, as its lane holds it."""

    id: UUID
    lane: str
    dossier_id: UUID
    kind: str
    fact_at: datetime
    created_at: datetime
    attempts: int
    own_failures: int
    body: bytes


class Settled(NamedTuple):
    """What an attempt made of a row. `wait_seconds`: until it is tried again (state `ready`)."""

    row: WorkRow
    state: str
    outcome: str
    attempts: int
    own_failures: int
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Decided:
    """What was found out about a row that waited for a person: it becomes `done` or `ready`. `by`, `why`: who says so.

    `outcome`: `sent`, `not-sent`, or why it is ended without being sent.
    """

    row: WorkRow
    state: str
    outcome: str
    by: str
    why: str


class AlreadySettled(Exception):
    """The row waits for nobody, or was tried meanwhile: somebody was quicker; nothing of the batch is committed."""


class WorkRows:
    """The work that a batch adds and settles."""

    def __init__(self) -> None:
        self._staged: list[NewWork] = []
        self._staged_settled: list[Settled] = []
        self._staged_decided: list[Decided] = []
        self._staged_withdrawn: list[tuple[str, UUID]] = []
        self.kept: list[NewWork] = []
        self.settled: list[Settled] = []
        self.decided: list[Decided] = []
        self.withdrawn: list[tuple[str, UUID]] = []

    def add(self, work: NewWork) -> None:
        self._staged.append(work)

    def settle(self, settled: Settled) -> None:
        self._staged_settled.append(settled)

    def decide(self, decided: Decided) -> None:
        """The flush raises AlreadySettled when the row is not refused, set aside or `unknown`."""
        self._staged_decided.append(decided)

    def withdraw(self, lane: str, dossier_id: UUID) -> None:
        """What was certainly not taken by now is never sent; what this job adds afterwards is.

        An attempt under way ends as it ends; what the party may have is found out, or sent until that is known.
        """
        self._staged = [work for work in self._staged if (work.lane, work.dossier_id) != (lane, dossier_id)]
        self._staged_withdrawn.append((lane, dossier_id))

    def keep(self) -> None:
        if self._staged or self._staged_settled or self._staged_decided or self._staged_withdrawn:
            self._withdraw_kept()
            self.kept += self._staged
            self.settled += self._staged_settled
            self.decided += self._staged_decided
            self.discard()

    def _withdraw_kept(self) -> None:
        """What the same batch was to add is left out: the statement comes before it."""
        if self._staged_withdrawn:
            self.withdrawn += self._staged_withdrawn
            gone = set(self._staged_withdrawn)
            self.kept = [work for work in self.kept if (work.lane, work.dossier_id) not in gone]

    def discard(self) -> None:
        self._staged.clear()
        self._staged_settled.clear()
        self._staged_decided.clear()
        self._staged_withdrawn.clear()

    async def flush(self, connection: Connection, writes: Writes) -> None:
        if self.settled:
            await self._flush_settled(connection)
        for decided in self.decided:
            await self._flush_decided(connection, decided)
        if replaced := [row_id for work in self.kept for row_id in work.replaces]:
            ended = {row["id"] for row in await connection.fetch(_REPLACE, replaced)}
            self.kept = [work for work in self.kept if not work.replaces or ended.intersection(work.replaces)]
        if self.withdrawn:
            lanes, dossiers = zip(*sorted(set(self.withdrawn)), strict=True)
            # At once: what is added besides must not stand behind it.
            await connection.execute(WITHDRAW, lanes, dossiers, MAY_BE_TAKEN)
            await connection.execute(_STEP_FORWARD, lanes, dossiers)
        if self.kept:
            self._add_new(writes)

    def _add_new(self, writes: Writes) -> None:
        seen: set[tuple[str, UUID]] = set()
        follows = []
        for work in self.kept:
            follows.append((work.lane, work.dossier_id) in seen)
            seen.add((work.lane, work.dossier_id))
        ids = [work.id for work in self.kept]
        writes.add(
            _INSERT,
            ids,
            [work.lane for work in self.kept],
            [work.dossier_id for work in self.kept],
            [work.kind for work in self.kept],
            [work.fact_at for work in self.kept],
            follows,
        )
        writes.add(_INSERT_BODIES, ids, [work.body for work in self.kept])

    async def _flush_settled(self, connection: Connection) -> None:
        rows = sorted(self.settled, key=lambda settled: settled.row.id)
        await connection.execute(
            _SETTLE,
            [settled.row.id for settled in rows],
            [settled.state for settled in rows],
            [settled.outcome[:200] for settled in rows],
            [settled.attempts for settled in rows],
            [settled.own_failures for settled in rows],
            [settled.wait_seconds for settled in rows],
            MAY_BE_TAKEN,
        )
        final = sorted({(s.row.lane, s.row.dossier_id) for s in rows if s.state in (DONE, REFUSED)})
        if final:
            await connection.execute(_STEP_FORWARD, [lane for lane, _ in final], [dossier for _, dossier in final])

    async def _flush_decided(self, connection: Connection, decided: Decided) -> None:
        row, state, outcome = decided.row, decided.state, decided.outcome
        ended = await connection.fetchval(_DECIDE, row.id, state, outcome, decided.by, decided.why, row.attempts)
        if ended is None:
            raise AlreadySettled
        if ended == DONE:
            await connection.execute(_STEP_FORWARD, [row.lane], [row.dossier_id])

    def bells(self) -> Iterable[str]:
        return {bell_of(work.lane) for work in self.kept} | {bell_of(decided.row.lane) for decided in self.decided}


_HEADS = """
SELECT head.id, head.lane, head.dossier_id, head.kind, head.fact_at, head.created_at, head.attempts, head.own_failures,
       work_body.body
FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[]) AS wanted(name, epoch, room, lane)
JOIN lease USING (name, epoch) CROSS JOIN LATERAL (
    SELECT * FROM work
    WHERE work.lane = wanted.lane AND state = 'ready' AND next_at <= least(now(), lease.until) AND id <> ALL($5::uuid[])
    ORDER BY next_at, seq LIMIT wanted.room
) AS head JOIN work_body ON work_body.id = head.id
"""
_LOOKED_AFTER = f"""
SELECT work.id, lane, dossier_id, kind, fact_at, created_at, attempts, own_failures, body
FROM work JOIN work_body ON work_body.id = work.id
WHERE dossier_id = $1 AND kind = $2 AND {FOR_A_PERSON} ORDER BY seq DESC LIMIT 1
"""  # noqa: S608
_HURRY = f"""
UPDATE work SET next_at = now()
{locked_in_order("work", "id", "lane = $1 AND state = 'ready' AND next_at > now() AND own_failures < 3")}
"""  # noqa: S608


async def due_heads(pool: Pool, room: Sequence[tuple[Lease, int]], running: Sequence[UUID]) -> list[WorkRow]:
    """What became due in lanes with room while they were ours: oldest first, without the rows that run already."""
    wanted = [(lease.name, lease.epoch, free, lane_of(lease)) for lease, free in room]
    rows = await pool.fetch(_HEADS, *zip(*wanted, strict=True), running)
    return [WorkRow(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Aside:
    """A row that waits for a person, as `aside` lists it. `seq` orders."""

    id: UUID
    seq: int
    dossier_id: UUID
    kind: str
    state: str
    outcome: str | None
    attempts: int
    created_at: datetime
    started_at: datetime | None


def aside(narrowed: str = "true") -> str:
    """The statement that lists what of lane $1 waits for a person, oldest first: behind $2, at most $3.

    `narrowed`: a condition that it must meet besides, with values from $4 on.
    """
    return f"""
    SELECT id, seq, dossier_id, kind, state, outcome, attempts, created_at, started_at FROM work
    WHERE lane = $1 AND {FOR_A_PERSON} AND seq > $2 AND {narrowed} ORDER BY seq LIMIT $3
    """  # noqa: S608


async def looked_after(pool: Pool, dossier_id: UUID, kind: str) -> WorkRow | None:
    """The dossier's newest row of this kind that waits for a person: an older one is of a message that has changed."""
    row = await pool.fetchrow(_LOOKED_AFTER, dossier_id, kind)
    return None if row is None else WorkRow(**row)


async def hurry(pool: Pool, lane: str) -> None:
    """The party is back: what failed only because it was away need not wait out its pause."""
    await pool.execute(_HURRY, lane)


async def redo(pool: Pool | Connection, work_id: UUID) -> str | None:
    """An operator sends a row that was set aside or refused again; its lane, or None when there is no such row."""
    lane: str | None = await pool.fetchval(_REDO, work_id)
    return lane
