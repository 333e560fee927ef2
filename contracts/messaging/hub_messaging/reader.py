"""Reader: turns raw records into jobs, and what goes wrong with one into a refusal."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from hub_events.event import Envelope, Event, Fact, UnreadableHeaders, from_headers, type_in
from hub_events.topics import COMPACTED, topics_read_by
from hub_messaging import tracing
from hub_messaging.clock import real_now
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.jobs import Done, Failed, Job, Repeat, Result, StopReading
from hub_messaging.metrics import CONSUMED, DEAD_LETTERS, EVENT_DELAY
from hub_messaging.refused import RawRecord
from hub_messaging.retention import INBOX_REACH
from hub_messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

BUGS_IN_A_ROW = 20
"""So many records of one partition may meet a bug one after the other; one more and the partition stops."""

U = TypeVar("U", bound=UnitOfWork)
Keys = Mapping[str, Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Handler(Generic[U]):
    """How one event type is handled. `keys` names the aggregates it needs, by shelf.

    `repeatable`: a repeat makes the same rows again, not more, and publishes nothing: its id need not be claimed.
    What a compacted topic says must be handled so: it is read again after years, when no inbox knows it any more.
    """

    event: type[Event]
    handle: Callable[[Fact[Any], U], None]
    keys: Callable[[Fact[Any]], Keys]
    repeatable: bool = False


def on_dossier(shelf: str) -> Callable[[Fact[Any]], Keys]:
    """The usual need: the one aggregate of the event's dossier."""
    return lambda fact: {shelf: (fact.dossier_id,)}


class Reader(Generic[U]):
    """What one service does with the records of its topics."""

    def __init__(self, service: str, handlers: Iterable[Handler[U]]) -> None:
        self.topics = topics_read_by(service)
        self._handlers = {one.event.type: replace(one, handle=tracing.handled(one.handle)) for one in handlers}
        self._families = {_family(name) for name in self._handlers}
        said = {event.type for topic in self.topics for event in topic.events}
        if unheard := self._handlers.keys() - said:
            raise ValueError(f"{service} handles what none of its topics says: {sorted(unheard)}")
        if claimed := [name for name, one in self._handlers.items() if name in COMPACTED and not one.repeatable]:
            raise ValueError(f"{service} can't tell repeats of what a compacted topic says: {claimed}")
        self._bugs: dict[tuple[str, int], list[int]] = {}

    def handles(self, record: RawRecord | ConsumerRecord[Any, Any]) -> bool:
        """False: a type that this service does not care about, or does not know yet, skipped by its header alone."""
        name = type_in(record.headers)
        return not name or not name.isprintable() or _family(name) in self._families

    def job(self, record: RawRecord) -> Job[U, None]:
        """The job for one record; a record that can't be read is a job that refuses it."""
        try:
            envelope = from_headers(record.headers)
        except UnreadableHeaders as unreadable:
            return self._refusing(record, CannotProcess("unreadable-headers", str(unreadable)), None)
        try:
            handler, fact, keys = self._read(record, envelope)
        except CannotProcess as refusal:
            return self._refusing(record, refusal, envelope)
        except Exception as bug:
            return self._refusing(record, bug, envelope)

        def run(uow: U) -> None:
            try:
                handler.handle(fact, uow)
            except (NotYet, CannotProcess):
                raise
            except Exception:
                # Once more alone: handlers are pure over what was loaded, so a second failure is a bug.
                uow.discard()
                handler.handle(fact, uow)
            if record.id is None:
                self._bugs.pop((record.topic, record.partition), None)
            else:
                uow.refusals.processed(record)

        inbox = None if handler.repeatable else _inbox(record, envelope)
        return Job(run=run, keys=keys, inbox=inbox, rescue=self._rescue(record))

    def _read(self, record: RawRecord, envelope: Envelope) -> tuple[Handler[U], Fact[Event], Keys]:
        """Raises CannotProcess for a record that no program can handle as it is."""
        handler = self._handlers.get(envelope.type)
        if handler is None:
            raise CannotProcess("unknown-version", envelope.type[:100])
        compacted = envelope.type in COMPACTED
        if record.id is None and not compacted and envelope.recorded_at < real_now() - INBOX_REACH:
            raise CannotProcess("too-old", f"recorded at {envelope.recorded_at.isoformat()}")
        try:
            data = handler.event.model_validate_json(record.body or b"")
        except ValidationError as invalid:
            raise CannotProcess("invalid-body", _places(invalid)) from None
        if compacted and data.key != envelope.subject:  # type: ignore[attr-defined]
            raise CannotProcess("invalid-subject", "ce_subject is not what the body says it is about")
        fact = Fact(envelope, data)
        try:
            return handler, fact, handler.keys(fact)
        except ValueError:
            raise CannotProcess("invalid-subject", "ce_subject is not a dossier id") from None

    def _refusing(self, record: RawRecord, error: Exception, envelope: Envelope | None) -> Job[U, None]:
        def run(_uow: U) -> None:
            raise error

        return Job(run=run, inbox=_inbox(record, envelope), rescue=self._rescue(record))

    def _rescue(self, record: RawRecord) -> Callable[[U, Exception], None]:
        def rescue(uow: U, error: Exception) -> None:
            match error:
                case NotYet():
                    uow.refusals.wait(record, error.reason, str(error))
                case CannotProcess():
                    uow.refusals.dead(record, error.reason, str(error))
                case _:
                    self._count_bug(record, error)
                    uow.refusals.dead(record, "bug", type(error).__name__)

        return rescue

    def _count_bug(self, record: RawRecord, error: Exception) -> None:
        """Raises StopReading after too many in a row. A batch that runs again counts its records once."""
        log.error(
            "bug_in_handler",
            type=type_in(record.headers),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=type(error).__name__,
            exc_info=error,
        )
        if record.id is not None:
            return
        place = record.topic, record.partition
        row = [offset for offset in self._bugs.get(place, ()) if offset < record.offset]
        self._bugs[place] = [*row, record.offset]
        if len(row) >= BUGS_IN_A_ROW:
            raise StopReading(f"more than {BUGS_IN_A_ROW} records in a row met a bug", *place) from error


