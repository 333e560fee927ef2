"""Bảng của dữ liệu tham chiếu: counters, published versions, their heads, and what an import run has seen."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from hub_messaging.database import Table, TableStore, Writes
from hub_messaging.unit_of_work import Journal, Shelf, UnitOfWork
from services.intake.domain.procedures.publication import Head, NewVersion, ReferenceVersion, Seen
from services.intake.handlers.procedures.publish_procedures import COUNTERS, HEADS, SEEN

_COUNTERS = TableStore(
    Table("reference_version", ("kind",), {"kind": "text", "version": "bigint"}),
    to_row=tuple,
    from_row=lambda row: ReferenceVersion(row["kind"], row["version"]),
)


def _head_from(row: asyncpg.Record) -> Head:
    return Head(row["code"], row["version"], row["fingerprint"], tuple(json.loads(row["numbers"])))


_HEADS = TableStore(
    Table("procedure_head", ("code",), {"code": "text", "version": "int", "fingerprint": "bytea", "numbers": "jsonb"}),
    to_row=lambda head: (head.code, head.version, head.fingerprint, _json(head.numbers)),
    from_row=_head_from,
)
_SEEN = TableStore(
    Table("catalogue_run", ("key",), {"key": "text", "fingerprint": "bytea", "file": "text"}),
    to_row=tuple,
    from_row=lambda row: Seen(row["key"], row["fingerprint"], row["file"]),
)
_VERSION = Table(
    "procedure_version",
    ("code", "version"),
    {
        "code": "text",
        "version": "int",
        "content": "jsonb",
        "flags": "jsonb",
        "fingerprint": "bytea",
        "published_at": "timestamptz",
        "published_by": "text",
        "reference_version": "bigint",
    },
)


def _insert_versions(writes: Writes, versions: Sequence[NewVersion]) -> None:
    writes.rows(_VERSION.insert, [_version_row(version) for version in versions])


def _version_row(new: NewVersion) -> tuple[Any, ...]:
    return (
        new.code,
        new.version,
        new.content,
        _json(new.flags),
        new.fingerprint,
        new.published_at,
        new.published_by,
        new.reference_version,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class CatalogueUnitOfWork(UnitOfWork):
    """Publication of reference data: apart from the register's, whose transactions are counted in microseconds."""

    def __init__(self, now: datetime) -> None:
        super().__init__("intake", now)
        self.counters: Shelf[str, ReferenceVersion] = self.shelf(COUNTERS, _COUNTERS)
        self.heads: Shelf[str, Head] = self.shelf(HEADS, _HEADS)
        self.seen: Shelf[str, Seen] = self.shelf(SEEN, _SEEN)
        self.versions: Journal[NewVersion] = self.journal(_insert_versions)
