"""Outbox: an event becomes final bytes in the transaction that makes it true; the relay sends it afterwards."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from pydantic_core import to_json

from hub_events.event import Envelope, Event, ReferenceEvent, attributes
from hub_events.topics import destinations
from hub_messaging import tracing
from hub_messaging.clock import real_now
from hub_messaging.database import Connection, Writes
from hub_messaging.errors import EventTooLarge

RELAY = "relay"
MAX_RECORD_BYTES = 512 * 1024

_INSERT = """
INSERT INTO outbox (event_id, type, key, headers, body, recorded_at)
SELECT event_id, type, key, headers, body, recorded_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])
    WITH ORDINALITY AS given(event_id, type, key, headers, body, recorded_at, place)
ORDER BY place
ON CONFLICT (event_id) DO NOTHING
RETURNING seq
"""
_TO_BE_SENT = "INSERT INTO outbox_pending (seq) SELECT seq FROM new_events"


class Publish(Protocol):
    """Stages an event in the outbox: what a handler needs of one, see `Outbox.publish`."""

    def __call__(
        self,
        event: Event,
        *,
        dossier_id: UUID,
        id: UUID,
        because: Envelope | None = None,
        occurred_at: datetime | None = None,
    ) -> None: ...


class PublishReference(Protocol):
    """Stages an event about reference data in the outbox, see `Outbox.publish_reference`."""

    def __call__(self, event: ReferenceEvent, *, id: UUID) -> None: ...


class Record(NamedTuple):
    """One event as it will be sent."""

    envelope: Envelope
    headers: str
    body: bytes


class Outbox:
    """The events that a batch publishes. An id that exists already is not published again."""

    def __init__(self, service: str, now: datetime) -> None:
        self._source = f"/hub/{service}"
        self._types: Collection[str] = destinations(service)
        self._now = now
        self._staged: list[Record] = []
        self.kept: list[Record] = []

    def publish(
        self,
        event: Event,
        *,
        dossier_id: UUID,
        id: UUID,
        because: Envelope | None = None,
        occurred_at: datetime | None = None,
    ) -> None:
        """Stages `event`. `id`: UUIDv7 for a fact born at HTTP, else derived from its cause (`derive_id`).

        Raises EventTooLarge above 512 KB and ValueError for a type that this service does not own.
        """
        self._stage(event, str(dossier_id), id, because, occurred_at)

    def publish_reference(self, event: ReferenceEvent, *, id: UUID) -> None:
        """Stages what counts from now on for the event's own key; `id` and errors as for `publish`."""
        self._stage(event, event.key, id, None, None)

    def _stage(
        self, event: Event, subject: str, id: UUID, because: Envelope | None, occurred_at: datetime | None
    ) -> None:
        if event.type not in self._types:
            raise ValueError(f"{event.type} is not an event of {self._source}")
        envelope = Envelope(
            id=id,
            type=event.type,
            source=self._source,
            subject=subject,
            occurred_at=occurred_at or self._now,
            recorded_at=real_now(),
            caused_by=because.id if because else None,
            story=(because.story or because.id) if because else None,
            traceparent=tracing.published(event.type, id, because.traceparent if because else None),
        )
        body = event.__pydantic_serializer__.to_json(event, exclude_none=True)
        if len(body) > MAX_RECORD_BYTES:
            raise EventTooLarge("event-too-large", f"{event.type}: {len(body)} bytes, limit {MAX_RECORD_BYTES}")
        headers = to_json(list(attributes(envelope).items())).decode()
        self._staged.append(Record(envelope, headers, body))

    def keep(self) -> None:
        self.kept += self._staged
        self._staged.clear()

    def discard(self) -> None:
        self._staged.clear()

    async def flush(self, _connection: Connection, writes: Writes) -> None:
        if self.kept:
            writes.add(
                _INSERT,
                [record.envelope.id for record in self.kept],
                [record.envelope.type for record in self.kept],
                [record.envelope.subject for record in self.kept],
                [record.headers for record in self.kept],
                [record.body for record in self.kept],
                [record.envelope.recorded_at for record in self.kept],
                name="new_events",
            )
            writes.add(_TO_BE_SENT)

    def bells(self) -> Iterable[str]:
        return (RELAY,) if self.kept else ()
