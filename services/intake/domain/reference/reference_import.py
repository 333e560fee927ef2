"""Nhập dữ liệu tham chiếu: uploaded by one person, seen as a preview, approved or rejected by another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.intake.domain.refusals import Refusal

State = Literal["previewed", "faulty", "approved", "rejected"]


class NoSuchImport(Refusal):
    """Nobody uploaded it."""


class SamePerson(Refusal):
    """Who uploaded a file doesn't decide about it."""


class ImportIsFaulty(Refusal):
    """The file has mistakes: nothing of it can be approved."""


class AlreadyDecidedOn(Refusal):
    """The import was approved or rejected before."""


class PreviewIsStale(Refusal):
    """Something it rests on was approved since the preview was made."""


@dataclass(frozen=True, slots=True)
class Edition:
    """Lần công bố of one kind of reference data: 0 before anything was approved."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Import:
    """Một lần nhập. `base`: the editions that its preview was made on; `content`: what an approval writes.

    `report`: differences, mistakes and doubts, as they are shown.
    """

    id: UUID
    kind: str
    state: State
    uploaded_by: str
    uploaded_at: datetime
    sha256: bytes
    bytes: int
    base: Mapping[str, int]
    content: Any
    report: Any
    decided_by: str | None = None
    decided_at: datetime | None = None
    sealed_why: str | None = None
    edition: int | None = None

    def approve(self, who: str, at: datetime, editions: Mapping[str, int]) -> "Import":
        """Duyệt by a second person, as long as nothing it rests on has changed. Raises Refusal."""
        self._check(who)
        if self.state == "faulty":
            raise ImportIsFaulty
        if any(editions[kind] != number for kind, number in self.base.items()):
            raise PreviewIsStale
        return replace(self, state="approved", decided_by=who, decided_at=at, edition=editions[self.kind] + 1)

    def reject(self, who: str, at: datetime, sealed_why: str) -> "Import":
        """Từ chối, by anybody who may approve, also by who uploaded it. Raises AlreadyDecidedOn."""
        if self.state in ("approved", "rejected"):
            raise AlreadyDecidedOn
        return replace(self, state="rejected", decided_by=who, decided_at=at, sealed_why=sealed_why)

    def _check(self, who: str) -> None:
        if self.state in ("approved", "rejected"):
            raise AlreadyDecidedOn
        if who == self.uploaded_by:
            raise SamePerson
