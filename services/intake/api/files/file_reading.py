"""The query port of files: what their routes read, within the caller's area."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_web.tokens import Caller
from services.intake.api.files.file_bodies import Line
from services.intake.api.files.file_problems import no_such_file, no_such_upload
from services.intake.api.problems import no_such_dossier
from services.intake.api.reading import Reading
from services.intake.domain.dossier import Dossier
from services.intake.domain.files.files import Content, Link, Part, StoredFile, Upload


class FileReading(Protocol):
    """Reads of files; those with a code name the desk that holds the dossier."""

    async def upload(self, upload_id: UUID) -> tuple[Upload, str] | None: ...
    async def file(self, file_id: UUID) -> tuple[StoredFile, str] | None: ...
    async def content(self, content_id: UUID) -> Content | None: ...
    async def parts(self, content_id: UUID) -> Sequence[Part]: ...
    async def files_of(self, dossier_id: UUID) -> Sequence[Line]: ...
    async def count_of(self, dossier_id: UUID) -> int: ...
    async def links_of(self, file_id: UUID) -> Sequence[tuple[Link, int, datetime | None]]: ...


async def dossier_in_area(reading: Reading, dossier_id: UUID, caller: Caller) -> Dossier:
    """Raises Problem `not-found`."""
    found = await reading.by_id(dossier_id)
    if found is None or not caller.covers(found[0].desk.code):
        raise no_such_dossier()
    return found[0]


async def upload_in_area(files: FileReading, upload_id: UUID, caller: Caller) -> tuple[Upload, Content]:
    """Raises Problem `not-found`."""
    found = await files.upload(upload_id)
    content = await files.content(upload_id)
    if found is None or content is None or not caller.covers(found[1]):
        raise no_such_upload()
    return found[0], content


async def file_in_area(files: FileReading, file_id: UUID, caller: Caller) -> tuple[StoredFile, Content]:
    """Raises Problem `not-found`."""
    found = await files.file(file_id)
    if found is None or not caller.covers(found[1]):
        raise no_such_file()
    return found[0], await content_of(files, found[0])


async def content_of(files: FileReading, file: StoredFile) -> Content:
    """Raises Problem `not-found`: it went with its dossier a moment ago."""
    content = await files.content(file.content_id)
    if content is None:
        raise no_such_file()
    return content
