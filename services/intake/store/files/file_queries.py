"""Tra cứu tệp: what the routes, the scanner and the sweeper read, without locks."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.files.files import Content, Link, Part, StoredFile, Upload, Verdict
from services.intake.store.files.file_tables import (
    CONTENT,
    FILE,
    LINK,
    PART,
    UPLOAD,
    content_from,
    file_from,
    link_from,
    upload_from,
)

_CONTENT = f"SELECT {', '.join(CONTENT.columns)} FROM file_content"  # noqa: S608
_UPLOAD = f"""
SELECT {", ".join(f"file_upload.{name}" for name in UPLOAD.columns)}, dossier.desk_code
FROM file_upload JOIN dossier ON dossier.id = file_upload.dossier_id WHERE file_upload.id = $1
"""  # noqa: S608
_FILE = f"""
SELECT {", ".join(f"dossier_file.{name}" for name in FILE.columns)}, dossier.desk_code
FROM dossier_file JOIN dossier ON dossier.id = dossier_file.dossier_id WHERE dossier_file.id = $1
"""  # noqa: S608
_FILES = """
SELECT dossier_file.id, component, size, sha256, media_type, verdict, scanned_at, uploaded_by, uploaded_at, reused_from
FROM dossier_file JOIN file_content ON file_content.id = content_id
WHERE dossier_id = $1 ORDER BY uploaded_at, dossier_file.id
"""
_COUNT = """
SELECT (SELECT count(*) FROM dossier_file WHERE dossier_id = $1)
     + (SELECT count(*) FROM file_upload WHERE dossier_id = $1 AND state = 'open')
"""
_PARTS = f"SELECT {', '.join(PART.columns)} FROM file_part WHERE content_id = $1 ORDER BY start"  # noqa: S608
_LINKS = f"""
SELECT {", ".join(f"file_link.{name}" for name in LINK.columns)}, taken.times, taken.last_at
FROM file_link CROSS JOIN LATERAL (
    SELECT count(*) AS times, max(taken_at) AS last_at FROM file_access WHERE link_id = file_link.id
) AS taken
WHERE file_link.file_id = $1 ORDER BY file_link.id DESC LIMIT 200
"""  # noqa: S608
_UNSCANNED = """
SELECT id FROM file_content
WHERE verdict IS NULL AND EXISTS (SELECT FROM dossier_file WHERE content_id = file_content.id)
  AND (scan_tried_at IS NULL OR scan_tried_at < $1)
ORDER BY scan_tried_at NULLS FIRST, id LIMIT $2
"""


class FileLine(NamedTuple):
    """A file in the list of its dossier's."""

    id: UUID
    component: str
    size: int
    sha256: bytes
    media_type: str
    verdict: Verdict | None
    scanned_at: datetime | None
    uploaded_by: str
    uploaded_at: datetime
    reused_from: UUID | None


class FileQueries:
    """Reads of files."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def upload(self, upload_id: UUID) -> tuple[Upload, str] | None:
        """The upload, and the desk that holds its dossier."""
        row = await self._pool.fetchrow(_UPLOAD, upload_id)
        return None if row is None else (upload_from(row), row["desk_code"])

    async def file(self, file_id: UUID) -> tuple[StoredFile, str] | None:
        """The file, and the desk that holds its dossier."""
        row = await self._pool.fetchrow(_FILE, file_id)
        return None if row is None else (file_from(row), row["desk_code"])

    async def content(self, content_id: UUID) -> Content | None:
        """What the bytes are."""
        row = await self._pool.fetchrow(_CONTENT + " WHERE id = $1", content_id)
        return None if row is None else content_from(row)

    async def parts(self, content_id: UUID) -> Sequence[Part]:
        """Where the bytes lie, in order."""
        return [Part(**row) for row in await self._pool.fetch(_PARTS, content_id)]

    async def files_of(self, dossier_id: UUID) -> Sequence[FileLine]:
        """The dossier's files, oldest first: at most MOST_FILES."""
        return [FileLine(**row) for row in await self._pool.fetch(_FILES, dossier_id)]

    async def count_of(self, dossier_id: UUID) -> int:
        """How many files the dossier has or is about to have."""
        count: int = await self._pool.fetchval(_COUNT, dossier_id)
        return count

    async def links_of(self, file_id: UUID) -> Sequence[tuple[Link, int, datetime | None]]:
        """The newest links to the file; how often each was used, and when last."""
        rows = await self._pool.fetch(_LINKS, file_id)
        return [(link_from(row), row["times"], row["last_at"]) for row in rows]

    async def unscanned(self, not_tried_since: datetime, most: int) -> Sequence[UUID]:
        """Contents of files that no scanner has judged yet."""
        return [row["id"] for row in await self._pool.fetch(_UNSCANNED, not_tried_since, most)]
