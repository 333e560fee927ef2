"""Bảng của dữ liệu tham chiếu: counters, published versions, their heads, and what an import run has seen."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from hub_messaging.database import Table, TableStore, Writes
from hub_messaging.unit_of_work import Journal, Shelf, UnitOfWork
from services.intake.domain.procedures.publication import Head, NewVersion, ReferenceVersion, Seen
from services.intake.domain.procedures.withdrawal import Ending, Withdrawal
from services.intake.handlers.procedures.publishing import COUNTERS, ENDINGS, HEADS, SEEN, WITHDRAWALS

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
ENDING = Table(
    "procedure_ending",
    ("code",),
    {
        "code": "text",
        "withdrawal": "uuid",
        "through": "int",
        "effective_on": "date",
        "decision": "text",
        "successor": "text",
        "edition": "bigint",
    },
)
WITHDRAWAL = Table(
    "procedure_withdrawal",
    ("id",),
    {
        "id": "uuid",
        "code": "text",
        "decision": "text",
        "effective_on": "date",
        "successor": "text",
        "state": "text",
        "proposed_by": "text",
        "proposed_at": "timestamptz",
        "decided_by": "text",
        "decided_at": "timestamptz",
        "taken_back_by": "text",
        "taken_back_at": "timestamptz",
        "sealed_why": "text",
    },
)


def ending_from(row: asyncpg.Record) -> Ending:
    """What stands of a procedure's end, in a row of ENDING."""
    return Ending(**{name: row[name] for name in ENDING.columns})


def withdrawal_from(row: asyncpg.Record) -> Withdrawal:
    """A proposal, in a row of WITHDRAWAL."""
    return Withdrawal(**{name: row[name] for name in WITHDRAWAL.columns})


def _values_of(table: Table) -> Callable[[Any], tuple[Any, ...]]:
    return lambda one: tuple(getattr(one, name) for name in table.columns)


_ENDINGS = TableStore(ENDING, to_row=_values_of(ENDING), from_row=ending_from)
_WITHDRAWALS = TableStore(WITHDRAWAL, to_row=_values_of(WITHDRAWAL), from_row=withdrawal_from)
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
        self.endings: Shelf[str, Ending] = self.shelf(ENDINGS, _ENDINGS)
        self.withdrawals: Shelf[UUID, Withdrawal] = self.shelf(WITHDRAWALS, _WITHDRAWALS)
        self.versions: Journal[NewVersion] = self.journal(_insert_versions)
