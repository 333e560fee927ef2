"""Phát lại: rebuilds a topic from its service's outbox, and has its readers begin anew.

What is sent again becomes pending again, and the relay sends it as it did the first time: same ids, keys, headers and
times, in the outbox's order. Why positions are always set to the log's begin: docs/decisions/0015-republishing.md.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.topics import Topic, destinations
from hub_local.layout import StackNotUsable
from hub_local.supervisor import Report
from hub_local.topic_log import Log, log_of
from hub_messaging.bells import Bells
from hub_messaging.database import UNAVAILABLE, Pool, open_pool
from hub_messaging.health import Heart
from hub_messaging.leases import DURATION, Leases
from hub_messaging.outbox import RELAY
from hub_messaging.relay import KafkaSender, Relay
from hub_messaging.topic_ids import topic_ids

SLOT = "republish"
MARKED_AT_ONCE = 20_000
REPORT_SECONDS = 1.0

_WITHIN = "($1::int IS NULL OR recorded_at > now() - make_interval(days => $1))"
_MARK = f"""
WITH chosen AS MATERIALIZED (
    SELECT seq FROM outbox
    WHERE {_WITHIN} AND type = ANY($2) AND seq > $3 AND ($4::timestamptz IS NULL OR recorded_at >= $4)
    ORDER BY seq LIMIT $5
), marked AS (INSERT INTO outbox_pending (seq) SELECT seq FROM chosen ON CONFLICT DO NOTHING)
SELECT max(seq) AS last, count(*) AS rows FROM chosen
"""  # noqa: S608 - a constant
_TOO_OLD = f"SELECT count(*) FROM outbox WHERE NOT {_WITHIN} AND type = ANY($2)"  # noqa: S608 - a constant
_PENDING = "SELECT count(*) FROM outbox_pending"
_PENDING_OF = "SELECT count(*) FROM outbox_pending JOIN outbox USING (seq) WHERE type = ANY($1)"
_FORGET = "DELETE FROM position WHERE topic = $1"
_BEGIN = """
INSERT INTO position (topic, topic_id, partition, next_offset) SELECT $1, $2, * FROM unnest($3::int[], $4::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Since:
    """Where in the outbox to begin: behind a sequence number, and at a moment (aware)."""

    seq: int = 1
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Republished:
    """What became of one topic. `left_out`: events older than the topic keeps any."""

    topic: str
    sent: int
    left_out: int


async def republish(
    servers: str, urls: Mapping[str, str], topics: Sequence[Topic], since: Since, *, again: bool, report: Report
) -> list[Republished]:
    """Sends what the outboxes have for `topics` again, and their readers begin at the begin of the log.

    A compacted topic is sent whole: its outbox rows are kept for good. `urls`: service → address of its database.
    Raises StackNotUsable, with nothing touched, when a topic is not empty (unless `again`); and when somebody else's
    relay is at work.
    """
    logs = {topic.name: await log_of(servers, topic.name) for topic in topics}
    if not again:  # of all at once: the first one that is sent takes along what is pending of the others
        _refuse_unless_empty(logs)
    ids = await topic_ids(servers, logs.keys())
    done = []
    for producer in dict.fromkeys(topic.producer for topic in topics):
        told_by_it = [topic for topic in topics if topic.producer == producer]
        pool = await open_pool(urls[producer], size=2)
        leases = Leases(pool, SLOT)
        try:
            await _take_relay(leases, producer)
            for topic in told_by_it:
                for reader in topic.readers:
                    await _begin_anew(urls[reader], topic.name, ids[topic.name], logs[topic.name])
                await _mark(pool, topic, since)
            done += [await _counted(pool, topic) for topic in told_by_it]
            await _send(servers, pool, leases, told_by_it, report)
        finally:
            await leases.give_back([RELAY])
            await pool.close()
    return done


def _refuse_unless_empty(logs: Mapping[str, Log]) -> None:
    for name, log in logs.items():
        if held := sum(end - begin for begin, end in log.values()):
            raise StackNotUsable(
                f"{name} is not empty: it holds {held} records. --again sends all of the outbox once more; "
                "readers know repeats by their ids."
            )


async def _counted(pool: Pool, topic: Topic) -> Republished:
    """What is about to be sent of it."""
    pending = await pool.fetchval(_PENDING_OF, _types(topic))
    return Republished(topic.name, pending, await pool.fetchval(_TOO_OLD, _days(topic), _types(topic)))


def _days(topic: Topic) -> int | None:
    return None if topic.compacted else topic.retention_days


def _types(topic: Topic) -> list[str]:
    return [event.type for event in topic.events]


async def _take_relay(leases: Leases, producer: str) -> None:
    """Nobody else may send meanwhile: a new event would overtake older ones of its dossier."""
    until = time.monotonic() + 2 * DURATION.total_seconds()
    while not await leases.hold([RELAY]):
        if time.monotonic() > until:
            raise StackNotUsable(f"the relay of {producer} is at work: stop {producer}'s workers first")
        await asyncio.sleep(0.2)


async def _begin_anew(url: str, topic: str, topic_id: UUID, log: Log) -> None:
    """A reader's positions in `topic`, all at the begin of the log: in one transaction."""
    pool = await open_pool(url, size=1)
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_FORGET, topic)
            begins = [begin for begin, _ in log.values()]
            await connection.execute(_BEGIN, topic, topic_id, [partition.partition for partition in log], begins)
    finally:
        await pool.close()


async def _mark(pool: Pool, topic: Topic, since: Since) -> None:
    """Makes events pending again, all in one transaction: an interruption leaves all of them to be sent, or none."""
    last = since.seq - 1
    async with pool.acquire() as connection, connection.transaction():
        while True:
            row = await connection.fetchrow(_MARK, _days(topic), _types(topic), last, since.moment, MARKED_AT_ONCE)
            assert row is not None
            if row["last"] is None:
                return
            last = row["last"]


async def _send(servers: str, pool: Pool, leases: Leases, of: Sequence[Topic], report: Report) -> None:
    """Relays until nothing is pending, of their producer's other topics either."""
    sender = KafkaSender(servers)
    producer = of[0].producer
    topics = {**destinations(producer), **{type: topic.name for topic in of for type in _types(topic)}}
    relay = Relay(pool, leases, Bells(), Heart(), topics, sender)
    total = left = await pool.fetchval(_PENDING)
    said = time.monotonic()
    try:
        while left:
            await relay.send_chunk()
            left = await pool.fetchval(_PENDING)
            if time.monotonic() - said > REPORT_SECONDS or not left:
                report(producer, f"{total - left} of {total} sent")
                said = time.monotonic()
            if not await leases.hold([RELAY]):
                raise ConnectionAbortedError("another relay has taken over")
    except UNAVAILABLE as trouble:
        raise StackNotUsable(
            f"{producer} was interrupted ({type(trouble).__name__}) with {left} of {total} to be sent. They stay "
            "pending: `hub up` sends them."
        ) from trouble
    finally:
        await sender.close()
