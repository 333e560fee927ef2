"""Lý do không nhận, không giao tệp: why a file can't be taken or given. No names, no content."""

from typing import Literal

from services.intake.domain.refusals import Refusal

KindMistake = Literal["type", "extension", "content", "macros"]


class KindRefused(Refusal):
    """The file isn't of a kind that is taken, or name, declared type and content disagree."""

    def __init__(self, mistake: KindMistake) -> None:
        super().__init__(mistake)
        self.mistake: KindMistake = mistake


class FileTooLarge(Refusal):
    """The file is larger than the office takes."""

    def __init__(self, most: int) -> None:
        super().__init__("file too large")
        self.most = most


class TooManyFiles(Refusal):
    """The dossier holds as many files as it may."""

    def __init__(self, most: int) -> None:
        super().__init__("too many files")
        self.most = most


class NoSuchUpload(Refusal):
    """There is no upload of that id, or its time is over."""


class UploadRefused(Refusal):
    """The upload ended with a refusal: its bytes are gone."""


class OffsetElsewhere(Refusal):
    """The chunk doesn't begin where the upload stands."""

    def __init__(self, received: int) -> None:
        super().__init__("offset elsewhere")
        self.received = received


class MoreThanDeclared(Refusal):
    """The chunk reaches past the size that was declared."""

    def __init__(self, size: int) -> None:
        super().__init__("more than declared")
        self.size = size


class TooManyChunks(Refusal):
    """The file comes in too many too small pieces."""

    def __init__(self, most: int) -> None:
        super().__init__("too many chunks")
        self.most = most


class ContentDiffers(Refusal):
    """The bytes that came have another SHA-256 than the declared one."""


class NoSuchFile(Refusal):
    """There is no file of that id."""


class NoSuchLink(Refusal):
    """There is no link of that id to that file."""


class LinkOver(Refusal):
    """The link has expired or was revoked."""


class FileInfected(Refusal):
    """The scanner found something: the file is kept, and given to nobody."""


class NotScannedYet(Refusal):
    """The scanner hasn't looked at it yet."""


class AnotherPerson(Refusal):
    """The two dossiers are not, or not certainly, of the same person or organisation."""


class StorageFull(Refusal):
    """There is no room for more bytes."""


class StorageAway(Refusal):
    """The place where files lie doesn't answer."""


class FileDamaged(Refusal):
    """Stored bytes are missing or not those that were written."""


class RangeNotThere(Refusal):
    """What is asked of a file lies outside of it."""

    def __init__(self, size: int) -> None:
        super().__init__("range not there")
        self.size = size
