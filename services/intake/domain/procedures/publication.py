"""Công bố: what becomes of each file of an import; each lands in one class, and the counts add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from services.intake.domain.procedures.assess_procedure import Assessed
from services.intake.domain.procedures.legal_bases import EndedText
from services.intake.domain.procedures.published_procedure import PublishedProcedure
from services.intake.domain.procedures.quirks import Reason, flag

FileClass = Literal["published", "flagged", "refused"]
PROCEDURES = "procedures"


class ReferenceVersion(NamedTuple):
    """Số hiệu dữ liệu tham chiếu: how many transactions have published data of that kind."""

    kind: str
    version: int

    def next(self) -> "ReferenceVersion":
        return ReferenceVersion(self.kind, self.version + 1)


class Head(NamedTuple):
    """The newest published version of a procedure."""

    code: str
    version: int
    fingerprint: bytes
    numbers: tuple[str, ...]


class Seen(NamedTuple):
    """What an import run has seen of a code; `key` names both."""

    key: str
    fingerprint: bytes
    file: str


@dataclass(frozen=True, slots=True)
class NewVersion:
    """Phiên bản được công bố bây giờ."""

    code: str
    version: int
    content: str
    flags: tuple[Reason, ...]
    fingerprint: bytes
    published_at: datetime
    published_by: str
    reference_version: int


@dataclass(frozen=True, slots=True)
class AssessedFile:
    """Một tệp đã đánh giá. `refused`: procedures in it that can't be published; `notes`: about the whole file."""

    name: str
    procedures: tuple[Assessed, ...]
    refused: tuple[Reason, ...]
    notes: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one procedure. `unchanged`: the newest version says the same, no other was made."""

    place: str
    code: str
    version: int | None
    unchanged: bool
    reasons: tuple[Reason, ...]
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one file."""

    file: str
    outcomes: tuple[Outcome, ...]
    reasons: tuple[Reason, ...]

    @property
    def file_class(self) -> FileClass:
        """Refused: nothing of it was published. Flagged: something was, and a person should look."""
        if not any(not outcome.refused for outcome in self.outcomes):
            return "refused"
        return "flagged" if self.reasons else "published"


def item_of(file: AssessedFile, outcomes: Sequence[Outcome]) -> Item:
    """The file's item, with the reasons of all that is in it."""
    some = any(not outcome.refused for outcome in outcomes)
    refused = [*file.refused, *(reason for one in outcomes if one.refused for reason in one.reasons)]
    told = [flag("row-refused", one.place, f"{one.slug}: {one.text}") for one in refused] if some else refused
    kept = [reason for one in outcomes if not one.refused for reason in one.reasons]
    return Item(file.name, tuple(outcomes), tuple(dict.fromkeys((*told, *(file.notes if some else ()), *kept))))


class Published(NamedTuple):
    """A published version in full."""

    version: int
    content: PublishedProcedure
    flags: list[list[str]]
    published_at: datetime
    published_by: str


class VersionLine(NamedTuple):
    """One line of a procedure's versions."""

    version: int
    published_at: datetime
    published_by: str
    flags: int


class Citing(NamedTuple):
    """A procedure that cites texts which have ended."""

    code: str
    version: int
    name: str
    agency: str | None
    ended: list[EndedText]
