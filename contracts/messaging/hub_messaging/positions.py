"""Vị trí đọc: where each partition is read on from, kept in the service's own database, in the batch's transaction.

A position moves only from where its reader believes it to be: a process that lost a partition unawares commits
nothing, and two readers of one partition can't pull it to and fro. It belongs to one topic, known by its id: a topic
that was deleted and made anew under the same name has other records at the same offsets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from aiokafka import TopicPartition

from hub_messaging.database import Connection, Pool

MADE_ANEW = "the topic was deleted and made anew"
_STORED = "SELECT topic, partition, next_offset, topic_id FROM position WHERE topic = ANY($1)"
_BEGIN = """
INSERT INTO position (topic, partition, next_offset, topic_id) VALUES ($1, $2, 0, $3)
ON CONFLICT (topic, partition) DO UPDATE SET topic_id = excluded.topic_id WHERE position.topic_id IS NULL
"""
_MOVE = """
UPDATE position SET next_offset = given.next_offset
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS given(topic, partition, believed, next_offset)
WHERE position.topic = given.topic AND position.partition = given.partition AND position.next_offset = given.believed
"""


class PositionMoved(Exception):
    """Somebody else has read on from where this process stood: nothing of the batch is committed."""


class Position(NamedTuple):
    """Where one partition is read on. `topic_id`: None until a version that knows of ids has read from here."""

    next_offset: int
    topic_id: UUID | None = None

    def misfit(self, topic_id: UUID, begin: int, end: int) -> str | None:
        """Why nothing can be read on from here in the log `begin`-`end` of `topic_id`; None when it can."""
        if self.is_of_another(topic_id):
            return MADE_ANEW
        if not begin <= self.next_offset <= end:
            return f"position {self.next_offset} is not in the log {begin}-{end}"
        return None

    def is_of_another(self, topic_id: UUID) -> bool:
        """Whether it belongs to a topic that is no more."""
        return self.topic_id not in (None, topic_id)


async def stored(pool: Pool, topics: Iterable[str]) -> Mapping[TopicPartition, Position]:
    """The position of each partition of `topics` that was ever read."""
    rows = await pool.fetch(_STORED, sorted(topics))
    return {
        TopicPartition(row["topic"], row["partition"]): Position(row["next_offset"], row["topic_id"]) for row in rows
    }


async def begin(pool: Pool, partition: TopicPartition, topic_id: UUID) -> None:
    """A partition that was never read begins at 0; a position without an id takes `topic_id`."""
    await pool.execute(_BEGIN, partition.topic, partition.partition, topic_id)


async def move(connection: Connection, moves: Sequence[tuple[TopicPartition, int, int]]) -> None:
    """Moves each partition from an offset to another. Raises PositionMoved when one does not stand there."""
    rows = [(partition.topic, partition.partition, believed, end) for partition, believed, end in moves]
    done = await connection.execute(_MOVE, *(list(column) for column in zip(*rows, strict=True)))
    if done != f"UPDATE {len(rows)}":
        raise PositionMoved


async def stored_positions(pool: Pool) -> dict[tuple[str, int], int]:
    """Next offset by topic and partition, for operators and tests."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch("SELECT * FROM position")}
