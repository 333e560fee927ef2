"""Đối chiếu: what the others know that a restored service does not, looked up in Kafka and in all four databases.

Events are compared by id: whatever a service has said within the days that its outbox keeps must be in its outbox.
Dossiers are compared with the register, whatever their age. Only ids, codes and types are looked at.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord

from hub_events.event import UnreadableHeaders, from_headers
from hub_events.intake import DossierAcceptedV1, DossierFormIssuedV1
from hub_events.topics import COMPACTED as COMPACTED_EVENTS
from hub_events.topics import EVENTS, TOPICS, topic_of
from hub_local.layout import SERVICES
from hub_local.topic_log import Log, log_of, records_of
from hub_worktime import day_in_vietnam

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

Row = tuple[Any, ...]
ROWS_AT_ONCE = 5000
COMPACTED = [*COMPACTED_EVENTS]

_HEARD = """
CREATE TEMPORARY TABLE heard (event_id uuid, subject text, type text, at timestamptz, place text, code text,
    form text);
CREATE TEMPORARY TABLE known (dossier_id uuid, code text, place text)
"""
_UNKNOWN_EVENTS = """
SELECT event_id::text, type, subject, array_agg(DISTINCT place ORDER BY place) AS seen_in
FROM heard
WHERE (at > now() - make_interval(days => $1) OR type = ANY($2))
    AND NOT EXISTS (SELECT FROM outbox WHERE outbox.event_id = heard.event_id)
GROUP BY event_id, type, subject ORDER BY min(at), event_id
"""
_NOT_IN_KAFKA = """
WITH newest AS (SELECT max(seq) AS seq FROM outbox WHERE type = ANY($2) GROUP BY key)
SELECT count(*) FROM outbox
WHERE (recorded_at > now() - make_interval(days => $1) AND type <> ALL($2) OR seq IN (SELECT seq FROM newest))
    AND NOT EXISTS (SELECT FROM outbox_pending AS pending WHERE pending.seq = outbox.seq)
    AND NOT EXISTS (SELECT FROM heard WHERE heard.event_id = outbox.event_id AND place = 'kafka')
"""
"""Of what a compacted topic has, Kafka needs only the last of each key."""
_UNKNOWN_DOSSIERS = """
SELECT dossier_id::text, max(code) AS code, array_agg(DISTINCT place ORDER BY place) AS seen_in
FROM (
    SELECT dossier_id, code, place FROM known
    UNION ALL SELECT subject::uuid, code, place FROM heard WHERE type <> ALL($1)
) AS somewhere
WHERE NOT EXISTS (SELECT FROM dossier WHERE dossier.id = somewhere.dossier_id)
GROUP BY dossier_id ORDER BY max(code), dossier_id
"""
_UNANSWERED = """
SELECT dossier_id::text, agency_code FROM progress
WHERE handed_over_at IS NOT NULL AND completed_at IS NULL ORDER BY agency_code, dossier_id
"""
_CODES = "SELECT code FROM known WHERE code IS NOT NULL UNION SELECT code FROM heard WHERE code IS NOT NULL"
_FORMS = "SELECT DISTINCT form FROM heard WHERE form IS NOT NULL"
_STEPS = "SELECT event_id, dossier_id, type, recorded_at FROM step"
DOSSIERS_OF = {
    "routing": "SELECT dossier_id, dossier_code FROM transfer",
    "notify": "SELECT dossier_id, dossier_code FROM notices",
    "sla": "SELECT dossier_id, dossier_code FROM clock",
    "intake": "SELECT dossier_id, NULL FROM progress",
}
"""Service → the dossiers that it knows. The register's own progress is told by others, so it counts as such."""

Positions = Mapping[str, Mapping[tuple[str, int], int]]
"""Service → topic and partition → next offset."""


