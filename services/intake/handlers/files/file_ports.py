"""What the handlers of files need of the outside: their unit of work."""

from collections.abc import AsyncIterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_messaging.unit_of_work import Journal, Shelf
from services.intake.domain.files.files import Access, Content, Link, Part, StoredFile, Upload

CONTENTS, UPLOADS, FILES, LINKS = "contents", "uploads", "files", "links"
"""The shelves, by which jobs name the aggregates they need."""


class FilesWork(Protocol):
    """The unit of work of files. `dropped`: ids of contents whose parts go."""

    now: datetime
    contents: Shelf[UUID, Content]
    uploads: Shelf[UUID, Upload]
    files: Shelf[UUID, StoredFile]
    links: Shelf[UUID, Link]
    parts: Journal[Part]
    dropped: Journal[UUID]
    accesses: Journal[Access]


class Scanner(Protocol):
    """Quét vi-rút: looks at the bytes of a file."""

    async def finds(self, pieces: AsyncIterable[bytes]) -> bool:
        """Whether there is something bad. Raises OSError, TimeoutError when it can't tell."""


class Vault(Protocol):
    """Where bytes lie, sealed."""

    def new_key(self, content_id: UUID) -> str: ...
    async def keep(self, content: Content, start: int, object_id: UUID, pieces: AsyncIterable[bytes]) -> int: ...
    def read(self, content: Content, parts: Sequence[Part], first: int, last: int) -> AsyncIterable[bytes]: ...
    async def drop(self, object_ids: Sequence[UUID]) -> None: ...
