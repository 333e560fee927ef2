"""Biểu mẫu đã phát hành và lý do đã ghi: own tables, beside the register's."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from hub_messaging.database import Pool, Table, Writes
from hub_worktime import span_in_vietnam
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import OLD_BOOK
from services.intake.domain.forms.forms import IssuedForm
from services.intake.domain.forms.register import BookEntry, Returned, codes_between
from services.intake.domain.progress import Progress
from services.intake.domain.timeline import OLD_DOSSIER_RETURNED
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
_OLD_BOOK = f"dossier.promise #>> '{{term,reason}}' = '{OLD_BOOK}'"
# $1 desk, $2 where the part before ended, $3 how many, $4 and $5 between which codes, $6 and $7 between which moments
_NUMBERS = f"""
(SELECT dossier.code FROM dossier
 WHERE dossier.code > $4 AND dossier.code < $5 AND dossier.code > $2 AND dossier.desk_code = $1
   AND ({_OLD_BOOK}) IS NOT TRUE
 ORDER BY dossier.code LIMIT $3)
UNION ALL
(SELECT dossier.code FROM dossier
 WHERE dossier.desk_code = $1 AND dossier.received_at >= $6 AND dossier.received_at < $7 AND dossier.code > $2
   AND {_OLD_BOOK}
 ORDER BY dossier.code LIMIT $3)
ORDER BY code LIMIT $3
"""  # noqa: S608
"""By the index of official numbers, which say the day: one of its own would cost every submission. Numbers of old books
may be of any form, or another desk's: those by the day of receipt, in the index whose condition is `_OLD_BOOK`."""
_GAVE = "SELECT EXISTS (SELECT FROM dossier WHERE code = $2 AND desk_code = $1)"
_BOOK = f"""
SELECT {", ".join(f"dossier.{name}" for name in DOSSIER.columns)},
       {", ".join(f"progress.{name}" for name in PROGRESS.columns)}, result_ready_at, collected_by,
       coalesce(returned_at, (SELECT at FROM step WHERE step.dossier_id = dossier.id AND dossier.state = 'returned'
                              AND type = '{OLD_DOSSIER_RETURNED}')) AS returned_at
FROM dossier LEFT JOIN progress ON progress.dossier_id = dossier.id
LEFT JOIN dossier_life AS life ON life.dossier_id = dossier.id
WHERE dossier.code = ANY($1) ORDER BY dossier.code
"""  # noqa: S608
"""Nothing happens at the desk to what an old book holds: its return is a step alone."""


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

    async def in_book(self, desk_code: str, number: str) -> bool:
        """Whether it is the official number of a dossier of that desk."""
        found: bool = await self._pool.fetchval(_GAVE, desk_code, number)
        return found

    async def numbers(self, desk_code: str, period: tuple[date, date], after: str | None, most: int) -> Sequence[str]:
        """Up to `most` official numbers of a desk in a period, in order, following `after`."""
        between = *codes_between(desk_code, *period), *span_in_vietnam(*period)
        return [row["code"] for row in await self._pool.fetch(_NUMBERS, desk_code, after or "", most, *between)]

    async def book(self, numbers: Sequence[str]) -> Sequence[BookEntry]:
        """The dossiers of these official numbers, in their order."""
        return [_entry(row) for row in await self._pool.fetch(_BOOK, numbers)]


def _entry(row: asyncpg.Record) -> BookEntry:
    progress = progress_from(row) if row["dossier_id"] else Progress(row["id"])
    returned = Returned(row["result_ready_at"], row["returned_at"], row["collected_by"])
    return BookEntry(dossier_from(row), progress, returned)
