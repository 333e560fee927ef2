"""Tải tệp lên: an upload begins, grows chunk by chunk, and becomes a file with its last one; or is refused."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intake.domain.files.file_refusals import NoSuchUpload
from services.intake.domain.files.files import Content, Part, StoredFile, Upload
from services.intake.handlers.files.file_ports import FilesWork


@dataclass(frozen=True, slots=True)
class StartUpload:
    """`real_at` is real time: uploads expire by it."""

    content: Content
    dossier_id: UUID
    component: str
    sealed_name: str
    started_by: str
    real_at: datetime


@dataclass(frozen=True, slots=True)
class KeepChunk:
    """The bytes lie in the store as `part`; those of the last chunk make a whole that was checked."""

    part: Part
    real_at: datetime


def start_upload(command: StartUpload, uow: FilesWork) -> Upload:
    """Opens an upload."""
    content = command.content
    upload = Upload(
        id=content.id,
        dossier_id=command.dossier_id,
        component=command.component,
        sealed_name=command.sealed_name,
        started_by=command.started_by,
        started_at=uow.now,
        touched_at=command.real_at,
    )
    uow.contents.put(content.id, content)
    uow.uploads.put(upload.id, upload)
    return upload


def keep_chunk(command: KeepChunk, uow: FilesWork) -> Upload:
    """Adds a chunk. Raises NoSuchUpload, UploadRefused, OffsetElsewhere, MoreThanDeclared, TooManyChunks."""
    part = command.part
    upload, content = uow.uploads.get(part.content_id), uow.contents.get(part.content_id)
    if upload is None or content is None:
        raise NoSuchUpload
    upload.check_chunk(part.start, part.length, content.size)
    grown = upload.with_chunk(part.length, content.size, command.real_at)
    uow.parts.add(part)
    uow.uploads.put(grown.id, grown)
    if grown.state == "kept":
        uow.files.put(grown.id, _file(grown, uow.now))
    return grown


def refuse_upload(upload_id: UUID, uow: FilesWork) -> bool:
    """Ends an upload whose bytes are not what was declared: none of them stays. False: it is kept, or gone, already."""
    upload = uow.uploads.get(upload_id)
    if upload is None or upload.state != "open":
        return False
    uow.uploads.put(upload_id, upload._replace(state="refused"))
    uow.dropped.add(upload_id)
    return True


def _file(upload: Upload, at: datetime) -> StoredFile:
    return StoredFile(
        id=upload.id,
        dossier_id=upload.dossier_id,
        content_id=upload.id,
        component=upload.component,
        sealed_name=upload.sealed_name,
        uploaded_by=upload.started_by,
        uploaded_at=at,
    )
