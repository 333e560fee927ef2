"""Niêm phong trong cơ sở dữ liệu: how steps are hashed and chained, and how seals are held against them again.

The hash of an entry is SHA-256(head ∥ SHA-256(facts)): head is a JSON array of the ids, the type and both times in
microseconds since 1970 in UTC, facts is the object as PostgreSQL writes a jsonb; no setting and no order of columns has
a say. The facts' own hash stands in for them once they are erased. tests/intake/test_seals.py pins the form.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub_messaging.database import Connection, Pool
from services.intake.domain.systems.seals import (
    SEALED_AT_ONCE,
    Fault,
    FaultKind,
    Finding,
    Seal,
    Verdict,
    judge,
)

GENESIS = bytes(32)
"""What the first seal's chain follows."""
UNSEALED_COUNTED = 10_000

_MARKED = '{"erased": true}'
_FACTS_HASH = "coalesce(erased_step.facts_hash, sha256(convert_to(step.facts::text, 'UTF8')))"


def _microseconds(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


_HEAD = (
    "jsonb_build_array(step.dossier_id, step.event_id, step.type,"
    f" {_microseconds('step.at')}, {_microseconds('step.recorded_at')})::text"
)
_HASH = f"sha256(convert_to({_HEAD}, 'UTF8') || {_FACTS_HASH})"


def _chain(before: str, number: str, sealed_at: str, entries: str, hashes: str) -> str:
    head = f"jsonb_build_array({number}, {_microseconds(sealed_at)}, {entries})::text"
    return f"sha256({before} || convert_to({head}, 'UTF8') || {hashes})"


_ERASED = "LEFT JOIN erased_step USING (dossier_id, event_id)"
_ENDED = "tx < pg_snapshot_xmin(pg_current_snapshot())"
_NEWEST = "SELECT number, sealed_at, entries, chain, tx::text, event_id FROM seal ORDER BY number DESC LIMIT 1"
_SEAL = f"""
INSERT INTO seal (number, sealed_at, tx, event_id, entries, dossier_ids, event_ids, hashes, chain)
SELECT $4, $6, last_tx, event_ids[entries], entries, dossier_ids, event_ids, hashes,
       {_chain("$5::bytea", "$4::bigint", "$6::timestamptz", "entries", "hashes")}
FROM (
    SELECT count(*)::int AS entries, (array_agg(tx ORDER BY tx DESC))[1] AS last_tx,
           array_agg(dossier_id ORDER BY tx, event_id, dossier_id) AS dossier_ids,
           array_agg(event_id ORDER BY tx, event_id, dossier_id) AS event_ids,
           string_agg(hash, ''::bytea ORDER BY tx, event_id, dossier_id) AS hashes
    FROM (
        SELECT step.tx, dossier_id, event_id, {_HASH} AS hash
        FROM (
            SELECT * FROM step WHERE (tx, event_id) > ($1::text::xid8, $2::uuid) AND {_ENDED}
            ORDER BY tx, event_id FETCH FIRST ($3::int) ROWS WITH TIES
        ) AS step {_ERASED}
    ) AS entry
) AS batch
WHERE entries > 0
RETURNING entries
"""  # noqa: S608
_SEALS = "SELECT number, sealed_at, entries, chain FROM seal WHERE number > $1 ORDER BY number LIMIT $2"
_BEGIN = "(coalesce(before.tx, '0'::xid8), coalesce(before.event_id, '00000000-0000-0000-0000-000000000000'))"
_FINDINGS = f"""
SELECT seal.number, seal.sealed_at, seal.entries, seal.chain, seal.number = 1 OR before.number IS NOT NULL AS follows,
       cardinality(seal.dossier_ids) = seal.entries AND cardinality(seal.event_ids) = seal.entries
           AND octet_length(seal.hashes) = 32 * seal.entries
           AND seal.chain = {
    _chain("coalesce(before.chain, $3)", "seal.number", "seal.sealed_at", "seal.entries", "seal.hashes")
} AS chained,
       entry.*,
       (SELECT count(*) FROM step WHERE (step.tx, step.event_id) > {_BEGIN}
            AND (step.tx, step.event_id) <= (seal.tx, seal.event_id)) AS between
FROM (SELECT * FROM seal WHERE number > $1 ORDER BY number LIMIT $2) AS seal
LEFT JOIN seal AS before ON before.number = seal.number - 1
CROSS JOIN LATERAL (SELECT seal.hashes || ''::bytea AS hashes OFFSET 0) AS whole  -- fetched once, not for each entry
CROSS JOIN LATERAL (
    SELECT min(place) FILTER (WHERE step.type IS NULL) AS removed,
           min(place) FILTER (WHERE {_HASH} <> substring(whole.hashes FROM (32 * (place - 1) + 1)::int FOR 32)
               OR (erased_step.facts_hash IS NOT NULL AND step.facts <> '{_MARKED}')) AS changed,
           min(place) FILTER (WHERE (step.tx, step.event_id) <= {_BEGIN}
               OR (step.tx, step.event_id) > (seal.tx, seal.event_id)) AS moved,
           count(erased_step.facts_hash) AS erased
    FROM unnest(seal.dossier_ids, seal.event_ids) WITH ORDINALITY AS named (dossier_id, event_id, place)
    LEFT JOIN step USING (dossier_id, event_id) {_ERASED}
) AS entry
ORDER BY seal.number
"""  # noqa: S608
_NAMED = "SELECT dossier_ids[$2] AS dossier_id, event_ids[$2] AS event_id FROM seal WHERE number = $1"
_INSERTED = f"""
SELECT step.dossier_id, step.event_id
FROM seal LEFT JOIN seal AS before ON before.number = seal.number - 1
JOIN step ON (step.tx, step.event_id) > {_BEGIN} AND (step.tx, step.event_id) <= (seal.tx, seal.event_id)
WHERE seal.number = $1 AND (step.dossier_id, step.event_id) NOT IN (
    SELECT dossier_id, event_id FROM unnest(seal.dossier_ids, seal.event_ids) AS named (dossier_id, event_id))
ORDER BY step.tx, step.event_id LIMIT 1
"""  # noqa: S608
_AHEAD = """
SELECT dossier_id, event_id FROM step WHERE tx >= pg_snapshot_xmax(pg_current_snapshot())
ORDER BY tx, event_id LIMIT 1
"""
_UNSEALED = f"""
SELECT count(*) FROM (
    SELECT FROM step WHERE (tx, event_id) > ($1::text::xid8, $2::uuid) AND {_ENDED} LIMIT $3
) AS step
"""  # noqa: S608
_NOBODY = "00000000-0000-0000-0000-000000000000"


async def seal_steps(connection: Connection, now: datetime) -> int:
    """Seals the next steps, as many as a seal takes; how many. A number given twice is refused by the key."""
    newest = await connection.fetchrow(_NEWEST)
    number, chain = (0, GENESIS) if newest is None else (newest["number"], newest["chain"])
    sealed: int | None = await connection.fetchval(_SEAL, *_mark(newest), SEALED_AT_ONCE, number + 1, chain, now)
    return sealed or 0


def _mark(newest: Any) -> tuple[str, Any]:
    return ("0", _NOBODY) if newest is None else (newest["tx"], newest["event_id"])


class SealQueries:
    """Reads of seals, and of what they prove."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(self) -> Seal | None:
        row = await self._pool.fetchrow(_NEWEST)
        return None if row is None else _seal(row)

    async def seals(self, after: int, limit: int) -> Sequence[Seal]:
        return [_seal(row) for row in await self._pool.fetch(_SEALS, after, limit)]

    async def unsealed(self, most: int = UNSEALED_COUNTED) -> int:
        """Steps that could be sealed and are not yet; counted up to `most`."""
        mark = _mark(await self._pool.fetchrow(_NEWEST))
        count: int = await self._pool.fetchval(_UNSEALED, *mark, most)
        return count

    async def verify(self, after: int, limit: int) -> Verdict:
        """Computes everything anew for the seals behind `after`, up to the first fault."""
        found = [_finding(row) for row in await self._pool.fetch(_FINDINGS, after, limit, GENESIS)]
        good, fault = judge(after, found)
        if fault is None and len(found) < limit and await self._pool.fetchrow(_AHEAD):
            # under a number that no transaction has had yet: it would never be sealed
            fault = Fault(FaultKind.AHEAD, after + len(good))
        return Verdict(good, None if fault is None else await self._named(fault))

    async def _named(self, fault: Fault) -> Fault:
        """The fault with the step that it is about."""
        if fault.kind is FaultKind.INSERTED:
            row = await self._pool.fetchrow(_INSERTED, fault.seal)
        elif fault.kind is FaultKind.AHEAD:
            row = await self._pool.fetchrow(_AHEAD)
        elif fault.entry is not None:
            row = await self._pool.fetchrow(_NAMED, fault.seal, fault.entry)
        else:
            row = None
        return fault if row is None else fault._replace(dossier_id=row["dossier_id"], event_id=row["event_id"])


def _seal(row: Any) -> Seal:
    return Seal(row["number"], row["sealed_at"], row["entries"], row["chain"])


def _finding(row: Any) -> Finding:
    places = row["removed"], row["changed"], row["moved"]
    return Finding(_seal(row), row["follows"], row["chained"], *places, row["erased"], row["between"])
