"""Bảng dossier_life: what happened at the desk; only dossiers to which something did have a row."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from hub_messaging.database import Table, TableStore, Writes
from services.intake.domain.desk.correction import Correction
from services.intake.domain.desk.duplicates import ApplicantMark
from services.intake.domain.desk.late_entry import LateEntry
from services.intake.domain.desk.life import Fee, Life

_FEES = TypeAdapter(tuple[Fee, ...])

LIFE = Table(
    "dossier_life",
    ("dossier_id",),
    {
        "dossier_id": "uuid",
        "desk_code": "text",
        "withdrawal_requested_at": "timestamptz",
        "withdrawal_recorded_by": "text",
        "stopped_at": "timestamptz",
        "stopped_by": "text",
        "stop_reason": "text",
        "sealed_stop_reason": "text",
        "result_ready_at": "timestamptz",
        "result_ready_by": "text",
        "returned_at": "timestamptz",
        "returned_by": "text",
        "collected_by": "text",
        "on_the_spot": "boolean",
        "fees": "jsonb",
        "corrections": "int",
        "result_by": "text",
        "result_desk": "text",
        "result_sent_at": "timestamptz",
        "result_arrived_at": "timestamptz",
        "reappointed_from": "timestamptz",
        "reappointed_to": "timestamptz",
        "reappointments": "int",
    },
)


def _row(life: Life) -> tuple[Any, ...]:
    return tuple(life._replace(fees=_FEES.dump_json(life.fees).decode()))  # type: ignore[arg-type]


def life_from(row: asyncpg.Record) -> Life:
    """The record in a row of LIFE."""
    return Life(**{**row, "fees": _FEES.validate_json(row["fees"])})


CORRECTION = Table(
    "correction",
    ("dossier_id", "number"),
    {
        "dossier_id": "uuid",
        "number": "int",
        "at": "timestamptz",
        "officer": "text",
        "what": "jsonb",
        "sealed": "text",
    },
)


def insert_corrections(writes: Writes, corrections: Sequence[Correction]) -> None:
    """Adds corrections; nothing of them is ever changed."""
    rows = [(c.dossier_id, c.number, c.at, c.officer, to_json(c.what).decode(), c.sealed) for c in corrections]
    writes.rows(CORRECTION.insert, rows)


def correction_from(row: asyncpg.Record) -> Correction:
    """The correction in a row of CORRECTION."""
    return Correction(**{**row, "what": tuple(from_json(row["what"]))})


LATE_ENTRY = Table(
    "late_entry",
    ("dossier_id",),
    {
        "dossier_id": "uuid",
        "desk_code": "text",
        "received_at": "timestamptz",
        "entered_at": "timestamptz",
        "officer": "text",
        "reason": "text",
        "sealed_note": "text",
    },
)


def insert_late_entries(writes: Writes, entries: Sequence[LateEntry]) -> None:
    """Adds late entries."""
    writes.rows(LATE_ENTRY.insert, map(astuple, entries))


_MARK = Table(
    "applicant_mark",
    ("dossier_id",),
    {"dossier_id": "uuid", "mark": "bytea", "procedure_code": "text", "received_at": "timestamptz"},
)
_WRITE_MARKS = f"{_MARK.insert} ON CONFLICT (dossier_id) DO UPDATE SET mark = excluded.mark"


def insert_marks(writes: Writes, marks: Sequence[ApplicantMark]) -> None:
    """Adds marks; a corrected applicant gets another one."""
    writes.rows(_WRITE_MARKS, {mark.dossier_id: mark for mark in marks}.values())


LIVES = TableStore(LIFE, to_row=_row, from_row=life_from)
