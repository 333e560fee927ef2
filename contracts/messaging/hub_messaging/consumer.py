"""Consumer: one FastStream batch subscriber per process for all its topics; positions live in the database.

Every batch is one transaction: positions, inbox, aggregates, effects. Each assignment seeks to the stored position;
a position outside the log, or none on a log that no longer starts at 0, stops that partition with an alarm: a gap is
never jumped. Kafka's committed offsets are for lag tools only.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import KafkaAckableMessage
from pydantic import ValidationError

from hub_events.event import Event, Fact, UnreadableHeaders, from_headers, type_in
from hub_events.topics import EVENTS, topics_read_by
from hub_messaging import refused
from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE, Connection, Pool
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.health import Heart
from hub_messaging.jobs import Done, Failed, Job, Repeat, Result, StopReading
from hub_messaging.metrics import (
    CONSUMED,
    CONSUMER_LAG,
    CONSUMER_STOPPED,
    DEAD_LETTERS,
    EVENT_DELAY,
)
from hub_messaging.refused import RawRecord
from hub_messaging.runner import Runner
from hub_messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

MAX_BATCH = 500
BUGS_IN_A_ROW = 20
INBOX_REACH = timedelta(days=30)
"""How long the inbox remembers; an older record can't be told from a repeat and becomes a dead letter `too-old`."""

_POSITIONS = "SELECT topic, partition, next_offset FROM position WHERE topic = ANY($1)"
_SAVE_POSITIONS = """
INSERT INTO position (topic, partition, next_offset)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


U = TypeVar("U", bound=UnitOfWork)


@dataclass(frozen=True, slots=True)
class Handler(Generic[U]):
    """How one event type is handled. `keys` names the aggregates it needs; by default the dossier's, on `shelf`."""

    event: type[Event]
    handle: Callable[[Fact[Any], U], None]
    keys: Callable[[Fact[Any]], Mapping[str, Iterable[Any]]]


def on_dossier(shelf: str) -> Callable[[Fact[Any]], Mapping[str, Iterable[Any]]]:
    """The usual need: the one aggregate of the event's dossier."""
    return lambda fact: {shelf: (fact.dossier_id,)}


