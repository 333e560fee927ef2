"""Bảng của sổ tiếp nhận: how aggregates become rows and rows become aggregates."""

from typing import Any

import asyncpg
from pydantic import TypeAdapter

from hub_events.intake import ComponentRef, ContactChannel, DeskRef, Finding, ProcedureRef, Promise
from hub_messaging.database import Table, TableStore, Writes
from services.intake.domain.dossier import Dossier, SupplementRequest
from services.intake.domain.number_range import NumberRange
from services.intake.domain.progress import Progress

_COMPONENTS = TypeAdapter(tuple[ComponentRef, ...])
_FINDINGS = TypeAdapter(tuple[Finding, ...])
_CHANNELS = TypeAdapter(tuple[ContactChannel, ...])
_SUPPLEMENT = TypeAdapter(SupplementRequest)

DOSSIER = Table(
    "dossier",
    ("id",),
    {
        "id": "uuid",
        "state": "text",
        "code": "text",
        "procedure": "jsonb",
        "desk": "jsonb",
        "desk_code": "text",
        "territory": "text",
        "channel": "text",
        "procedure_case": "text",
        "received_at": "timestamptz",
        "components": "jsonb",
        "findings": "jsonb",
        "contact_channels": "jsonb",
        "sealed_contact": "text",
        "sealed_form": "text",
        "accepted_at": "timestamptz",
        "accepted_by": "text",
        "promise": "jsonb",
        "supplement": "jsonb",
        "refused_at": "timestamptz",
        "refused_by": "text",
        "refused_reason": "text",
    },
)
"""Hồ sơ. `desk_code` is the desk's code once more, for the area of a caller."""


def _dossier_row(dossier: Dossier) -> tuple[Any, ...]:
    return (
        dossier.id,
        dossier.state,
        dossier.code,
        dossier.procedure.model_dump_json(),
        dossier.desk.model_dump_json(),
        dossier.desk.code,
        dossier.territory,
        dossier.channel,
        dossier.case,
        dossier.received_at,
        _COMPONENTS.dump_json(dossier.components).decode(),
        _FINDINGS.dump_json(dossier.findings).decode(),
        _CHANNELS.dump_json(dossier.contact_channels).decode(),
        dossier.sealed_contact,
        dossier.sealed_form,
        dossier.accepted_at,
        dossier.accepted_by,
        dossier.promise.model_dump_json() if dossier.promise else None,
        _SUPPLEMENT.dump_json(dossier.supplement).decode() if dossier.supplement else None,
        dossier.refused_at,
        dossier.refused_by,
        dossier.refused_reason,
    )


def dossier_from(row: asyncpg.Record) -> Dossier:
    """The dossier in a row of DOSSIER."""
    return Dossier(
        id=row["id"],
        state=row["state"],
        code=row["code"],
        procedure=ProcedureRef.model_validate_json(row["procedure"]),
        desk=DeskRef.model_validate_json(row["desk"]),
        territory=row["territory"],
        channel=row["channel"],
        case=row["procedure_case"],
        received_at=row["received_at"],
        components=_COMPONENTS.validate_json(row["components"]),
        findings=_FINDINGS.validate_json(row["findings"]),
        contact_channels=_CHANNELS.validate_json(row["contact_channels"]),
        sealed_contact=row["sealed_contact"],
        sealed_form=row["sealed_form"],
        accepted_at=row["accepted_at"],
        accepted_by=row["accepted_by"],
        promise=Promise.model_validate_json(row["promise"]) if row["promise"] else None,
        supplement=_SUPPLEMENT.validate_json(row["supplement"]) if row["supplement"] else None,
        refused_at=row["refused_at"],
        refused_by=row["refused_by"],
        refused_reason=row["refused_reason"],
    )


PROGRESS = Table(
    "progress",
    ("dossier_id",),
    {
        "dossier_id": "uuid",
        "watched_since": "timestamptz",
        "expects_clock": "boolean",
        "routed_at": "timestamptz",
        "agency_code": "text",
        "agency_name": "text",
        "routing_failed_at": "timestamptz",
        "routing_failed_reason": "text",
        "handed_over_at": "timestamptz",
        "hand_over_refused_at": "timestamptz",
        "acknowledged_at": "timestamptz",
        "supplement_asked_at": "timestamptz",
        "completed_at": "timestamptz",
        "result": "text",
        "clock_started_at": "timestamptz",
        "clock_number": "int",
        "clock_due_at": "timestamptz",
        "clock_agrees": "boolean",
        "clock_paused_number": "int",
        "clock_stopped_at": "timestamptz",
        "clock_outcome": "text",
        "warned_due_at": "timestamptz",
        "missed_due_at": "timestamptz",
        "notice": "text",
        "settled": "boolean",
    },
)
"""Tiến độ. `settled` is derived: the index of what is stuck leaves out all that is settled."""


def _progress_row(progress: Progress) -> tuple[Any, ...]:
    return (*progress, progress.settled)


def progress_from(row: asyncpg.Record) -> Progress:
    """The progress in a row of PROGRESS."""
    return Progress._make(map(row.__getitem__, Progress._fields))


def _number_from(row: asyncpg.Record) -> NumberRange:
    return NumberRange(row["key"], row["last"])


_STEP = Table(
    "step",
    ("dossier_id", "event_id"),
    {
        "dossier_id": "uuid",
        "event_id": "uuid",
        "type": "text",
        "at": "timestamptz",
        "recorded_at": "timestamptz",
        "facts": "jsonb",
    },
)


def insert_steps(writes: Writes, steps: Any) -> None:
    """Adds steps; one whose event is there already stays as it is."""
    rows = [(step.dossier_id, step.event_id, step.type, step.at, step.recorded_at, step.facts) for step in steps]
    writes.rows(_STEP.insert_new, rows)


DOSSIERS = TableStore(DOSSIER, to_row=_dossier_row, from_row=dossier_from)
PROGRESSES = TableStore(PROGRESS, to_row=_progress_row, from_row=progress_from)
NUMBERS = TableStore(
    Table("number_range", ("key",), {"key": "text", "last": "int"}),
    to_row=lambda numbers: (numbers.key, numbers.last),
    from_row=_number_from,
)
