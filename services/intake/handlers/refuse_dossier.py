"""Từ chối tiếp nhận: an officer refuses, with the reason."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.intake import DossierRefusedV1
from services.intake.domain.dossier import Dossier
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.reasons import keep_reason
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered


@dataclass(frozen=True, slots=True)
class RefuseDossier:
    """`reason_code` is for programs and statistics, `reason` what the applicant is told; it leaves sealed only."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    reason_code: str
    reason: str


def refuse_dossier(command: RefuseDossier, uow: IntakeWork, office: Office) -> Dossier:
    """Closes a dossier that was never accepted. Raises NoSuchDossier, WrongState."""
    dossier = registered(command.dossier_id, uow).check("refuse")
    refused = dossier.refuse(command.at, command.officer, command.reason_code)
    uow.dossiers.put(refused.id, refused)
    event = DossierRefusedV1(
        refused_at=command.at,
        refused_by=command.officer,
        reason=command.reason_code,
        sealed_reason=office.seals.seal("contact", refused.id, command.reason),
        procedure=refused.procedure,
        desk=refused.desk,
        contact_channels=refused.contact_channels,
        sealed_contact=refused.sealed_contact,
    )
    keep_reason("refusal", event.sealed_reason, uow, dossier_id=refused.id, event_id=command.event_id, at=command.at)
    announce(event, uow, dossier_id=refused.id, event_id=command.event_id)
    return refused
