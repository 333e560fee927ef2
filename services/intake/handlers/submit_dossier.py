"""Nộp hồ sơ: a desk's or portal's system hands in a dossier, with or without an officer's acceptance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.intake import Channel, ComponentRef, ContactChannel, DossierDeskStepRecordedV1, DossierSubmittedV1
from services.intake.domain.catalogue import MISSING, Desk, Procedure
from services.intake.domain.desk.duplicates import ApplicantMark, identity_of
from services.intake.domain.desk.late_entry import LateEntry, WhyLate, entered_late
from services.intake.domain.desk.life import Life, ResultBy
from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import FormTooLarge, ReceiptNotBelievable
from services.intake.domain.stated import CLOCK_DIFFERENCE
from services.intake.handlers.accept_dossier import Acceptance, accept
from services.intake.handlers.announcing import announce
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork

LONGEST_BACKLOG = timedelta(days=366)
"""A receipt further back is a typing error, not a backlog."""
LARGEST_SEAL = 400_000  # characters; leaves room for the rest of an event below 512 KB


@dataclass(frozen=True, slots=True)
class ResultPlace:
    """Nơi nhận kết quả: how the citizen wants it; `desk`: at which one, where it isn't the receiving one."""

    by: ResultBy
    desk: str | None

    def check(self, office: Office) -> None:
        """Raises UnknownDesk."""
        if self.desk is not None:
            office.catalogue.desk(self.desk)


@dataclass(frozen=True, slots=True)
class SubmitDossier:
    """`at`: when it reached the hub; `received_at`: when the desk got it, both business time.

    `contact` and `form` (applicant, request, form) are personal: they leave this command sealed only.
    """

    dossier_id: UUID
    event_id: UUID
    procedure: Procedure
    desk: Desk
    territory: str
    channel: Channel
    case: str | None
    at: datetime
    received_at: datetime
    components: tuple[ComponentRef, ...]
    contact: Mapping[str, str]
    form: Mapping[str, Any]
    acceptance: Acceptance | None
    result: ResultPlace | None = None
    why_late: WhyLate | None = None
    """Said where it is entered later than on the working day of the receipt."""


def submit_dossier(command: SubmitDossier, uow: IntakeWork, office: Office) -> Dossier:
    """Registers the dossier; accepts it at once when an officer did and nothing is missing.

    Raises ReceiptNotBelievable, DeskEnded, UnknownTerritory, UnknownDesk, ProcedureWithdrawn, NoAgencyKind,
    UnknownCase, FormTooLarge, and what the acceptance raises.
    """
    _check(command, office)
    dossier = _registered(command, office)
    _note(dossier, command, uow, office)
    complete = not any(finding.code == MISSING for finding in dossier.findings)
    if command.acceptance is not None and complete:
        return accept(
            dossier,
            Progress(dossier.id),
            command.acceptance,
            uow,
            office,
            at=command.at,
            counted_from=command.received_at,
            event_id=command.event_id,
        )
    uow.dossiers.put(dossier.id, dossier)
    announce(_submitted(dossier), uow, dossier_id=dossier.id, event_id=command.event_id)
    return dossier


def _check(command: SubmitDossier, office: Office) -> None:
    check_receipt(command.received_at, command.at)
    command.desk.check_open(command.received_at)
    if command.territory != command.desk.ref.territory:
        office.check_territory(command.territory)
    if command.result is not None:
        command.result.check(office)
    office.catalogue.check_open(command.procedure.ref, command.received_at)
    command.procedure.check_routable()
    command.procedure.check_case(command.case)


def _note(dossier: Dossier, command: SubmitDossier, uow: IntakeWork, office: Office) -> None:
    """What others ask the register later: who applied, and what was entered late."""
    mark_applicant(dossier, command.form.get("applicant", {}), uow, office)
    if command.result is not None:
        life = Life(dossier.id, dossier.desk.code, result_by=command.result.by, result_desk=command.result.desk)
        uow.lives.put(dossier.id, life)
    if command.received_at < command.at and entered_late(command.received_at, command.at, office.calendar):
        _record_late(dossier, command, uow, office)


def _record_late(dossier: Dossier, command: SubmitDossier, uow: IntakeWork, office: Office) -> None:
    """Listed, with the reason or without one; a step of the timeline."""
    officer = command.acceptance.officer if command.acceptance else None
    why = command.why_late
    note = office.seals.seal("contact", dossier.id, why.note) if why and why.note else None
    entry = LateEntry(
        dossier.id, dossier.desk.code, dossier.received_at, command.at, officer, why.reason if why else None, note
    )
    uow.late_entries.add(entry)
    event = DossierDeskStepRecordedV1(
        step="late-entry", recorded_at=command.at, officer=officer, desk=dossier.desk, reason=entry.reason
    )
    announce(event, uow, dossier_id=dossier.id, event_id=derive_id(command.event_id, "late-entry"))


def check_receipt(received_at: datetime, now: datetime) -> None:
    """Raises ReceiptNotBelievable for a time of receipt in the future or too long ago."""
    earliest, latest = now - LONGEST_BACKLOG, now + CLOCK_DIFFERENCE
    if not earliest <= received_at <= latest:
        raise ReceiptNotBelievable(earliest, latest)


def _registered(command: SubmitDossier, office: Office) -> Dossier:
    components = command.procedure.named(command.components)
    channels = channels_of(command.contact)
    return Dossier(
        id=command.dossier_id,
        state="submitted",
        procedure=command.procedure.ref,
        desk=command.desk.ref,
        territory=command.territory,
        channel=command.channel,
        case=command.case,
        received_at=command.received_at,
        components=components,
        findings=command.procedure.findings(command.components, command.case),
        contact_channels=channels,
        sealed_contact=office.seals.seal("contact", command.dossier_id, command.contact) if channels else None,
        sealed_form=sealed_form(command.dossier_id, command.form, components, office),
    )


def mark_applicant(dossier: Dossier, applicant: Mapping[str, Any], uow: IntakeWork, office: Office) -> None:
    """So that the same person's next dossier of the procedure is recognized."""
    identity = identity_of(applicant)
    if identity is not None:
        mark = office.seals.mark("form", identity)
        uow.marks.add(ApplicantMark(dossier.id, mark, dossier.procedure.code, dossier.received_at))


def channels_of(contact: Mapping[str, str]) -> tuple[ContactChannel, ...]:
    """By what the person can be told."""
    names: dict[str, ContactChannel] = {"phone": "sms", "email": "email"}
    return tuple(names[field] for field in names if contact.get(field))


def sealed_form(dossier_id: UUID, form: Mapping[str, Any], components: tuple[ComponentRef, ...], office: Office) -> str:
    """What the agencies get to read: applicant, request, form and the list of papers. Raises FormTooLarge."""
    listed = [
        {"code": part.code, "name": part.name or part.code, "originals": part.originals, "copies": part.copies}
        for part in components
    ]
    sealed = office.seals.seal("form", dossier_id, {**form, "components": listed})
    if len(sealed) > LARGEST_SEAL:
        raise FormTooLarge
    return sealed


def _submitted(dossier: Dossier) -> DossierSubmittedV1:
    return DossierSubmittedV1(
        procedure=dossier.procedure,
        desk=dossier.desk,
        channel=dossier.channel,
        received_at=dossier.received_at,
        findings=dossier.findings,
        contact_channels=dossier.contact_channels,
        sealed_contact=dossier.sealed_contact,
    )
