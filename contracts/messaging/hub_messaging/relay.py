"""Relay: sends the outbox to Kafka, in order of `seq`, never two unacknowledged records of one key.

One owner per database, by lease. A row leaves `outbox_pending` when Kafka has acknowledged it; so there is no
cursor that a late commit could slip behind. Any trouble with the producer builds a new one, because an idempotent
producer can stay out of step for ever after an outage (aiokafka 1017) and its sends never expire by themselves.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain, groupby
from typing import Protocol

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from pydantic_core import from_json

from hub_messaging.bells import Bells
from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.health import Heart
from hub_messaging.leases import Leases
from hub_messaging.metrics import OUTBOX_OLDEST, OUTBOX_ROWS, RELAYED
from hub_messaging.outbox import RELAY

log = structlog.get_logger(__name__)

CHUNK = 500
FEW, CHUNK_BYTES = 32, 4 * 1024 * 1024
"""A chunk holds few records at first, then twice as many as the last one, if so many of that size are no more bytes
than this: records of reference data are up to 512 KB long."""
POLL_SECONDS = 1.0
SEND_DEADLINE_SECONDS = 10.0
STOP_SECONDS = 2.0

_PENDING = """
SELECT sent_next.* FROM (SELECT seq FROM outbox_pending ORDER BY seq LIMIT $1) AS pending
CROSS JOIN LATERAL (
    SELECT seq, type, key, headers, body, recorded_at FROM outbox WHERE outbox.seq = pending.seq
) AS sent_next
ORDER BY seq
"""
_SENT = "DELETE FROM outbox_pending WHERE seq = ANY($1)"
_BACKLOG = """
SELECT count(*) AS rows, (
    SELECT coalesce(extract(epoch FROM now() - min(recorded_at)), 0)::float8 FROM outbox
    WHERE seq = (SELECT min(seq) FROM outbox_pending)
) AS oldest
FROM outbox_pending
"""


class Sender(Protocol):
    """Sends records of different keys side by side; returns those acknowledged, raises when none can be."""

    async def send(self, topic: str, rows: Sequence[asyncpg.Record]) -> list[int]: ...
    async def close(self) -> None: ...


class KafkaSender:
    """The relay's own idempotent producer. A deadline stands around every send."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._producer: AIOKafkaProducer | None = None

    async def send(self, topic: str, rows: Sequence[asyncpg.Record]) -> list[int]:
        try:
            async with asyncio.timeout(SEND_DEADLINE_SECONDS):
                producer = await self._ready()
                batches = _batches(producer, rows, sorted(await producer.partitions_for(topic)))
                futures = []
                for partition, builder, _ in batches:
                    futures.append(await producer.send_batch(builder, topic, partition=partition))
                    futures[-1].add_done_callback(_heard)
                results = await asyncio.gather(*futures, return_exceptions=True)
        except Exception as trouble:
            await self.close()
            raise ConnectionError(type(trouble).__name__) from trouble
        sent: list[int] = []
        for (_, _, numbers), result in zip(batches, results, strict=True):
            if not isinstance(result, BaseException):
                sent += numbers
        if len(sent) < len(rows):
            await self.close()
        return sent

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                acks="all",
                enable_idempotence=True,
                max_batch_size=256 * 1024,
                linger_ms=0,
                request_timeout_ms=5000,
                metadata_max_age_ms=30_000,
            )
            self._producer = producer
            await producer.start()
        return self._producer

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            _forget(producer)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await producer.stop()
            except Exception as trouble:
                log.info("producer_abandoned", trouble=type(trouble).__name__)
                with suppress(Exception):
                    async with asyncio.timeout(STOP_SECONDS):
                        await producer.client.close()


def _forget(producer: AIOKafkaProducer) -> None:
    """Drops what it has not sent: its end would wait for that, and it would go out once Kafka is back, behind newer."""
    unsent = producer._message_accumulator
    for batch in (*chain.from_iterable(unsent._batches.values()), *unsent._pending_batches):
        batch.future.cancel()


def _heard(sending: "asyncio.Future[object]") -> None:
    """Takes notice of a failure: where the wait for another batch ends the sending, nobody else asks for it."""
    if not sending.cancelled():
        sending.exception()