class Reader(Generic[U]):
    """Turns raw records into jobs, and what goes wrong into refusals."""

    def __init__(self, service: str, handlers: Iterable[Handler[U]]) -> None:
        self.topics = topics_read_by(service)
        self._handlers = {handler.event.type: handler for handler in handlers}
        self._families = {name.rsplit(".v", 1)[0] for name in self._handlers}
        said = {event.type for topic in self.topics for event in topic.events}
        if unheard := self._handlers.keys() - said:
            raise ValueError(f"{service} handles what none of its topics says: {sorted(unheard)}")
        self._bugs_in_a_row = 0

    def handles(self, record: RawRecord) -> bool:
        """False: a type that this service does not care about, skipped by its header alone."""
        name = type_in(record.headers)
        return name is None or name.rsplit(".v", 1)[0] in self._families or name not in EVENTS

    def job(self, record: RawRecord) -> Job[U, None]:
        """The job for one record; a record that can't be read is a job that refuses it."""
        try:
            fact = self._read(record)
        except CannotProcess as refusal:
            return self._refusing(record, refusal)
        handler = self._handlers[fact.envelope.type]

        def run(uow: U) -> None:
            try:
                handler.handle(fact, uow)
            except (NotYet, CannotProcess):
                raise
            except Exception:
                # Once more alone: handlers are pure over what was loaded, so a second failure is a bug.
                uow.discard()
                handler.handle(fact, uow)
            self._bugs_in_a_row = 0
            if record.id is not None:
                uow.refusals.processed(record)

        inbox = fact.id if record.id is None else None
        return Job(run=run, keys=handler.keys(fact), inbox=inbox, rescue=self._rescue(record))

    def _read(self, record: RawRecord) -> Fact[Event]:
        try:
            envelope = from_headers(record.headers)
        except UnreadableHeaders as unreadable:
            raise CannotProcess("unreadable-headers", str(unreadable)) from None
        handler = self._handlers.get(envelope.type)
        if handler is None:
            known = envelope.type.rsplit(".v", 1)[0] in self._families
            raise CannotProcess("unknown-version" if known else "unknown-type", envelope.type[:100])
        if record.id is None and envelope.recorded_at < real_now() - INBOX_REACH:
            raise CannotProcess("too-old", f"recorded at {envelope.recorded_at.isoformat()}")
        try:
            fact = Fact(envelope, handler.event.model_validate_json(record.body or b""))
            handler.keys(fact)
        except ValidationError as invalid:
            places = "; ".join(
                f"{'.'.join(map(str, error['loc']))}: {error['type']}"
                for error in invalid.errors(include_input=False)[:5]
            )
            raise CannotProcess("invalid-body", places) from None
        except ValueError:
            raise CannotProcess("invalid-subject", "ce_subject is not a dossier id") from None
        return fact

    def _refusing(self, record: RawRecord, refusal: CannotProcess) -> Job[U, None]:
        def run(_uow: U) -> None:
            raise refusal

        return Job(run=run, rescue=self._rescue(record))

    def _rescue(self, record: RawRecord) -> Callable[[U, Exception], None]:
        def rescue(uow: U, error: Exception) -> None:
            refusals = uow.refusals
            match error:
                case NotYet():
                    refusals.wait(record, error.reason, str(error))
                case CannotProcess():
                    refusals.dead(record, error.reason, str(error))
                case _:
                    self._bugs_in_a_row += 1
                    log.error(
                        "bug_in_handler", type=type_in(record.headers), error=type(error).__name__, exc_info=error
                    )
                    if self._bugs_in_a_row > BUGS_IN_A_ROW:
                        raise StopReading(f"{BUGS_IN_A_ROW} records in a row met a bug") from error
                    refusals.dead(record, "bug", type(error).__name__)

        return rescue


