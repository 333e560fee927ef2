"""Tệp qua HTTP: what is sent and answered about files. No answer but a download to its officer holds a file's name."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Literal, Protocol, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hub_events.values import AgencyCode, Slug
from services.intake.api.answers import Local
from services.intake.domain.files.files import Content, Link, Upload, Verdict

NAME = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|\u202a-\u202e\u2066-\u2069]{1,200}\.[A-Za-z0-9]{2,5}")
"""A name with its extension: no path, no control characters, no change of direction that hides the extension."""
LONGEST_LINK_MINUTES = 60
CHUNK_BYTES = 8 * 1024 * 1024


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class UploadWish(_Body):
    """Khai báo tệp sắp gửi. `name` as its owner calls it; it is kept sealed."""

    component: Slug
    name: Annotated[str, StringConstraints(min_length=4, max_length=205)]
    size: int = Field(gt=0, lt=2**53)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    media_type: Annotated[str, StringConstraints(max_length=100)]

    @model_validator(mode="after")
    def _a_name(self) -> Self:
        if not NAME.fullmatch(self.name):
            raise ValueError("name is not a file's name with its extension, or holds characters that none may hold")
        return self

    @property
    def composed_name(self) -> str:
        """The name in NFC: some systems send letters and their accents apart."""
        return unicodedata.normalize("NFC", self.name)


class ReuseWish(_Body):
    """Sử dụng lại tệp của hồ sơ trước, of the same person."""

    file_id: UUID
    component: Slug


class LinkWish(_Body):
    """Đường dẫn tải cho một cơ quan."""

    agency: AgencyCode
    minutes: int = Field(default=15, ge=1, le=LONGEST_LINK_MINUTES)


class UploadView(BaseModel):
    """Lượt tải lên; its id is the file's as soon as all bytes are there."""

    id: UUID
    dossier_id: UUID
    component: str
    size: int
    offset: int
    expires_at: Local
    upload_url: str
    chunk_bytes: int


class ScanView(BaseModel):
    """Kết quả quét mã độc. `none`: no scanner is set up here, nobody has looked."""

    state: Literal["none", "waiting", "clean", "infected"]
    at: Local | None


class FileView(BaseModel):
    """Tệp của hồ sơ."""

    id: UUID
    component: str
    size: int
    sha256: str
    media_type: str
    scan: ScanView
    uploaded_by: str
    uploaded_at: Local
    reused_from: UUID | None


class LinkView(BaseModel):
    """Đường dẫn tải; `url` is shown once, to who asked for it."""

    id: UUID
    file_id: UUID
    agency: str
    made_by: str
    made_at: Local
    expires_at: Local
    revoked_at: Local | None
    url: str | None = None
    times_used: int = 0
    last_used_at: Local | None = None


class Line(Protocol):
    """A file in a list."""

    @property
    def id(self) -> UUID: ...
    @property
    def component(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> bytes: ...
    @property
    def media_type(self) -> str: ...
    @property
    def verdict(self) -> Verdict | None: ...
    @property
    def scanned_at(self) -> datetime | None: ...
    @property
    def uploaded_by(self) -> str: ...
    @property
    def uploaded_at(self) -> datetime: ...
    @property
    def reused_from(self) -> UUID | None: ...


def upload_view(upload: Upload, content: Content) -> UploadView:
    return UploadView(
        id=upload.id,
        dossier_id=upload.dossier_id,
        component=upload.component,
        size=content.size,
        offset=upload.received,
        expires_at=upload.expires_at,
        upload_url=f"/v1/uploads/{upload.id}",
        chunk_bytes=CHUNK_BYTES,
    )


def file_view(line: Line, scanned: bool) -> FileView:
    """`scanned`: a scanner is set up."""
    state = line.verdict or ("waiting" if scanned else "none")
    return FileView(
        id=line.id,
        component=line.component,
        size=line.size,
        sha256=line.sha256.hex(),
        media_type=line.media_type,
        scan=ScanView(state=state, at=line.scanned_at),
        uploaded_by=line.uploaded_by,
        uploaded_at=line.uploaded_at,
        reused_from=line.reused_from,
    )


def link_view(link: Link, url: str | None = None, times: int = 0, last_at: datetime | None = None) -> LinkView:
    return LinkView(
        id=link.id,
        file_id=link.file_id,
        agency=link.agency,
        made_by=link.made_by,
        made_at=link.made_at,
        expires_at=link.expires_at,
        revoked_at=link.revoked_at,
        url=url,
        times_used=times,
        last_used_at=last_at,
    )
