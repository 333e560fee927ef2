"""What the handlers need of the outside: their unit of work, the seals, what prints and signs forms."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from hub_messaging.outbox import Publish
from hub_messaging.unit_of_work import Journal, Shelf
from services.intake.domain.desk.authorisation import ActByProxy
from services.intake.domain.desk.correction import Correction
from services.intake.domain.desk.duplicates import ApplicantMark
from services.intake.domain.desk.hand_over_list import HandOverList
from services.intake.domain.desk.late_entry import LateEntry
from services.intake.domain.desk.life import Life
from services.intake.domain.desk.reasons import TypedReason
from services.intake.domain.dossier import Dossier
from services.intake.domain.forms.forms import IssuedForm
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
    reasons: Journal[TypedReason]
    forms: Journal[IssuedForm]
    marks: Journal[ApplicantMark]
    acts_by_proxy: Journal[ActByProxy]
    publish: Publish


class Seals(Protocol):
    """Sealing of personal data: purposes `contact` and `form`, bound to one dossier."""

    def seal(self, purpose: str, dossier_id: UUID, content: Any) -> str: ...
    def open(self, purpose: str, dossier_id: UUID, sealed: str) -> Any: ...
    def mark(self, purpose: str, text: str) -> bytes: ...


class FormPrinter(Protocol):
    """Trình bày biểu mẫu: the fields of a form as PDF. Takes milliseconds of processor: call it in a thread."""

    def print(self, kind: str, fields: Mapping[str, Any], at: datetime) -> bytes: ...


class Signer(Protocol):
    """Ký biểu mẫu. Called in a thread, so that it may ask a device or a service of signatures."""

    def mark(self, name: str, at: datetime) -> tuple[str, ...]:
        """What is seen of the signature, in lines, where it stands on the form."""

    def sign(self, pdf: bytes, at: datetime) -> tuple[bytes, Mapping[str, str]]:
        """The form as it leaves the house, and the record of its signature: method and values, no names."""
