"""What the handlers need of the outside: their unit of work and the seals."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from hub_messaging.outbox import Publish
from hub_messaging.unit_of_work import Journal, Shelf
from services.intake.domain.correction import Correction
from services.intake.domain.dossier import Dossier
from services.intake.domain.duplicates import ApplicantMark
from services.intake.domain.hand_over_list import HandOverList
from services.intake.domain.late_entry import LateEntry
from services.intake.domain.life import Life
from services.intake.domain.number_range import NumberRange
from services.intake.domain.progress import Progress
from services.intake.domain.timeline import Step

DOSSIERS, PROGRESS, NUMBERS, LIVES, HAND_OVERS = "dossiers", "progress", "numbers", "lives", "hand_overs"
"""The shelves, by which jobs name the aggregates they need."""


class IntakeWork(Protocol):
    """The unit of work of intake."""

    now: datetime
    dossiers: Shelf[UUID, Dossier]
    progress: Shelf[UUID, Progress]
    numbers: Shelf[str, NumberRange]
    lives: Shelf[UUID, Life]
    hand_overs: Shelf[UUID, HandOverList]
    timeline: Journal[Step]
    corrections: Journal[Correction]
    late_entries: Journal[LateEntry]
    marks: Journal[ApplicantMark]
    publish: Publish


class Seals(Protocol):
    """Sealing of personal data: purposes `contact` and `form`, bound to one dossier."""

    def seal(self, purpose: str, dossier_id: UUID, content: Any) -> str: ...
    def open(self, purpose: str, dossier_id: UUID, sealed: str) -> Any: ...
    def mark(self, purpose: str, text: str) -> bytes: ...
