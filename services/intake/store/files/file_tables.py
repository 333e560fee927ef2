"""Bảng của tệp, and the unit of work that fills them: apart from the register's, whose commands are counted in µs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from hub_messaging.database import Table, TableStore, Writes
from hub_messaging.unit_of_work import Journal, Shelf, UnitOfWork
from services.intake.domain.files.files import Access, Content, Link, Part, StoredFile, Upload
from services.intake.handlers.files import file_ports

CONTENT = Table(
    "file_content",
    ("id",),
    {
        "id": "uuid",
        "size": "bigint",
        "sha256": "bytea",
        "media_type": "text",
        "sealed_key": "text",
        "verdict": "text",
        "scanned_at": "timestamptz",
        "scan_tried_at": "timestamptz",
    },
)
UPLOAD = Table(
    "file_upload",
    ("id",),
    {
        "id": "uuid",
        "dossier_id": "uuid",
        "component": "text",
        "sealed_name": "text",
        "started_by": "text",
        "started_at": "timestamptz",
        "touched_at": "timestamptz",
        "received": "bigint",
        "chunks": "int",
        "state": "text",
    },
)
FILE = Table(
    "dossier_file",
    ("id",),
    {
        "id": "uuid",
        "dossier_id": "uuid",
        "content_id": "uuid",
        "component": "text",
        "sealed_name": "text",
        "uploaded_by": "text",
        "uploaded_at": "timestamptz",
        "reused_from": "uuid",
    },
)
LINK = Table(
    "file_link",
    ("id",),
    {
        "id": "uuid",
        "file_id": "uuid",
        "agency": "text",
        "made_by": "text",
        "made_at": "timestamptz",
        "expires_at": "timestamptz",
        "revoked_by": "text",
        "revoked_at": "timestamptz",
    },
)
PART = Table(
    "file_part",
    ("content_id", "start"),
    {"content_id": "uuid", "start": "bigint", "length": "int", "object_id": "uuid"},
)
ACCESS = Table(
    "file_access",
    ("id",),
    {
        "id": "uuid",
        "file_id": "uuid",
        "link_id": "uuid",
        "taken_by": "text",
        "taken_at": "timestamptz",
        "first": "bigint",
        "last": "bigint",
    },
)


def content_from(row: asyncpg.Record) -> Content:
    """The content in a row of CONTENT."""
    return Content._make(map(row.__getitem__, Content._fields))


def upload_from(row: asyncpg.Record) -> Upload:
    """The upload in a row of UPLOAD."""
    return Upload._make(map(row.__getitem__, Upload._fields))


def file_from(row: asyncpg.Record) -> StoredFile:
    """The file in a row of FILE."""
    return StoredFile._make(map(row.__getitem__, StoredFile._fields))


def link_from(row: asyncpg.Record) -> Link:
    """The link in a row of LINK."""
    return Link._make(map(row.__getitem__, Link._fields))


def _same(row: Any) -> Any:
    return row


CONTENTS: TableStore[Content] = TableStore(CONTENT, to_row=_same, from_row=content_from)
UPLOADS: TableStore[Upload] = TableStore(UPLOAD, to_row=_same, from_row=upload_from)
FILES: TableStore[StoredFile] = TableStore(FILE, to_row=_same, from_row=file_from)
LINKS: TableStore[Link] = TableStore(LINK, to_row=_same, from_row=link_from)


def _insert_parts(writes: Writes, parts: Sequence[Part]) -> None:
    writes.rows(PART.insert, parts)


def _insert_accesses(writes: Writes, accesses: Sequence[Access]) -> None:
    writes.rows(ACCESS.insert, accesses)


def _drop_parts(writes: Writes, content_ids: Sequence[UUID]) -> None:
    writes.add("DELETE FROM file_part WHERE content_id = ANY($1::uuid[])", list(content_ids))


class FilesUnitOfWork(UnitOfWork):
    """Contents, uploads, files and links; parts and downloads are only added. Columns are fields of the tuples."""

    def __init__(self, now: datetime) -> None:
        super().__init__("intake", now)
        self.contents: Shelf[UUID, Content] = self.shelf(file_ports.CONTENTS, CONTENTS)
        self.uploads: Shelf[UUID, Upload] = self.shelf(file_ports.UPLOADS, UPLOADS)
        self.files: Shelf[UUID, StoredFile] = self.shelf(file_ports.FILES, FILES)
        self.links: Shelf[UUID, Link] = self.shelf(file_ports.LINKS, LINKS)
        self.parts: Journal[Part] = self.journal(_insert_parts)
        self.dropped: Journal[UUID] = self.journal(_drop_parts)
        self.accesses: Journal[Access] = self.journal(_insert_accesses)
