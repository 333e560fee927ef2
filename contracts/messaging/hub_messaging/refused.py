"""Bản ghi chờ xử lý: records that a service could not process: waiting for reference data, or dead letters.

Rows, not topics: shown, replayed *inside the service that refused them*, or discarded; who and why are kept.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hub_events.event import type_in
from hub_messaging.clock import real_now
from hub_messaging.database import Connection, Pool, Writes
from hub_messaging.metrics import DEAD_LETTERS_OPEN, WAITING_OLDEST, WAITING_RECORDS

WAITING, DEAD, REPLAYED, DISCARDED = "waiting", "dead", "replayed", "discarded"
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)

_INSERT = """
INSERT INTO refused_record (topic, partition, "offset", type, headers, key, body, state, reason, detail, next_at)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::text[],
                     $9::text[], $10::text[], $11::timestamptz[])
"""
_CLAIM_DUE = """
UPDATE refused_record SET next_at = now() + interval '30 seconds' WHERE id IN (
    SELECT id FROM refused_record WHERE state = 'waiting' AND next_at <= now()
    ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING id, topic, partition, "offset", headers, key, body, attempts
"""
_SETTLE = """
UPDATE refused_record SET state = given.state, reason = given.reason, detail = given.detail,
    attempts = attempts + 1, next_at = given.next_at
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    AS given(id, state, reason, detail, next_at)
WHERE refused_record.id = given.id AND refused_record.state = 'waiting'
"""
_SHOWN = 'id, topic, partition, "offset", type, state, reason, detail, attempts, refused_at, decided_by, decided_why'
_LIST = f"SELECT {_SHOWN} FROM refused_record WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3"  # noqa: S608
_DECIDE = """
UPDATE refused_record
SET state = $2, next_at = CASE WHEN $2 = 'waiting' THEN now() END, decided_by = $3, decided_why = $4
WHERE id = $1 AND state IN ('dead', 'waiting') RETURNING id
"""
_OPEN = """
SELECT count(*) FILTER (WHERE state = 'dead') AS dead, count(*) FILTER (WHERE state = 'waiting') AS waiting,
       coalesce(extract(epoch FROM now() - min(refused_at) FILTER (WHERE state = 'waiting')), 0)::float8 AS oldest
FROM refused_record WHERE state IN ('dead', 'waiting')
"""


class RawRecord(NamedTuple):
    """A Kafka record as it came: nothing about it is believed yet. `id`: set when it was refused before."""

    topic: str
    partition: int
    offset: int
    headers: tuple[tuple[str, bytes], ...]
    key: bytes | None
    body: bytes | None
    written_at: datetime | None = None
    id: int | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What becomes of a record that was not processed. `next_at`: when it is tried again, None for a dead letter."""

    record: RawRecord
    reason: str
    detail: str
    next_at: datetime | None

    @property
    def state(self) -> str:
        return DEAD if self.next_at is None else WAITING


class Refusals:
    """The records that a batch refuses, and what became of those it tried again."""

    def __init__(self) -> None:
        self._staged: list[Refusal] = []
        self._staged_done: list[RawRecord] = []
        self.kept: list[Refusal] = []
        self._done: list[RawRecord] = []

    def dead(self, record: RawRecord, reason: str, detail: str = "") -> None:
        self._staged.append(Refusal(record, reason, detail, None))

    def wait(self, record: RawRecord, reason: str, detail: str = "") -> None:
        """Tried again after 5 s, 10 s … at most 5 minutes."""
        pause = min(FIRST_WAIT * 2 ** min(record.attempts, 10), LONGEST_WAIT)
        self._staged.append(Refusal(record, reason, detail, real_now() + pause))

    def processed(self, record: RawRecord) -> None:
        """A record that was refused before has now been processed."""
        self._staged_done.append(record)

    def keep(self) -> None:
        if self._staged or self._staged_done:
            self.kept += self._staged
            self._done += self._staged_done
            self.discard()

    def discard(self) -> None:
        self._staged.clear()
        self._staged_done.clear()

    async def flush(self, _connection: Connection, writes: Writes) -> None:
        new = [refusal for refusal in self.kept if refusal.record.id is None]
        if new:
            writes.add(
                _INSERT,
                [refusal.record.topic for refusal in new],
                [refusal.record.partition for refusal in new],
                [refusal.record.offset for refusal in new],
                [_plain(type_in(refusal.record.headers)) for refusal in new],
                [headers_as_text(refusal.record.headers) for refusal in new],
                [refusal.record.key for refusal in new],
                [refusal.record.body for refusal in new],
                [refusal.state for refusal in new],
                [refusal.reason for refusal in new],
                [_plain(refusal.detail) for refusal in new],
                [refusal.next_at for refusal in new],
            )
        again: list[tuple[Any, ...]] = [
            (refusal.record.id, refusal.state, refusal.reason, _plain(refusal.detail), refusal.next_at)
            for refusal in self.kept
            if refusal.record.id is not None
        ]
        again += [(record.id, REPLAYED, "", "", None) for record in self._done]
        if again:
            writes.rows(_SETTLE, sorted(again, key=lambda row: row[0]))

    def bells(self) -> Iterable[str]:
        return ()


async def due(pool: Pool, most: int) -> list[RawRecord]:
    """Claims refused records whose time to be tried again has come; no other process gets them for 30 s."""
    rows = await pool.fetch(_CLAIM_DUE, most)
    return [
        RawRecord(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            headers=headers_from_text(row["headers"]),
            key=row["key"],
            body=row["body"],
            id=row["id"],
            attempts=row["attempts"],
        )
        for row in sorted(rows, key=lambda row: row["id"])
    ]


class RefusedTable:
    """The refused records of one database, as the operators' routes ask for them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def listed(self, state: str, after: int, most: int) -> list[dict[str, object]]:
        """Refused records in `state`, oldest first, without their bodies."""
        return [dict(row) for row in await self._pool.fetch(_LIST, state, after, most)]

    async def shown(self, record_id: int) -> dict[str, object] | None:
        """One refused record with headers and body (sealed parts stay sealed)."""
        row = await self._pool.fetchrow("SELECT * FROM refused_record WHERE id = $1", record_id)
        if row is None:
            return None
        headers = [(name, _readable(value)) for name, value in headers_from_text(row["headers"])]
        return {**row, "key": _readable(row["key"]), "headers": headers, "body": _readable(row["body"])}

    async def decide(self, record_id: int, state: str, who: str, why: str) -> bool:
        """Replay (`waiting`: tried at once) or discard; False when there is no such open record."""
        return await self._pool.fetchval(_DECIDE, record_id, state, who, why) is not None


def headers_as_text(headers: Iterable[tuple[str, bytes]]) -> str:
    """Headers as JSON; bytes that are not UTF-8 survive as lone surrogates."""
    return json.dumps([[name, (value or b"").decode("utf-8", "surrogateescape")] for name, value in headers])


def headers_from_text(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode("utf-8", "surrogateescape")) for name, value in json.loads(text))


def _plain(text: str | None) -> str | None:
    """Text that the database takes whatever it was, of bounded length."""
    return None if text is None else text[:500].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _readable(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


async def measure(pool: Pool) -> None:
    """Sets the gauges of what waits and what is dead."""
    row = await pool.fetchrow(_OPEN)
    assert row is not None
    DEAD_LETTERS_OPEN.set(row["dead"])
    WAITING_RECORDS.set(row["waiting"])
    WAITING_OLDEST.set(row["oldest"])