def _batches(
    producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], partitions: Sequence[int]
) -> list[tuple[int, BatchBuilder, list[int]]]:
    """The rows as whole batches of one partition each, in order, with the `seq` of what is in them.

    Handed over record by record each would get a future of its own, which costs as much as all the rest of its way.
    """
    batches: list[tuple[int, BatchBuilder, list[int]]] = []
    open_ones: dict[int, tuple[BatchBuilder, list[int]]] = {}
    for row in rows:
        key = row["key"].encode()
        partition = partition_of(key, partitions)
        record = {
            "key": key,
            "value": row["body"],
            "headers": [(name, value.encode()) for name, value in from_json(row["headers"])],
            "timestamp": int(row["recorded_at"].timestamp() * 1000),
        }
        builder, numbers = open_ones.get(partition, (None, []))
        if builder is None or builder.append(**record) is None:  # full; an empty one takes any record
            builder, numbers = open_ones[partition] = producer.create_batch(), []
            batches.append((partition, builder, numbers))
            builder.append(**record)
        numbers.append(row["seq"])
    return batches


@lru_cache(maxsize=4096)
def _hash(key: bytes) -> int:
    """The Java client's hash, as aiokafka computes it: in Python, and a dossier's key comes again with each fact."""
    number: int = murmur2(key)
    return number & 0x7FFFFFFF


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """Kafka's default for a record with a key: whatever client writes it, a key has one partition."""
    return partitions[_hash(key) % len(partitions)]


class Relay:
    """Sends pending events of one service until cancelled.

    `topics`: where each type of event goes; one that only a newer version knows goes where the first does.
    """

    def __init__(
        self,
        pool: Pool,
        leases: Leases,
        bells: Bells,
        heart: Heart,
        topics: Mapping[str, str],
        sender: Sender,
        linger_seconds: float = 0.0,
    ) -> None:
        self._pool = pool
        self._leases = leases
        self._bells = bells
        self._topics, self._first = topics, next(iter(topics.values()))
        self._sender = sender
        self._linger = linger_seconds
        self._beat = heart.rhythm("relay", limit_seconds=60)
        self._most = FEW

    async def run(self) -> None:
        pause = 0.1
        try:
            while True:
                self._beat()
                try:
                    busy = await self.send_chunk()
                except UNAVAILABLE as trouble:
                    log.warning(
                        "relay_interrupted", trouble=str(trouble) or type(trouble).__name__, pause_seconds=pause
                    )
                    await asyncio.sleep(pause)
                    pause, self._most = min(pause * 2, 2.0), FEW
                    continue
                pause = 0.1
                if not busy:
                    await asyncio.sleep(self._linger)
                    await self._bells.wait(RELAY, POLL_SECONDS)
        finally:
            await self._sender.close()

    async def send_chunk(self) -> bool:
        """Sends up to 500 pending events, some 4 MB of them; True when there may be more to do at once."""
        lease = await self._leases.hold([RELAY])
        self._bells.listen(RELAY, lease)
        if not lease:
            return False
        most = self._most
        rows = await self._pool.fetch(_PENDING, most)
        for wave in _waves(rows):
            self._beat()
            if not await self._leases.hold([RELAY]):  # a chunk may take longer than a lease lasts
                return False
            for topic, records in self._by_topic(wave).items():
                sent = await self._sender.send(topic, records)
                await self._pool.execute(_SENT, sent)
                RELAYED.labels(topic).inc(len(sent))
                if len(sent) < len(records):
                    raise ConnectionError("some records were not acknowledged")
        if rows:
            fitting = CHUNK_BYTES * len(rows) // max(1, sum(len(row["body"]) for row in rows))
            self._most = max(1, min(CHUNK, 2 * most, fitting))
        return len(rows) == most

    def _by_topic(self, rows: Sequence[asyncpg.Record]) -> Mapping[str, list[asyncpg.Record]]:
        found: defaultdict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            found[self._topics.get(row["type"], self._first)].append(row)
        return found

    async def measure(self) -> None:
        """Sets the backlog gauges: the alarm for the whole service."""
        row = await self._pool.fetchrow(_BACKLOG)
        assert row is not None
        OUTBOX_ROWS.set(row["rows"])
        OUTBOX_OLDEST.set(row["oldest"])


def _waves(rows: Sequence[asyncpg.Record]) -> list[list[asyncpg.Record]]:
    """The rows in waves: within a wave every key once; a key's records in order over the waves."""
    nth: dict[str, int] = {}
    placed = []
    for row in rows:
        nth[row["key"]] = nth.get(row["key"], -1) + 1
        placed.append((nth[row["key"]], row))
    placed.sort(key=lambda pair: (pair[0], pair[1]["seq"]))
    return [[row for _, row in wave] for _, wave in groupby(placed, key=lambda pair: pair[0])]
