"""Ghi nhận bước xử lý tại Bộ phận Một cửa."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.intake import DeskRef, DossierDeskStepRecordedV1
from services.intake.domain.desk.desk_steps import Recordable
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import ReceiptNotBelievable
from services.intake.handlers.announcing import announce
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered
from services.intake.handlers.submit_dossier import CLOCK_DIFFERENCE


@dataclass(frozen=True, slots=True)
class RecordStep:
    """`done_at`: when the officer did it; `at`: when it is entered."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    step: Recordable
    done_at: datetime


def record_step(command: RecordStep, uow: IntakeWork) -> Dossier:
    """Trình ký, đã ký …: a step of the timeline. Raises NoSuchDossier, WrongState, ReceiptNotBelievable."""
    standing = registered(command.dossier_id, uow)
    standing.check("record-step")
    check_done(command.done_at, standing.dossier.complete_since, command.at)
    announce_step(standing.dossier, command.step, command.officer, command.done_at, uow, event_id=command.event_id)
    return standing.dossier


def check_done(done_at: datetime, earliest: datetime, now: datetime) -> None:
    """Nothing is done before what it follows from, nor in the future. Raises ReceiptNotBelievable."""
    latest = now + CLOCK_DIFFERENCE
    if not earliest <= done_at <= latest:
        raise ReceiptNotBelievable(earliest, latest)


def announce_step(
    dossier: Dossier,
    step: str,
    officer: str,
    at: datetime,
    uow: IntakeWork,
    *,
    event_id: UUID,
    reason: str | None = None,
    amount: int | None = None,
    desk: DeskRef | None = None,
) -> None:
    """Says and records one step of the desk's own; `desk`: where another one than the receiving one does it."""
    event = DossierDeskStepRecordedV1(
        step=step, recorded_at=at, officer=officer, desk=desk or dossier.desk, reason=reason, amount=amount
    )
    announce(event, uow, dossier_id=dossier.id, event_id=event_id)
