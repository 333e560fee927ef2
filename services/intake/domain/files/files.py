"""Tệp của hồ sơ: uploads, the files that they become, and the links by which agencies fetch them.

An upload, its content and its file have one id. A file that is used again in another dossier is a file of its own with
the same content: bytes lie once, as long as any file shows them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.intake.domain.catalogue import Procedure
from services.intake.domain.dossier import Dossier
from services.intake.domain.files.file_refusals import (
    AnotherPerson,
    FileInfected,
    LinkOver,
    MoreThanDeclared,
    NotScannedYet,
    OffsetElsewhere,
    TooManyChunks,
    UploadRefused,
)
from services.intake.domain.refusals import WrongState

RESULT = "ket-qua"
"""Kết quả giải quyết: the component code under which an electronic result lies with its dossier."""
MOST_FILES = 500
"""Of one dossier, those on their way included."""
MOST_CHUNKS = 1000
"""Of one file: each is an object and a row."""
UPLOAD_KEPT = timedelta(hours=24)
"""Real time from the last chunk until an unfinished upload is given up."""

Verdict = Literal["clean", "infected"]
UploadState = Literal["open", "kept", "refused"]


class Content(NamedTuple):
    """Nội dung tệp: what its bytes are. `sealed_key` opens them; `verdict`: what the virus scanner said, and when."""

    id: UUID
    size: int
    sha256: bytes
    media_type: str
    sealed_key: str
    verdict: Verdict | None = None
    scanned_at: datetime | None = None
    scan_tried_at: datetime | None = None

    def check_fit_to_give(self, scanned: bool) -> None:
        """`scanned`: a scanner looks at every file here. Raises FileInfected, NotScannedYet."""
        if self.verdict == "infected":
            raise FileInfected
        if scanned and self.verdict is None:
            raise NotScannedYet


class Part(NamedTuple):
    """Đoạn: the bytes of a content from `start`, as one stored object."""

    content_id: UUID
    start: int
    length: int
    object_id: UUID


class Upload(NamedTuple):
    """Lượt tải lên. `touched_at` is real time, of the last chunk."""

    id: UUID
    dossier_id: UUID
    component: str
    sealed_name: str
    started_by: str
    started_at: datetime
    touched_at: datetime
    received: int = 0
    chunks: int = 0
    state: UploadState = "open"

    @property
    def expires_at(self) -> datetime:
        return self.touched_at + UPLOAD_KEPT

    def check_chunk(self, start: int, length: int, size: int) -> None:
        """A chunk fits. Raises UploadRefused, OffsetElsewhere, MoreThanDeclared, TooManyChunks."""
        if self.state == "refused":
            raise UploadRefused
        if start != self.received:
            raise OffsetElsewhere(self.received)
        if start + length > size:
            raise MoreThanDeclared(size)
        if self.chunks >= MOST_CHUNKS:
            raise TooManyChunks(MOST_CHUNKS)

    def with_chunk(self, length: int, size: int, at: datetime) -> "Upload":
        """What it is with one more chunk; kept, when that was the last."""
        received = self.received + length
        state: UploadState = "kept" if received == size else "open"
        return self._replace(received=received, chunks=self.chunks + 1, touched_at=at, state=state)


class StoredFile(NamedTuple):
    """Tệp. `reused_from`: the file whose content it shows again."""

    id: UUID
    dossier_id: UUID
    content_id: UUID
    component: str
    sealed_name: str
    uploaded_by: str
    uploaded_at: datetime
    reused_from: UUID | None = None


class Link(NamedTuple):
    """Đường dẫn tải có thời hạn, for one agency. Real time."""

    id: UUID
    file_id: UUID
    agency: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_by: str | None = None
    revoked_at: datetime | None = None

    def check_open(self, now: datetime) -> None:
        """Raises LinkOver."""
        if self.revoked_at is not None or now >= self.expires_at:
            raise LinkOver

    def revoked(self, by: str, at: datetime) -> "Link":
        """Thu hồi; once revoked it stays as it is."""
        return self if self.revoked_at is not None else self._replace(revoked_by=by, revoked_at=at)


class Access(NamedTuple):
    """Lượt tải xuống: who was given which bytes of a file, when. `link_id`: by that link; `taken_by` is its agency."""

    id: UUID
    file_id: UUID
    link_id: UUID | None
    taken_by: str
    taken_at: datetime
    first: int
    last: int


def check_takes_files(dossier: Dossier, procedure: Procedure, component: str) -> None:
    """The dossier may get a file for that component. Raises WrongState, UnknownComponent."""
    if dossier.state == "refused":
        raise WrongState(dossier.state, ())
    if component != RESULT:
        procedure.check_components([component])


def check_same_person(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Two dossiers' forms name the same applicant, by official number: names alone don't tell. Raises AnotherPerson."""
    numbers = [_numbers(form) for form in (one, other)]
    if not numbers[0] & numbers[1]:
        raise AnotherPerson


def _numbers(form: Mapping[str, Any]) -> set[tuple[str, str]]:
    applicant = form.get("applicant") or {}
    return {(name, applicant[name]) for name in ("personal_id", "organisation_code") if applicant.get(name)}
