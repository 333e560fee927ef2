"""Sự kiện: what every event has.

CloudEvents 1.0, binary mode: attributes once, as `ce_*` headers; the body is the data.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from hub_events.ids import read_id


class Part(BaseModel):
    """A piece of an event's body: frozen; unknown fields are ignored, so that a version may gain optional ones."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True)


class Event(Part):
    """The body of an event: something that happened, cannot be refused. `type` carries name and version."""

    type: ClassVar[str]


class ReferenceEvent(Event):
    """What counts from now on for one thing, said whole: of the events of one `key` the last one is enough."""

    @property
    def key(self) -> str:
        """kind/code@version: subject and Kafka key."""
        raise NotImplementedError


class Envelope(NamedTuple):
    """Attributes of one event. `occurred_at` is business time; `recorded_at` the machine's time at the commit.

    `subject` is the dossier id (reference events: kind/code@version) and the Kafka key. `caused_by` is the id of the
    event or request that led to this one, `story` the id of the first in the chain.
    """

    id: UUID
    type: str
    source: str
    subject: str
    occurred_at: datetime
    recorded_at: datetime
    caused_by: UUID | None = None
    story: UUID | None = None
    traceparent: str | None = None

    @property
    def dossier_id(self) -> UUID:
        return _parsed(self.subject)


@lru_cache(maxsize=1024)
def _parsed(subject: str) -> UUID:
    """A handler and what names its aggregates ask for the same id several times."""
    return read_id(subject)


E_co = TypeVar("E_co", bound=Event, covariant=True)


class Fact(NamedTuple, Generic[E_co]):
    """One event as a handler gets it."""

    envelope: Envelope
    data: E_co

    @property
    def id(self) -> UUID:
        return self.envelope.id

    @property
    def dossier_id(self) -> UUID:
        return self.envelope.dossier_id


class UnreadableHeaders(ValueError):
    """The record's headers do not make an envelope."""


Headers = Sequence[tuple[str, bytes]]


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    """`ce_*` headers of a Kafka record (CloudEvents Kafka binding, binary mode)."""
    return [(name, value.encode()) for name, value in attributes(envelope).items()]


def attributes(envelope: Envelope) -> dict[str, str]:
    """The same headers as text."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(envelope.id),
        "ce_type": envelope.type,
        "ce_source": envelope.source,
        "ce_subject": envelope.subject,
        "ce_time": _written(envelope.occurred_at),
        "ce_recordedtime": _written(envelope.recorded_at),
        "content-type": "application/json",
    }
    if envelope.caused_by is not None:
        headers["ce_causationid"] = str(envelope.caused_by)
    if envelope.story is not None:
        headers["ce_correlationid"] = str(envelope.story)
    if envelope.traceparent is not None:
        headers["traceparent"] = envelope.traceparent
    return headers


def from_headers(headers: Headers) -> Envelope:
    """The envelope that `to_headers` wrote. Raises UnreadableHeaders."""
    try:
        found: Mapping[str, str] = {name: value.decode() for name, value in headers}
        if found["ce_specversion"] != "1.0":
            raise UnreadableHeaders("ce_specversion is not 1.0")
        return Envelope(
            id=read_id(found["ce_id"]),
            type=found["ce_type"],
            source=found["ce_source"],
            subject=found["ce_subject"],
            occurred_at=_read(found["ce_time"]),
            recorded_at=_read(found["ce_recordedtime"]),
            caused_by=read_id(found["ce_causationid"]) if "ce_causationid" in found else None,
            story=read_id(found["ce_correlationid"]) if "ce_correlationid" in found else None,
            traceparent=found.get("traceparent"),
        )
    except KeyError as missing:
        raise UnreadableHeaders(f"header {missing.args[0]} is missing") from None
    except UnreadableHeaders:
        raise
    except (ValueError, AttributeError, OverflowError, TypeError):
        raise UnreadableHeaders("a header has an unreadable value") from None


def type_in(headers: Headers) -> str | None:
    """The event type alone, for skipping what a reader does not handle. None: absent or unreadable."""
    for name, value in headers:
        if name == "ce_type":
            try:
                return value.decode()
            except (UnicodeDecodeError, AttributeError):
                return None
    return None


def _written(moment: datetime) -> str:
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
