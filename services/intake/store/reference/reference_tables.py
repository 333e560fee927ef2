"""Bảng của dữ liệu tham chiếu nhập vào: imports, editions, entries of the directory, publication lists.

They have a unit of work of their own: that of the dossiers is filled a thousand times for each time of this one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from hub_messaging.database import Table, TableStore, Writes
from hub_messaging.unit_of_work import Journal, Shelf, UnitOfWork
from services.intake.domain.reference.directory import KINDS
from services.intake.domain.reference.reference_import import Edition, Import
from services.intake.handlers.reference import reference_import

IMPORT = Table(
    "reference_import",
    ("id",),
    {
        "id": "uuid",
        "kind": "text",
        "state": "text",
        "uploaded_by": "text",
        "uploaded_at": "timestamptz",
        "sha256": "bytea",
        "bytes": "int",
        "base": "jsonb",
        "content": "jsonb",
        "report": "jsonb",
        "decided_by": "text",
        "decided_at": "timestamptz",
        "sealed_why": "text",
        "edition": "int",
    },
)
_JSON = ("base", "content", "report")

_ENTRIES = """
INSERT INTO directory_entry (kind, code, valid_from, valid_to, said, withdrawn, edition, import_id)
SELECT $1::text, code, valid_from, valid_to, said, withdrawn, $2::int, $3::uuid
FROM jsonb_to_recordset($4::jsonb) AS given(code text, valid_from date, valid_to date, said jsonb, withdrawn boolean)
"""
_LIST = """
INSERT INTO publication_list
    (kind, edition, import_id, decision, decided_on, published_on, valid_from, valid_to, lines)
SELECT $1::text, $2::int, $3::uuid, given.*
FROM jsonb_to_record($4::jsonb)
    AS given(decision text, decided_on date, published_on date, valid_from date, valid_to date, lines jsonb)
"""


def _import_row(one: Import) -> tuple[Any, ...]:
    values = {name: getattr(one, name) for name in IMPORT.columns}
    return tuple(orjson.dumps(value).decode() if name in _JSON else value for name, value in values.items())


def import_from(row: asyncpg.Record) -> Import:
    """The import in a row of IMPORT."""
    return Import(**{name: orjson.loads(row[name]) if name in _JSON else row[name] for name in IMPORT.columns})


def insert_published(writes: Writes, imports: Sequence[Import]) -> None:
    """Writes what approved imports hold, each as an edition of its kind."""
    for one in imports:
        statement = _ENTRIES if one.kind in KINDS else _LIST
        writes.add(statement, one.kind, one.edition, one.id, orjson.dumps(one.content).decode())


IMPORTS = TableStore(IMPORT, to_row=_import_row, from_row=import_from)
EDITIONS = TableStore(
    Table("edition", ("kind",), {"kind": "text", "number": "int"}),
    to_row=lambda edition: (edition.kind, edition.number),
    from_row=lambda row: Edition(row["kind"], row["number"]),
)


class ReferenceUnitOfWork(UnitOfWork):
    """Đơn vị công việc of imports."""

    def __init__(self, now: datetime) -> None:
        super().__init__("intake", now)
        self.imports: Shelf[UUID, Import] = self.shelf(reference_import.IMPORTS, IMPORTS)
        self.editions: Shelf[str, Edition] = self.shelf(reference_import.EDITIONS, EDITIONS)
        self.published: Journal[Import] = self.journal(insert_published)
