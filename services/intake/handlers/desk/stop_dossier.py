"""Rút hồ sơ và dừng giải quyết: the applicant asks; the desk checks that no decision exists, and stops it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.intake import DossierStoppedV1, DossierWithdrawalRequestedV1
from services.intake.domain.desk.authorisation import Actor
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import DecisionExists
from services.intake.domain.standing import Standing
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.ending import miss_nothing_more
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered


@dataclass(frozen=True, slots=True)
class RequestWithdrawal:
    """`officer`: who wrote down that the applicant asked, by `acted_by` (None: it wasn't said)."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    acted_by: Actor | None


@dataclass(frozen=True, slots=True)
class StopDossier:
    """`reason` is what the applicant is told; it leaves this command sealed only."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    reason_code: str
    reason: str


def request_withdrawal(command: RequestWithdrawal, uow: IntakeWork) -> Dossier:
    """Công dân yêu cầu rút hồ sơ. Raises NoSuchDossier, DecisionExists, WrongState."""
    standing = _undecided(command.dossier_id, uow)
    standing.check("request-withdrawal")
    dossier = standing.dossier
    uow.lives.put(
        dossier.id,
        standing.life._replace(withdrawal_requested_at=command.at, withdrawal_recorded_by=command.officer),
    )
    event = DossierWithdrawalRequestedV1(
        requested_at=command.at, recorded_by=command.officer, acted_by=command.acted_by, desk=dossier.desk
    )
    announce(event, uow, dossier_id=dossier.id, event_id=command.event_id)
    return dossier


def stop_dossier(command: StopDossier, uow: IntakeWork, office: Office) -> Dossier:
    """Dừng giải quyết: closed; agencies, clock and applicant hear of it. Raises as `request_withdrawal`."""
    standing = _undecided(command.dossier_id, uow)
    standing.check("stop")
    stopped, sealed = standing.dossier.stop(), office.seals.seal("contact", command.dossier_id, command.reason)
    uow.dossiers.put(stopped.id, stopped)
    uow.lives.put(
        stopped.id,
        standing.life._replace(
            stopped_at=command.at,
            stopped_by=command.officer,
            stop_reason=command.reason_code,
            sealed_stop_reason=sealed,
        ),
    )
    miss_nothing_more(standing, uow)
    announce(_stopped(standing, command, sealed), uow, dossier_id=stopped.id, event_id=command.event_id)
    return stopped


def _undecided(dossier_id: UUID, uow: IntakeWork) -> Standing:
    standing = registered(dossier_id, uow)
    if standing.decided:
        raise DecisionExists
    return standing


def _stopped(standing: Standing, command: StopDossier, sealed_reason: str) -> DossierStoppedV1:
    dossier = standing.dossier
    return DossierStoppedV1(
        stopped_at=command.at,
        stopped_by=command.officer,
        reason=command.reason_code,
        withdrawn=standing.life.withdrawal_requested_at is not None,
        sealed_reason=sealed_reason,
        dossier_code=dossier.code,
        procedure=dossier.procedure,
        desk=dossier.desk,
        contact_channels=dossier.contact_channels,
        sealed_contact=dossier.sealed_contact,
    )
