"""Dòng thay đổi: what systems follow. Every fact about a dossier is a change, in the order in which commits ended."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.national_status import RegisterStatus


class Mark(NamedTuple):
    """How far a follower has read: the transaction and the event of the last change. `server`: whose numbers they are.

    `event_id` None: before the first change.
    """

    server: int
    tx: int
    event_id: UUID | None


class Change(NamedTuple):
    """One fact about a dossier; `status` is of now, not of then."""

    mark: Mark
    dossier_id: UUID
    code: str | None
    type: str
    at: datetime
    status: RegisterStatus


class Changes(NamedTuple):
    """What follows a mark, for one caller. `mark`: how far it reaches, over what isn't theirs too; `more`: at once."""

    found: list[Change]
    mark: Mark
    more: bool


class HistoryLost(Exception):
    """The register doesn't know the mark: it was set back to a backup, or stands on another server now."""
