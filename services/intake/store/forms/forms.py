"""Biểu mẫu đã phát hành và lý do đã ghi: own tables, beside the register's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from hub_messaging.database import Pool, Table, Writes
from services.intake.domain.desk.life import Life
from services.intake.domain.forms.forms import IssuedForm
from services.intake.domain.forms.register import BookEntry, Returned
from services.intake.domain.progress import Progress
from services.intake.store.desk.lives import LIFE, life_from
from services.intake.store.tables import DOSSIER, PROGRESS, dossier_from, progress_from

_FORM = Table(
    "official_form",
    ("id",),
    {
        "id": "uuid",
        "desk_code": "text",
        "dossier_id": "uuid",
        "kind": "text",
        "year": "smallint",
        "number": "int",
        "issued_at": "timestamptz",
        "issued_by": "text",
        "replaces": "uuid",
        "sha256": "bytea",
        "signature": "jsonb",
        "sealed_pdf": "text",
    },
)
_REASON = Table(
    "typed_reason",
    ("dossier_id", "event_id"),
    {"dossier_id": "uuid", "event_id": "uuid", "decision": "text", "at": "timestamptz", "sealed_reason": "text"},
)
_ABOUT = ", ".join(name for name in _FORM.columns if name != "sealed_pdf")
_OF_DOSSIER = f"SELECT {_ABOUT} FROM official_form WHERE dossier_id = $1 ORDER BY issued_at, id"  # noqa: S608
_ONE = f"SELECT {_ABOUT}, sealed_pdf FROM official_form WHERE id = $1"  # noqa: S608
_LAST_REASON = """
SELECT sealed_reason FROM typed_reason WHERE dossier_id = $1 AND decision = $2 ORDER BY at DESC, event_id DESC LIMIT 1
"""
_LIFE = f"SELECT {', '.join(LIFE.columns)} FROM dossier_life WHERE dossier_id = $1"  # noqa: S608
_BOOK = f"""
SELECT {", ".join(f"dossier.{name}" for name in DOSSIER.columns)},
       {", ".join(f"progress.{name}" for name in PROGRESS.columns)}, result_ready_at, returned_at, collected_by
FROM dossier LEFT JOIN progress ON progress.dossier_id = dossier.id
LEFT JOIN dossier_life AS life ON life.dossier_id = dossier.id
WHERE dossier.code > $2 AND dossier.code < $3 AND dossier.desk_code = $1
ORDER BY dossier.code LIMIT $4
"""  # noqa: S608
"""By the index of official numbers: one of its own would cost every submission."""


def insert_forms(writes: Writes, forms: Sequence[IssuedForm]) -> None:
    """Adds forms that are issued."""
    writes.rows(_FORM.insert, [tuple(getattr(form, name) for name in _FORM.columns) for form in forms])


def insert_reasons(writes: Writes, reasons: Any) -> None:
    """Adds reasons as they were sealed."""
    writes.rows(_REASON.insert, reasons)


def _form_from(row: asyncpg.Record) -> IssuedForm:
    return IssuedForm(**row)


class FormQueries:
    """Reads of issued forms, without locks."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_dossier(self, dossier_id: UUID) -> Sequence[IssuedForm]:
        """All forms of a dossier in the order of issue, without their bytes."""
        return [_form_from(row) for row in await self._pool.fetch(_OF_DOSSIER, dossier_id)]

    async def form(self, form_id: UUID) -> IssuedForm | None:
        """One form with its sealed bytes."""
        row = await self._pool.fetchrow(_ONE, form_id)
        return None if row is None else _form_from(row)

    async def last_reason(self, dossier_id: UUID, decision: str) -> str | None:
        """What was written last for such a decision, sealed."""
        sealed: str | None = await self._pool.fetchval(_LAST_REASON, dossier_id, decision)
        return sealed

    async def life_of(self, dossier_id: UUID) -> Life | None:
        """What happened at the desk; None: nothing but what the dossier says."""
        row = await self._pool.fetchrow(_LIFE, dossier_id)
        return None if row is None else life_from(row)

    async def book(self, desk_code: str, after: str, before: str, most: int) -> Sequence[BookEntry]:
        """Up to `most` accepted dossiers of a desk whose official numbers lie between two, in their order."""
        rows = await self._pool.fetch(_BOOK, desk_code, after, before, most)
        return [_entry(row) for row in rows]


def _entry(row: asyncpg.Record) -> BookEntry:
    progress = progress_from(row) if row["dossier_id"] else Progress(row["id"])
    returned = Returned(row["result_ready_at"], row["returned_at"], row["collected_by"])
    return BookEntry(dossier_from(row), progress, returned)
