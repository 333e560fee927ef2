"""Consumer: one FastStream batch subscriber per process for all its topics; positions live in the database.

Every batch is one transaction: inbox, aggregates, effects, positions. A position moves only from where this process
believes it to be, so that a process that lost a partition unawares commits nothing, and no gap is ever jumped: a
partition whose position is not in the log, or is of a topic that was made anew since, stops with an alarm. Kafka's
committed offsets are for lag tools only.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import KafkaAckableMessage

from hub_messaging import positions
from hub_messaging.database import UNAVAILABLE
from hub_messaging.health import Heart
from hub_messaging.jobs import StopReading
from hub_messaging.membership import read_by_nobody
from hub_messaging.metrics import CONSUMER_LAG, CONSUMER_STOPPED
from hub_messaging.positions import Position, PositionMoved
from hub_messaging.reader import Reader, count, measure, raw
from hub_messaging.runner import Runner
from hub_messaging.topic_ids import topic_ids
from hub_messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

MAX_BATCH = 500
TICK_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
SUSPICIOUS_AFTER_SECONDS = 10.0
RECONNECT_AFTER_SECONDS = 30.0
STUCK_AFTER_SECONDS = 60.0
LOOKS_AGAIN_AFTER_SECONDS = 0.5
SESSION_SECONDS = 10.0
"""Kafka expels a member that was silent for so long."""
NAMES_EVERY_SECONDS = 10.0
"""So often this client asks Kafka which topics and partitions there are, and whether they are the same ones."""

U = TypeVar("U", bound=UnitOfWork)
Records = Sequence[ConsumerRecord[Any, Any]]


class Consumer(Generic[U]):
    """The reading role of a service."""

    def __init__(
        self,
        service: str,
        servers: str,
        slot: int,
        runner: Runner[U],
        reader: Reader[U],
        heart: Heart,
        linger_seconds: float = 0.0,
    ) -> None:
        self._service = service
        self._servers = servers
        self._runner = runner
        self._reader = reader
        self._heart = heart
        self._linger = linger_seconds
        self._beat = heart.rhythm("consumer", limit_seconds=90)
        self._pause = FIRST_PAUSE_SECONDS
        self._stopping = asyncio.Event()
        self._look = asyncio.Event()
        """Set when there is something for the role's own loop to do."""
        self._unplaced: set[TopicPartition] = set()
        self._next: dict[TopicPartition, int] = {}
        """Next offset of each partition that is being read: the same as in the database."""
        self._gaps: dict[TopicPartition, int] = {}
        self._stopped: dict[TopicPartition, str] = {}
        self._moved_at: dict[TopicPartition, float] = {}
        self._seen_stuck: dict[TopicPartition, tuple[int, float]] = {}
        """Partitions that Kafka answers for, yet stay where they are, over a new connection too: where, since when."""
        self._reconnected_at: dict[TopicPartition, int] = {}
        """Where the partitions stood when the connection was last made anew."""
        self._busy_since: float | None = None
        self._failing_since: float | None = None
        """Since when each look for records failed."""
        self._telling: asyncio.Task[None] | None = None
        self._joined = False
        self._connected_at = 0.0
        self._names_checked_at = 0.0
        self._left_out: set[TopicPartition] = set()
        """Partitions that nobody in the group read at the last look."""
        self._broker = KafkaBroker(
            servers, client_id=f"{service}-{slot}", allow_auto_create_topics=False, consumer_only=True,
            apply_types=False, logger=None, graceful_timeout=10, metadata_max_age_ms=int(NAMES_EVERY_SECONDS * 1000),
        )  # fmt: skip
        self._subscriber = self._broker.subscriber(
            *(topic.name for topic in reader.topics),
            group_id=service,
            group_instance_id=f"{service}-{slot}",
            batch=True,
            max_records=MAX_BATCH,
            batch_timeout_ms=1,
            auto_offset_reset="none",
            ack_policy=AckPolicy.MANUAL,
            parser=self._wrap,
            decoder=_as_it_is,
            listener=_Listener(self),
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=2_000,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._subscriber(self._on_batch)

    async def run(self) -> None:
        """Connects (with patience), reads until cancelled, then drains."""
        connected = False
        try:
            while True:
                connected = await (self._look_after() if connected else self._connect())
                await self._sleep(TICK_SECONDS if connected and not self._unplaced else 0.5)
        finally:
            self._stopping.set()
            await self._disconnect()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look.wait()
        self._look.clear()

    async def _connect(self) -> bool:
        self._beat()
        try:
            async with asyncio.timeout(RECONNECT_AFTER_SECONDS):  # it waits for the group without an end
                await self._broker.start()
        except (KafkaError, OSError) as trouble:
            log.warning("consumer_waits_for_kafka", trouble=type(trouble).__name__)
            await self._disconnect()
            return False
        self._look_long()
        self._connected_at = time.monotonic()
        return True

    async def _disconnect(self) -> None:
        """A client that has failed may fail at its end, too: no reason to end the process."""
        client = self._subscriber.consumer
        try:
            async with asyncio.timeout(RECONNECT_AFTER_SECONDS):
                await self._broker.stop()
        except Exception as trouble:  # FastStream gathers its kinds in a group
            log.warning("connection_abandoned", trouble=type(trouble).__name__)
            if client is not None:
                with suppress(Exception):
                    await client._client.close()
        if self._telling is not None:
            self._telling.cancel()
        self.revoked()

    async def _look_after(self) -> bool:
        """Places new partitions and takes vital signs; False when the connection had to be given up."""
        now = time.monotonic()
        if self._busy_since is None or now - self._busy_since < STUCK_AFTER_SECONDS:
            self._beat()
        left_out = False
        try:
            async with asyncio.timeout(TICK_SECONDS):
                # A rebalance within a rebalance can cut `assigned` short: no partition of ours is left out for that.
                if missed := self._client.assignment() - self._next.keys() - self._unplaced - self._stopped.keys():
                    self.assigned(missed)
                if self._unplaced:
                    await self._place()
                await self._check_silent_partitions()
                if now - self._names_checked_at > NAMES_EVERY_SECONDS:
                    self._names_checked_at = now
                    await self._stop_at_topics_made_anew()
                    left_out = await self._group_left_some_out()
                self._tell_kafka()
        except (KafkaError, *UNAVAILABLE) as trouble:
            log.warning("partitions_not_looked_after", trouble=type(trouble).__name__)
            self._seen_stuck.clear()
        if left_out:
            return await self._leave_group()
        silent, standing_still, failing = self._silence(), self._standstill(), self._failing()
        helpless = max(silent, standing_still) > RECONNECT_AFTER_SECONDS or failing > SUSPICIOUS_AFTER_SECONDS
        if not helpless or self._busy_since is not None:
            return True
        log.warning(
            "consumer_reconnects", silent=round(silent), standing_still=round(standing_still), failing=round(failing)
        )
        self._reconnected_at = dict(self._next)
        await self._disconnect()
        return False

    async def _group_left_some_out(self) -> bool:
        """Whether two looks in a row found the same partitions read by nobody."""
        names = [topic.name for topic in self._reader.topics]
        known = {TopicPartition(name, n) for name in names for n in self._client.partitions_for_topic(name) or ()}
        left_out, before = known - self._client.assignment(), self._left_out
        self._left_out = await read_by_nobody(self._servers, self._service, left_out) if left_out else set()
        return bool(self._left_out & before)

    async def _leave_group(self) -> bool:
        """Stays away until the group has forgotten this member: only then it shares out anew."""
        log.warning("partitions_read_by_nobody", partitions=len(self._left_out))
        await self._disconnect()
        self._left_out = set()
        await self._rest(SESSION_SECONDS + 1)
        return False

    # What Kafka's group tells us

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """New partitions: nothing is read from them before they are placed."""
        for partition in partitions:
            # At once, before the client asks Kafka for an offset of its own.
            self._client.pause(partition)
            self._client.seek(partition, 0)
            self._unplaced.add(partition)
        self._joined = True
        self._connected_at = time.monotonic()
        self._look.set()

    def revoked(self) -> None:
        """All partitions are gone. A batch that still runs commits only if nobody has read on meanwhile."""
        for partition in self._next.keys() | self._stopped.keys():
            with suppress(KeyError):
                CONSUMER_LAG.remove(partition.topic, partition.partition)
            with suppress(KeyError):
                CONSUMER_STOPPED.remove(partition.topic, partition.partition)
        self._joined = False
        self._unplaced.clear()
        self._next.clear()
        self._gaps.clear()
        self._moved_at.clear()
        self._seen_stuck.clear()
        self._stopped.clear()
        self._heart.set_unready("consumer", None)

    async def _place(self) -> None:
        """Starts each new partition at its stored position; stops those whose position does not fit the log."""
        ids = await topic_ids(self._servers, {partition.topic for partition in self._unplaced})
        partitions = sorted(partition for partition in self._unplaced if partition.topic in ids)
        stored = await positions.stored(self._runner.pool, ids)
        begins = await self._client.beginning_offsets(partitions)
        ends = await self._client.end_offsets(partitions)
        for partition in partitions:
            topic_id = ids[partition.topic]
            position = stored.get(partition, Position(0))
            misfit = position.misfit(topic_id, begins[partition], ends[partition])
            if misfit is None and position.topic_id is None:
                await positions.begin(self._runner.pool, partition, topic_id)
            if partition not in self._unplaced:
                continue
            if misfit is None:
                self._read_on(partition, position.next_offset)
            else:
                self._stop(partition, misfit)
            self._unplaced.discard(partition)

    async def _stop_at_topics_made_anew(self) -> None:
        """Stops what is read from a topic that took the place of the one its position belongs to."""
        if not self._next:
            return
        ids = await topic_ids(self._servers, {partition.topic for partition in self._next})
        stored = await positions.stored(self._runner.pool, ids)
        for partition in stored.keys() & self._next.keys():
            if stored[partition].is_of_another(ids[partition.topic]):
                self._stop(partition, positions.MADE_ANEW)

    def _read_on(self, partition: TopicPartition, position: int) -> None:
        self._client.seek(partition, position)
        self._client.resume(partition)
        self._next[partition] = position
        self._moved_at[partition] = time.monotonic()

    def _stop(self, partition: TopicPartition, why: str) -> None:
        """Stops reading one partition, with an alarm; the others go on."""
        if partition in self._client.assignment():
            self._client.pause(partition)
        self._next.pop(partition, None)
        self._failing_since = None  # that may have been its record's fault, and does not speak against the client
        self._stopped[partition] = why
        CONSUMER_STOPPED.labels(partition.topic, partition.partition).set(1)
        log.critical("reading_stopped", topic=partition.topic, partition=partition.partition, why=why)
        self._heart.set_unready("consumer", "; ".join(sorted(set(self._stopped.values()))))

    # Vital signs

    def _silence(self) -> float:
        """Seconds since Kafka last answered for one of our partitions, or since we began to wait for some."""
        if not self._next:
            waits = self._joined and not self._unplaced
            return 0.0 if waits or self._stopped else time.monotonic() - self._connected_at
        return min(map(self._answered, self._next))

    def _standstill(self) -> float:
        """Seconds since the partition that is behind and waits longest was read on, whatever the reason."""
        now = time.monotonic()
        return max((min(now - self._moved_at[p], now - self._connected_at) for p in self._next), default=0.0)

    def _failing(self) -> float:
        """Seconds since each look for records failed, unless one record is suspected of it.

        As when the client's part in the group has died.
        """
        suspected = any(self._next.get(p) == position for p, (position, _since) in self._seen_stuck.items())
        return 0.0 if suspected or self._failing_since is None else time.monotonic() - self._failing_since

    async def _check_silent_partitions(self) -> None:
        """Finds partitions that have something to read, yet nothing comes: dropped, left the log, or can't be read.

        A new connection mends what holds up the client. The record itself is to blame only if Kafka answers and yet it
        does not come, over that connection either.
        """
        now = time.monotonic()
        for partition in self._next.keys() & self._client.assignment():
            position, end = self._next[partition], self._client.highwater(partition)
            behind = 0 if end is None else max(0, end - position)
            CONSUMER_LAG.labels(partition.topic, partition.partition).set(behind)
            if not behind and self._answered(partition) < SUSPICIOUS_AFTER_SECONDS:
                self._moved_at[partition] = now
        if self._busy_since is not None:
            return
        quiet = [p for p in self._next if now - self._moved_at[p] > SUSPICIOUS_AFTER_SECONDS]
        silent = [p for p in self._next if self._answered(p) > SUSPICIOUS_AFTER_SECONDS]
        if not quiet and not silent:
            return
        suspects = sorted({*quiet, *silent})
        begins = await self._client.beginning_offsets(suspects)
        ends = await self._client.end_offsets(suspects)
        for partition in suspects:
            if partition not in self._next.keys() & self._client.assignment():
                continue
            position = self._next[partition]
            if not begins[partition] <= position <= ends[partition]:
                self._stop(partition, f"position {position} left the log {begins[partition]}-{ends[partition]}")
            elif position == ends[partition]:
                self._moved_at[partition] = now
            elif await self._client.position(partition) != position:
                # The client dropped what it had drained when another partition of the same poll failed.
                log.warning("records_dropped_by_client", topic=partition.topic, partition=partition.partition)
                self._client.seek(partition, position)
            elif self._reconnected_at.get(partition) == position and self._is_stuck(partition, position):
                self._stop(partition, f"what the log holds from {position} on can't be read")

    def _is_stuck(self, partition: TopicPartition, position: int) -> bool:
        """Whether it was seen there for a while. One look is not enough: after an outage the first one finds much."""
        now = time.monotonic()
        if self._answered(partition) > SUSPICIOUS_AFTER_SECONDS:
            return False
        seen_at, since = self._seen_stuck.get(partition, (None, now))
        if seen_at != position:
            self._seen_stuck[partition] = (position, now)
        return seen_at == position and now - since > SUSPICIOUS_AFTER_SECONDS

    def _answered(self, partition: TopicPartition) -> float:
        """Seconds since Kafka last answered for it: for ever, while the group shares out anew what it takes from us."""
        ours = partition in self._client.assignment()
        last = (self._client.last_poll_timestamp(partition) or 0) if ours else 0
        return min(time.time() - last / 1000, time.monotonic() - self._connected_at)

    def _tell_kafka(self) -> None:
        """Has offsets committed for lag tools: nothing waits for it, as it would go on unheard where a wait is cut."""
        if self._next and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._client.commit(dict(self._next)))
            self._telling.add_done_callback(_told)

    @property
    def _client(self) -> AIOKafkaConsumer:
        client = self._subscriber.consumer
        assert client is not None
        return client

    # Batches

    def _look_long(self) -> None:
        """Makes each look for records last until one comes, for a second at most; one that fails is repeated.

        FastStream looks for batch_timeout_ms and sleeps as long when it found nothing: a short one is 50 wake-ups a
        second for nothing, a long one is delay. An error of Kafka's lets it sleep for 5 s, any other ends its reading.
        """
        look = self._client.getmany
        self._failing_since = None  # of the client before

        async def long_look(*, timeout_ms: int, max_records: int | None) -> Any:
            try:
                found = await look(timeout_ms=max(timeout_ms, 1000), max_records=max_records)
            except ConsumerStoppedError:
                raise
            except Exception as trouble:
                log.warning("look_failed", trouble=type(trouble).__name__)
                self._gaps.clear()  # what was drained of other partitions is dropped: their gaps are the client's own
                self._failing_since = self._failing_since or time.monotonic()
                await self._rest(LOOKS_AGAIN_AFTER_SECONDS)
                return {}
            self._failing_since = None
            return found

        self._client.getmany = long_look

    async def _wrap(self, records: Records) -> KafkaMessage:
        """The lenient parser: nothing may fail before our own code sees the bytes."""
        return KafkaAckableMessage(
            raw_message=list(records), body=b"", headers={}, correlation_id="batch", message_id="batch",
            consumer=self._client,
        )  # fmt: skip

    async def _on_batch(self, batch: list[ConsumerRecord[Any, Any]]) -> None:
        """Commits a batch, or reads it again. FastStream drops what escapes from here, so nothing may."""
        self._busy_since = time.monotonic()
        try:
            await self._process(self._contiguous(batch))
            self._pause = FIRST_PAUSE_SECONDS
            if len(batch) < MAX_BATCH and not self._is_behind():
                await self._rest(self._linger)
        except StopReading as alarm:
            self._again(batch)
            self._stop(TopicPartition(alarm.topic, alarm.partition), alarm.why)
        except PositionMoved:
            log.info("position_moved_elsewhere")
            self._replace(batch)
        except UNAVAILABLE as trouble:
            log.warning("batch_rolled_back", trouble=type(trouble).__name__, pause_seconds=self._pause)
            await self._rest(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            self._replace(batch)
        except Exception as bug:
            log.critical("batch_met_a_bug", error=type(bug).__name__, exc_info=bug)
            await self._rest(LONGEST_PAUSE_SECONDS)
            self._replace(batch)
        finally:
            self._busy_since = None
            batch.clear()  # FastStream's context keeps it, and with it every connection and timer made meanwhile

    def _is_behind(self) -> bool:
        """Whether a whole batch is still to be read, as far as Kafka has said: who is behind does not rest."""
        ours = self._next.keys() & self._client.assignment()
        return sum(max(0, (self._client.highwater(one) or 0) - self._next[one]) for one in ours) >= MAX_BATCH

    async def _rest(self, seconds: float) -> None:
        if not seconds:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _contiguous(self, records: Records) -> Records:
        """The records that follow on what was read; a partition that skipped some is read again from its position.

        The client drops records when another partition of the same poll fails. A gap that is still there the second
        time is the log's own (a compacted topic).
        """
        refused = set()
        seen = set()
        for record in records:
            partition = _partition(record)
            if partition in seen:
                continue
            seen.add(partition)
            expected = self._next.get(partition)
            if expected is None:
                refused.add(partition)
            elif record.offset != expected and self._gaps.get(partition) != record.offset:
                self._gaps[partition] = record.offset
                self._client.seek(partition, expected)
                refused.add(partition)
        return [record for record in records if _partition(record) not in refused]

    async def _process(self, records: Records) -> None:
        if not records:
            return
        ends = {_partition(record): record.offset + 1 for record in records}
        moves = [(partition, self._next[partition], end) for partition, end in sorted(ends.items())]
        wanted = [raw(record) for record in records if self._reader.handles(record)]

        jobs = [self._reader.job(record) for record in wanted]
        results = await self._runner.run(jobs, also=lambda connection: positions.move(connection, moves))
        now = time.monotonic()
        for partition, end in ends.items():
            if partition in self._next:
                self._next[partition] = end
                self._moved_at[partition] = now
        count(wanted, results)
        measure(records, wanted)

    def _again(self, batch: Records) -> None:
        """Reads the batch's partitions again from where they stood."""
        assigned = self._client.assignment()
        for partition in set(map(_partition, batch)) & assigned:
            if partition in self._next:
                self._client.seek(partition, self._next[partition])

    def _replace(self, batch: Records) -> None:
        """Looks up the positions of the batch's partitions anew: its end is not known, or somebody else read on."""
        partitions = set(map(_partition, batch)) & self._next.keys()
        for partition in partitions & self._client.assignment():
            del self._next[partition]
            self._unplaced.add(partition)
            self._client.pause(partition)
        self._look.set()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, consumer: Consumer[Any]) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._consumer.revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.assigned(assigned)


def _told(telling: asyncio.Task[None]) -> None:
    if not telling.cancelled() and (trouble := telling.exception()) is not None:
        log.info("offsets_not_told", trouble=type(trouble).__name__)


async def _as_it_is(message: KafkaMessage) -> Any:
    return message.raw_message


def _partition(record: ConsumerRecord[Any, Any]) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
