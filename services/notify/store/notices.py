"""Table `notices`: one row per dossier; contact and duties as JSON, what lists ask for as columns.

A field that duties get later is a column by their keys, as `told`: a version before refuses what it does not know.
"""

from typing import Any

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from hub_messaging.database import Table, TableStore
from services.notify.domain.notices import Contact, DutyToInform, Notices, Told

NOTICES = Table(
    "notices",
    ("dossier_id",),
    {
        "dossier_id": "uuid",
        "dossier_code": "text",
        "procedure": "text",
        "desk": "text",
        "due_at": "timestamptz",
        "contact": "jsonb",
        "duties": "jsonb",
        "waiting": "bool",
        "failed": "bool",
        "unreached": "bool",
        "overtaken": "jsonb",
        "told": "jsonb",
        "due_request": "int",
    },
)
_CONTACT: TypeAdapter[Contact | None] = TypeAdapter(Contact | None)
_DUTIES: TypeAdapter[list[DutyToInform]] = TypeAdapter(list[DutyToInform])
_OVERTAKEN: TypeAdapter[frozenset[str]] = TypeAdapter(frozenset[str])
_TOLD: TypeAdapter[dict[str, Told]] = TypeAdapter(dict[str, Told])


def to_row(notices: Notices) -> tuple[Any, ...]:
    return (
        notices.dossier_id,
        notices.dossier_code,
        notices.procedure,
        notices.desk,
        notices.due_at,
        to_json(notices.contact._asdict()).decode() if notices.contact else None,
        to_json([_duty(duty) for duty in notices.duties.values()]).decode(),
        notices.has("waiting_contact"),
        notices.has("failed"),
        notices.has("unreached"),
        to_json(sorted(notices.overtaken)).decode(),
        to_json({key: duty.told._asdict() for key, duty in notices.duties.items() if duty.told}).decode(),
        notices.due_request,
    )


def _duty(duty: DutyToInform) -> dict[str, Any]:
    written = duty._asdict()
    del written["told"]
    return written


def from_row(row: asyncpg.Record) -> Notices:
    contact = row["contact"]
    return Notices(
        dossier_id=row["dossier_id"],
        dossier_code=row["dossier_code"],
        procedure=row["procedure"],
        desk=row["desk"],
        due_at=row["due_at"],
        contact=None if contact is None else _CONTACT.validate_json(contact),
        duties=_duties(row),
        overtaken=_OVERTAKEN.validate_json(row["overtaken"]),
        due_request=row["due_request"],
    )


def _duties(row: asyncpg.Record) -> dict[str, DutyToInform]:
    duties = {duty.key: duty for duty in _DUTIES.validate_json(row["duties"])}
    told = {} if row["told"] == "{}" else _TOLD.validate_json(row["told"])
    return duties | {key: duties[key]._replace(told=how) for key, how in told.items()}


STORE: TableStore[Notices] = TableStore(NOTICES, to_row, from_row)