async def reconcile(servers: str, urls: Mapping[str, str], positions: Positions) -> dict[str, Any]:
    """Compares four databases and Kafka with each other; changes nothing. Nobody may be at work meanwhile.

    `positions`: as the databases had them. `codes`: every dossier code that anybody knows;
    `forms`: the numbers of forms that Kafka tells of, behind their ranges.
    """
    async with AsyncExitStack() as stack:
        opened = {name: await stack.enter_async_context(_opened(urls[name])) for name in SERVICES}
        logs = {topic.name: await log_of(servers, topic.name) for topic in TOPICS}
        for topic in TOPICS:
            await _hear(servers, logs[topic.name], opened[topic.producer])
        await _hear_timeline(opened)
        for service, statement in DOSSIERS_OF.items():
            await _tell_register(opened, service, statement)
        intake, kept = opened["intake"], {service: topic_of(service).retention_days for service in SERVICES}
        return {
            "unknown_dossiers": _plain(await intake.fetch(_UNKNOWN_DOSSIERS, COMPACTED)),
            "unknown_events": {
                service: _plain(
                    await opened[service].fetch(_UNKNOWN_EVENTS, topic_of(service).retention_days, COMPACTED)
                )
                for service in SERVICES
            },
            "not_in_kafka": {
                service: await opened[service].fetchval(_NOT_IN_KAFKA, days, COMPACTED)
                for service, days in kept.items()
            },
            "positions": _outside(positions, logs),
            "unanswered": _plain(await intake.fetch(_UNANSWERED)),
            "codes": [row["code"] for row in await intake.fetch(_CODES)],
            "forms": [row["form"] for row in await intake.fetch(_FORMS)],
        }


@asynccontextmanager
async def _opened(url: str) -> "AsyncIterator[Connection]":
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(_HEARD)
        yield connection
    finally:
        await connection.close()


async def _hear(servers: str, log: Log, connection: "Connection") -> None:
    """Notes in the producer's database what its topic holds."""
    async for records in records_of(servers, log):
        rows = [row for record in records if (row := _row(record)) is not None]
        await connection.copy_records_to_table("heard", records=rows)


def _row(record: "ConsumerRecord[Any, Any]") -> Row | None:
    """What is compared of a record; None for one that no service of the hub has written."""
    try:
        envelope = from_headers(record.headers)
        subject = envelope.subject if envelope.type in COMPACTED else str(envelope.dossier_id)
    except (UnreadableHeaders, ValueError):
        return None
    code = _code(record.value) if envelope.type == DossierAcceptedV1.type else None
    form = _form(record.value) if envelope.type == DossierFormIssuedV1.type else None
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return envelope.id, subject, envelope.type, at, "kafka", code, form


def _code(body: bytes | None) -> str | None:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return None
    code = found.get("dossier_code") if isinstance(found, dict) else None
    return code if isinstance(code, str) else None


def _form(body: bytes | None) -> str | None:
    """`<desk>/<symbol>/<year>/<number>`."""
    try:
        said = DossierFormIssuedV1.model_validate_json(body or b"{}")
    except ValueError:
        return None
    symbol = said.written_number.partition("/")[2]
    return f"{said.desk.code}/{symbol}/{day_in_vietnam(said.issued_at).year}/{said.number}"


async def _hear_timeline(opened: "Mapping[str, Connection]") -> None:
    """Notes in each producer's database which of its events the timeline at intake tells."""
    producer_of = {event.type: topic.producer for topic in TOPICS for event in topic.events}
    async for steps in _chunks(opened["intake"], _STEPS):
        rows: dict[str, list[Row]] = {}
        for event_id, dossier_id, type, at in steps:
            if type in EVENTS:
                rows.setdefault(producer_of[type], []).append(
                    (event_id, str(dossier_id), type, at, "timeline", None, None)
                )
        for service, heard in rows.items():
            if service != "intake":  # its own steps are in its own outbox
                await opened[service].copy_records_to_table("heard", records=heard)


async def _tell_register(opened: "Mapping[str, Connection]", service: str, statement: str) -> None:
    async for rows in _chunks(opened[service], statement):
        known: list[tuple[UUID, str | None, str]] = [(dossier_id, code, service) for dossier_id, code in rows]
        await opened["intake"].copy_records_to_table("known", records=known)


async def _chunks(connection: "Connection", statement: str) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """The rows of a statement, so many at once that a table of any size fits."""
    async with connection.transaction():
        cursor = await connection.cursor(statement)
        while rows := await cursor.fetch(ROWS_AT_ONCE):
            yield rows


def _outside(positions: Positions, logs: Mapping[str, Log]) -> list[dict[str, Any]]:
    """Where a reader stood at no place of the log as it is."""
    places = {(place.topic, place.partition): bounds for log in logs.values() for place, bounds in log.items()}
    return [
        {"service": service, "topic": topic, "partition": partition, "position": offset, "log": bounds}
        for service, stood in positions.items()
        for (topic, partition), offset in sorted(stood.items())
        if (bounds := places.get((topic, partition))) is None or not bounds[0] <= offset <= bounds[1]
    ]


def _plain(rows: Iterable[asyncpg.Record]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]
