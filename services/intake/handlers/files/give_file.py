"""Giao tệp: links for agencies, their end, who took what; a file used again in another dossier; the scanner's word."""

from datetime import datetime
from uuid import UUID

from services.intake.domain.files.file_refusals import NoSuchFile, NoSuchLink
from services.intake.domain.files.files import Access, Content, Link, StoredFile, Verdict
from services.intake.handlers.files.file_ports import FilesWork


def make_link(link: Link, uow: FilesWork) -> Link:
    """Tạo đường dẫn tải for one agency."""
    uow.links.put(link.id, link)
    return link


def revoke_link(link_id: UUID, file_id: UUID, by: str, at: datetime, uow: FilesWork) -> Link:
    """Thu hồi đường dẫn. Raises NoSuchLink."""
    link = uow.links.get(link_id)
    if link is None or link.file_id != file_id:
        raise NoSuchLink
    revoked = link.revoked(by, at)
    uow.links.put(link_id, revoked)
    return revoked


def record_access(access: Access, now: datetime, uow: FilesWork) -> None:
    """Ghi lượt tải, before the first byte leaves; a link is looked at once more. Raises NoSuchLink, LinkOver."""
    if access.link_id is not None:
        link = uow.links.get(access.link_id)
        if link is None or link.file_id != access.file_id:
            raise NoSuchLink
        link.check_open(now)
    uow.accesses.add(access)


def reuse_file(file: StoredFile, uow: FilesWork) -> StoredFile:
    """Sử dụng lại tệp: the same content once more, locked: it may be about to go. Raises NoSuchFile."""
    if uow.contents.get(file.content_id) is None:
        raise NoSuchFile
    uow.files.put(file.id, file)
    return file


def record_scan(content_id: UUID, verdict: Verdict | None, at: datetime, uow: FilesWork) -> Content:
    """Kết quả quét; None: the scanner could not tell this time. Raises NoSuchFile when it is gone meanwhile."""
    content = uow.contents.get(content_id)
    if content is None:
        raise NoSuchFile
    scanned = content._replace(verdict=verdict, scanned_at=None if verdict is None else at, scan_tried_at=at)
    uow.contents.put(content_id, scanned)
    return scanned
