"""Yêu cầu bổ sung giấy tờ: an officer asks the applicant, before or after the acceptance."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.intake import DossierSupplementRequestedV1
from services.intake.domain.dossier import Agreed, Dossier
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.reasons import keep_reason
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered


@dataclass(frozen=True, slots=True)
class Superior:
    """Who agreed to a second request, and why, as it was written."""

    officer: str
    reason: str


@dataclass(frozen=True, slots=True)
class RequestSupplement:
    """`reason` is what the officer tells the applicant; it leaves this command sealed only."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    components: tuple[str, ...]
    reason: str
    leg: str | None = None
    superior: Superior | None = None


def request_supplement(command: RequestSupplement, uow: IntakeWork, office: Office) -> Dossier:
    """Records the request; after acceptance the clock waits from now on.

    Raises NoSuchDossier, WrongState, UnknownComponent, UnknownLeg, SecondRequest.
    """
    dossier = registered(command.dossier_id, uow).check("request-supplement")
    procedure = office.catalogue.version(dossier.procedure)
    procedure.check_components(command.components)
    procedure.check_leg(command.leg)
    agreed = None
    if command.superior is not None:
        reason = office.seals.seal("contact", dossier.id, command.superior.reason)
        agreed = Agreed(command.superior.officer, reason)
    # By an acceptance whose clock was ahead, too, it comes after: a wait is told from an earlier one by its time.
    at = max(command.at, dossier.accepted_at or command.at)
    asked = dossier.request_supplement(at, command.officer, command.components, command.leg, agreed)
    uow.dossiers.put(asked.id, asked)
    event = _requested(asked, command, office)
    keep_reason("supplement", event.sealed_reason, uow, dossier_id=asked.id, event_id=command.event_id, at=at)
    announce(event, uow, dossier_id=asked.id, event_id=command.event_id)
    return asked


def _requested(asked: Dossier, command: RequestSupplement, office: Office) -> DossierSupplementRequestedV1:
    assert asked.supplement is not None
    return DossierSupplementRequestedV1(
        request=asked.supplement.number,
        requested_at=asked.supplement.requested_at,
        requested_by=command.officer,
        after_acceptance=asked.accepted,
        components=command.components,
        sealed_reason=office.seals.seal("contact", asked.id, command.reason),
        leg=command.leg,
        superior=asked.supplement.superior,
        dossier_code=asked.code,
        procedure=asked.procedure,
        desk=asked.desk,
        contact_channels=asked.contact_channels,
        sealed_contact=asked.sealed_contact,
    )
