"""Table `notices`: one row per dossier; contact and duties as JSON, what lists ask for as columns."""

from typing import Any

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from hub_messaging.database import Table, TableStore
from services.notify.domain.notices import Contact, DutyToInform, Notices

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
    },
)
_CONTACT: TypeAdapter[Contact | None] = TypeAdapter(Contact | None)
_DUTIES: TypeAdapter[list[DutyToInform]] = TypeAdapter(list[DutyToInform])


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
    )


def _duty(duty: DutyToInform) -> dict[str, Any]:
    """By names; one that nobody told otherwise is written as a version before would."""
    written = duty._asdict()
    told = written.pop("told")
    return written if told is None else {**written, "told": told._asdict()}


def from_row(row: asyncpg.Record) -> Notices:
    contact = row["contact"]
    return Notices(
        dossier_id=row["dossier_id"],
        dossier_code=row["dossier_code"],
        procedure=row["procedure"],
        desk=row["desk"],
        due_at=row["due_at"],
        contact=None if contact is None else _CONTACT.validate_json(contact),
        duties={duty.key: duty for duty in _DUTIES.validate_json(row["duties"])},
    )


STORE: TableStore[Notices] = TableStore(NOTICES, to_row, from_row)
