"""Đính chính hồ sơ: contact, applicant, case or components; old and new value are kept, the date doesn't move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub_events.intake import ComponentRef, DossierCorrectedV1
from services.intake.domain.desk.correction import Corrected, Correction, changes
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import NothingCorrected
from services.intake.handlers.announcing import announce
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered
from services.intake.handlers.submit_dossier import channels_of, mark_applicant, sealed_form


@dataclass(frozen=True, slots=True)
class CorrectDossier:
    """`right`: what is to stand from now on: contact and applicant as they are sealed, case, components by code."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    reason: str
    right: Mapping[Corrected, Any]


def correct_dossier(command: CorrectDossier, uow: IntakeWork, office: Office) -> Dossier:
    """Raises NoSuchDossier, WrongState, NothingCorrected, UnknownCase, UnknownComponent, FormTooLarge."""
    standing = registered(command.dossier_id, uow)
    dossier = standing.check("correct")
    before = _before(dossier, command, office)
    what = tuple(changes(before, dict(command.right)))
    if not what:
        raise NothingCorrected
    corrected = _corrected(dossier, {name: command.right[name] for name in what}, office)
    number = standing.life.corrections + 1
    uow.dossiers.put(corrected.id, corrected)
    uow.lives.put(corrected.id, standing.life._replace(corrections=number))
    if "applicant" in what:
        mark_applicant(corrected, command.right["applicant"], uow, office)
    uow.corrections.add(_kept(command, number, what, before, office))
    announce(_said(corrected, command, number, what), uow, dossier_id=corrected.id, event_id=command.event_id)
    return corrected


def _before(dossier: Dossier, command: CorrectDossier, office: Office) -> dict[Corrected, Any]:
    """The values that stand, of those that the command names."""
    contact = dossier.sealed_contact and office.seals.open("contact", dossier.id, dossier.sealed_contact)
    stands: dict[Corrected, Any] = {
        "contact": contact or {},
        "applicant": office.seals.open("form", dossier.id, dossier.sealed_form).get("applicant"),
        "case": dossier.case,
        "components": tuple(part.model_copy(update={"name": None}) for part in dossier.components),
    }
    return {what: stands[what] for what in command.right}


def _corrected(dossier: Dossier, right: Mapping[Corrected, Any], office: Office) -> Dossier:
    procedure = office.catalogue.version(dossier.procedure)
    case = right.get("case", dossier.case)
    procedure.check_case(case)
    components: tuple[ComponentRef, ...] = procedure.named(right.get("components", dossier.components))
    form = office.seals.open("form", dossier.id, dossier.sealed_form)
    if "applicant" in right:
        form["applicant"] = right["applicant"]
    changed = dossier._replace(
        case=case,
        components=components,
        findings=procedure.findings(components, case),
        sealed_form=sealed_form(dossier.id, form, components, office),
    )
    if "contact" not in right:
        return changed
    channels = channels_of(right["contact"])
    sealed = office.seals.seal("contact", dossier.id, right["contact"]) if channels else None
    return changed._replace(contact_channels=channels, sealed_contact=sealed)


def _kept(
    command: CorrectDossier, number: int, what: tuple[Corrected, ...], before: Mapping[Corrected, Any], office: Office
) -> Correction:
    old, new = ({name: _plain(values[name]) for name in what} for values in (before, command.right))
    sealed = office.seals.seal("form", command.dossier_id, {"old": old, "new": new, "reason": command.reason})
    return Correction(command.dossier_id, number, command.at, command.officer, what, sealed)


def _plain(value: Any) -> Any:
    return [part.model_dump() for part in value] if isinstance(value, tuple) else value


def _said(dossier: Dossier, command: CorrectDossier, number: int, what: tuple[Corrected, ...]) -> DossierCorrectedV1:
    contact, agencies = "contact" in what, dossier.accepted and what != ("contact",)
    return DossierCorrectedV1(
        corrected_at=command.at,
        corrected_by=command.officer,
        correction=number,
        what=what,
        desk=dossier.desk,
        contact_channels=dossier.contact_channels if contact else (),
        sealed_contact=dossier.sealed_contact if contact else None,
        dossier_code=dossier.code,
        case=dossier.case if agencies else None,
        components=dossier.components if agencies else (),
        sealed_form=dossier.sealed_form if agencies else None,
    )