def raw(record: ConsumerRecord[Any, Any]) -> RawRecord:
    """The record as it came, whatever it is; a time that is none is left out."""
    try:
        written_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        written_at = None
    headers = record.headers
    if None in map(itemgetter(1), headers):
        headers = tuple((name, value or b"") for name, value in headers)
    return RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        headers=headers,
        key=record.key,
        body=record.value,
        written_at=written_at,
    )


def count(records: Sequence[RawRecord], results: Sequence[Result[None]]) -> None:
    """Counts what became of records."""
    outcomes: Counter[tuple[str, str]] = Counter()
    for record, result in zip(records, results, strict=True):
        match result:
            case Done():
                outcome = "done"
            case Repeat():
                outcome = "repeat"
            case Failed(error=NotYet()):
                outcome = "waiting"
            case Failed(error=error):
                outcome = "dead"
                DEAD_LETTERS.labels(error.reason if isinstance(error, CannotProcess) else "bug").inc()
        outcomes[record.topic, outcome] += 1
    for (topic, outcome), number in outcomes.items():
        CONSUMED.labels(topic, outcome).inc(number)


def measure(records: Sequence[ConsumerRecord[Any, Any]], wanted: Sequence[RawRecord]) -> None:
    """Delay from commit to handling, and how many records were of no interest."""
    now = real_now()
    delays = {topic: EVENT_DELAY.labels(topic) for topic in {record.topic for record in wanted}}
    for record in wanted:
        if record.written_at is not None:
            delays[record.topic].observe(max(0.0, (now - record.written_at).total_seconds()))
    skipped = Counter(record.topic for record in records)
    skipped.subtract(record.topic for record in wanted)
    for topic, number in skipped.items():
        if number:
            CONSUMED.labels(topic, "skipped").inc(number)


def _family(name: str) -> str:
    """The event type without its version."""
    return name.rsplit(".v", 1)[0]


def _inbox(record: RawRecord, envelope: Envelope | None) -> Any:
    """The key that tells repeats; a record that is tried again was claimed the first time."""
    return envelope.id if envelope is not None and record.id is None else None


def _places(invalid: ValidationError) -> str:
    """Where a body is wrong and how; never what stood there."""
    errors = invalid.errors(include_input=False, include_url=False)[:5]
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['type']}" for error in errors)