def count(record: RawRecord, result: Result[None]) -> None:
    """Counts what became of a record."""
    match result:
        case Done():
            outcome = "done"
        case Repeat():
            outcome = "repeat"
        case Failed(error=NotYet()):
            outcome = "waiting"
        case Failed(error=CannotProcess() as error):
            outcome = "dead"
            DEAD_LETTERS.labels(error.reason).inc()
        case Failed():
            outcome = "dead"
            DEAD_LETTERS.labels("bug").inc()
    CONSUMED.labels(record.topic, outcome).inc()


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
        self._runner = runner
        self._reader = reader
        self._heart = heart
        self._linger = linger_seconds
        self._beat = heart.rhythm("consumer", limit_seconds=90)
        self._pause = 0.1
        self._stopping = asyncio.Event()
        self._stopped: dict[TopicPartition, str] = {}
        self._next: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._broker = KafkaBroker(
            servers, client_id=f"{service}-{slot}", allow_auto_create_topics=False, consumer_only=True,
            apply_types=False, logger=None, graceful_timeout=10,
        )  # fmt: skip
        self._subscriber = self._broker.subscriber(
            *(topic.name for topic in reader.topics),
            group_id=service,
            group_instance_id=f"{service}-{slot}",
            batch=True,
            max_records=MAX_BATCH,
            batch_timeout_ms=10,
            auto_offset_reset="none",
            ack_policy=AckPolicy.MANUAL,
            parser=self._wrap,
            decoder=_as_it_is,
            listener=_Assigned(self._assigned),
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._subscriber(self._on_batch)

    @property
    def _client(self) -> AIOKafkaConsumer:
        client = self._subscriber.consumer
        assert client is not None
        return client

    async def run(self) -> None:
        """Connects (with patience), reads until cancelled, then drains."""
        try:
            started = await self._started()
            while True:
                await asyncio.sleep(5 if started else 1)
                if started:
                    self._idle_check()
                else:
                    started = await self._started()
        finally:
            self._stopping.set()
            await self._broker.stop()

    async def _started(self) -> bool:
        self._beat()
        try:
            await self._broker.start()
        except (KafkaError, OSError, *UNAVAILABLE) as trouble:
            log.warning("consumer_waits_for_kafka", trouble=type(trouble).__name__)
            await self._broker.stop()
            return False
        return True

    def _idle_check(self) -> None:
        """Beats when there is nothing to read, and tells the lag."""
        behind = 0
        for partition in self._client.assignment():
            end = self._client.highwater(partition)
            if end is not None and partition in self._next:
                lag = max(0, end - self._next[partition])
                behind += lag if partition not in self._stopped else 0
                CONSUMER_LAG.labels(partition.topic, partition.partition).set(lag)
        if not behind:
            self._beat()

    async def _wrap(self, records: Sequence[ConsumerRecord[Any, Any]], *_: Any) -> KafkaMessage:
        """The lenient parser: nothing may fail before our own code sees the bytes."""
        return KafkaAckableMessage(
            raw_message=tuple(records), body=b"", headers={}, correlation_id="batch", message_id="batch",
            consumer=self._client,
        )  # fmt: skip

    async def _on_batch(self, batch: Sequence[ConsumerRecord[Any, Any]]) -> None:
        self._beat()
        records = [_raw(record) for record in batch]
        try:
            await self._process(records)
        except UNAVAILABLE as trouble:
            log.warning(
                "batch_rolled_back", trouble=type(trouble).__name__, records=len(records), pause_seconds=self._pause
            )
            self._rewind(records)
            await self._wait(self._pause)
            self._pause = min(self._pause * 2, 5.0)
            return
        except StopReading as alarm:
            self._stop_partitions({_partition(record) for record in records}, str(alarm))
            self._rewind(records)
            return
        self._pause = 0.1
        await self._tell_kafka()
        if self._linger:
            await self._wait(self._linger)

    async def _process(self, records: Sequence[RawRecord]) -> None:
        ends = {_partition(record): record.offset + 1 for record in records}
        wanted = [record for record in records if self._reader.handles(record)]
        for record in records:
            if record.written_at is not None:
                EVENT_DELAY.labels(record.topic).observe(max(0.0, (real_now() - record.written_at).total_seconds()))
        results = await self._runner.run([self._reader.job(record) for record in wanted], also=_saving(ends))
        for record, result in zip(wanted, results, strict=True):
            count(record, result)
        for topic, skipped in _count_skipped(records, wanted).items():
            CONSUMED.labels(topic, "skipped").inc(skipped)
        self._next.update(ends)

    def _rewind(self, records: Sequence[RawRecord]) -> None:
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(_partition(record), record.offset)
        assigned = self._client.assignment()
        for partition, offset in first.items():
            if partition in assigned:
                self._client.seek(partition, offset)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _tell_kafka(self) -> None:
        """Commits offsets once a second, for lag tools; nothing depends on it."""
        if time.monotonic() - self._committed_at < 1.0:
            return
        self._committed_at = time.monotonic()
        assigned = self._client.assignment()
        offsets = {partition: offset for partition, offset in self._next.items() if partition in assigned}
        try:
            await self._client.commit(offsets)
        except KafkaError as trouble:
            log.info("offsets_not_told", trouble=type(trouble).__name__)

    async def _assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Seeks each partition to its stored position; stops those whose position is not in the log."""
        assigned = list(partitions)
        if not assigned:
            return
        stored = await self._stored_positions({partition.topic for partition in assigned})
        begins = await self._client.beginning_offsets(assigned)
        ends = await self._client.end_offsets(assigned)
        for partition in assigned:
            position = stored.get(partition, 0)
            if begins[partition] <= position <= ends[partition]:
                self._client.seek(partition, position)
                self._next[partition] = position
            else:
                self._client.seek(partition, ends[partition])
                where = f"position {position} is not in the log ({begins[partition]} to {ends[partition]})"
                self._stop_partitions({partition}, where)

    async def _stored_positions(self, topics: set[str]) -> dict[TopicPartition, int]:
        """Waits for the database: reading without positions would be guessing."""
        while True:
            try:
                rows = await self._runner.pool.fetch(_POSITIONS, sorted(topics))
            except UNAVAILABLE as trouble:
                log.warning("positions_not_read", trouble=type(trouble).__name__)
                await asyncio.sleep(0.5)
                continue
            return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    def _stop_partitions(self, partitions: set[TopicPartition], why: str) -> None:
        self._client.pause(*partitions)
        for partition in partitions:
            self._stopped[partition] = why
            CONSUMER_STOPPED.labels(partition.topic, partition.partition).set(1)
            log.critical("reading_stopped", topic=partition.topic, partition=partition.partition, why=why)
        self._heart.set_unready("consumer", "; ".join(sorted(set(self._stopped.values()))))


class RefusedRecords(Generic[U]):
    """Tries waiting and replayed records again, inside the service that refused them."""

    POLL_SECONDS = 1.0
    CHUNK = 100

    def __init__(self, runner: Runner[U], reader: Reader[U], heart: Heart) -> None:
        self._runner = runner
        self._reader = reader
        self._beat = heart.rhythm("refused_records", limit_seconds=60)

    async def run(self) -> None:
        while True:
            self._beat()
            try:
                busy = await self.try_again()
            except UNAVAILABLE as trouble:
                log.warning("refused_records_interrupted", trouble=type(trouble).__name__)
                busy = False
            except StopReading as alarm:
                log.critical("replay_stopped", why=str(alarm))
                busy = False
                await asyncio.sleep(30)
            if not busy:
                await asyncio.sleep(self.POLL_SECONDS)

    async def try_again(self) -> bool:
        """Runs one chunk of those due; True when there may be more."""
        records = await refused.due(self._runner.pool, self.CHUNK)
        if records:
            results = await self._runner.run([self._reader.job(record) for record in records])
            for record, result in zip(records, results, strict=True):
                count(record, result)
        return len(records) == self.CHUNK


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, assigned: Callable[[Iterable[TopicPartition]], Any]) -> None:
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to do: a batch that still runs commits or not by itself, and the inbox tells repeats."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._assigned(assigned)


def _raw(record: ConsumerRecord[Any, Any]) -> RawRecord:
    return RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        headers=tuple((name, value if value is not None else b"") for name, value in record.headers),
        key=record.key,
        body=record.value,
        written_at=datetime.fromtimestamp(record.timestamp / 1000, UTC) if record.timestamp > 0 else None,
    )


async def _as_it_is(message: KafkaMessage) -> Any:
    return message.raw_message


def _places(invalid: ValidationError) -> str:
    """Where a body is wrong and how; never what stood there."""
    errors = invalid.errors(include_input=False, include_url=False)[:5]
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['type']}" for error in errors)


def _partition(record: RawRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _saving(ends: Mapping[TopicPartition, int]) -> Callable[[Connection], Any]:
    async def save(connection: Connection) -> None:
        rows = sorted((partition.topic, partition.partition, offset) for partition, offset in ends.items())
        await connection.execute(_SAVE_POSITIONS, *(list(column) for column in zip(*rows, strict=True)))

    return save


def _count_skipped(records: Sequence[RawRecord], wanted: Sequence[RawRecord]) -> dict[str, int]:
    kept = {id(record) for record in wanted}
    skipped: dict[str, int] = {}
    for record in records:
        if id(record) not in kept:
            skipped[record.topic] = skipped.get(record.topic, 0) + 1
    return skipped


async def stored_positions(pool: Pool) -> dict[tuple[str, int], int]:
    """Next offset by topic and partition, for operators and tests."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch("SELECT * FROM position")}
