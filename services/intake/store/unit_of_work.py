"""Đơn vị công việc của dịch vụ tiếp nhận."""

from datetime import datetime
from uuid import UUID

from hub_messaging.unit_of_work import Journal, Shelf, UnitOfWork
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
from services.intake.handlers import ports
from services.intake.store import tables
from services.intake.store.desk import acts_by_proxy, hand_overs, lives
from services.intake.store.forms import forms


class IntakeUnitOfWork(UnitOfWork):
    """The register, what is known of each dossier's way, the number ranges and the timeline."""

    def __init__(self, now: datetime) -> None:
        super().__init__("intake", now)
        self.dossiers: Shelf[UUID, Dossier] = self.shelf(ports.DOSSIERS, tables.DOSSIERS)
        self.progress: Shelf[UUID, Progress] = self.shelf(ports.PROGRESS, tables.PROGRESSES)
        self.numbers: Shelf[str, NumberRange] = self.shelf(ports.NUMBERS, tables.NUMBERS)
        self.lives: Shelf[UUID, Life] = self.shelf(ports.LIVES, lives.LIVES)
        self.hand_overs: Shelf[UUID, HandOverList] = self.shelf(ports.HAND_OVERS, hand_overs.HAND_OVERS)
        self.timeline: Journal[Step] = self.journal(tables.insert_steps)
        self.corrections: Journal[Correction] = self.journal(lives.insert_corrections)
        self.late_entries: Journal[LateEntry] = self.journal(lives.insert_late_entries)
        self.reasons: Journal[TypedReason] = self.journal(forms.insert_reasons)
        self.forms: Journal[IssuedForm] = self.journal(forms.insert_forms)
        self.marks: Journal[ApplicantMark] = self.journal(lives.insert_marks)
        self.acts_by_proxy: Journal[ActByProxy] = self.journal(acts_by_proxy.insert_acts)
