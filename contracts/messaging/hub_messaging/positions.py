"""Vị trí đọc: where each partition is read on from, kept in the service's own database, in the batch's transaction.

A position moves only from where its reader believes it to be: a process that lost a partition unawares commits
nothing, and two readers of one partition can't pull it to and fro.
"""

from collections.abc import Iterable, Mapping, Sequence

from aiokafka import TopicPartition

from hub_messaging.database import Connection, Pool

_STORED = "SELECT topic, partition, next_offset FROM position WHERE topic = ANY($1)"
_BEGIN = "INSERT INTO position (topic, partition, next_offset) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING"
_MOVE = """
UPDATE position SET next_offset = given.next_offset
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS given(topic, partition, believed, next_offset)
WHERE position.topic = given.topic AND position.partition = given.partition AND position.next_offset = given.believed
"""


class PositionMoved(Exception):
    """Somebody else has read on from where this process stood: nothing of the batch is committed."""


async def stored(pool: Pool, topics: Iterable[str]) -> Mapping[TopicPartition, int]:
    """Next offset of each partition of `topics` that was ever read."""
    rows = await pool.fetch(_STORED, sorted(topics))
    return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def begin(pool: Pool, partition: TopicPartition) -> None:
    """A partition that was never read begins at 0."""
    await pool.execute(_BEGIN, partition.topic, partition.partition)


async def move(connection: Connection, moves: Sequence[tuple[TopicPartition, int, int]]) -> None:
    """Moves each partition from an offset to another. Raises PositionMoved when one does not stand there."""
    rows = [(partition.topic, partition.partition, believed, end) for partition, believed, end in moves]
    done = await connection.execute(_MOVE, *(list(column) for column in zip(*rows, strict=True)))
    if done != f"UPDATE {len(rows)}":
        raise PositionMoved


async def stored_positions(pool: Pool) -> dict[tuple[str, int], int]:
    """Next offset by topic and partition, for operators and tests."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch("SELECT * FROM position")}
