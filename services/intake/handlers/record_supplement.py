"""Nhận hồ sơ bổ sung: what the applicant brought; after acceptance the term starts from zero, in this commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub_events.intake import ComponentRef, DossierSupplementReceivedV1, Promise
from services.intake.domain.catalogue import Procedure
from services.intake.domain.desk.authorisation import Actor
from services.intake.domain.dossier import Dossier, merged
from services.intake.domain.promise import promise_for
from services.intake.domain.refusals import ReceiptNotBelievable
from services.intake.handlers.accept_dossier import Acceptance, officers_date
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.places import hours_at
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered
from services.intake.handlers.submit_dossier import CLOCK_DIFFERENCE, sealed_form


@dataclass(frozen=True, slots=True)
class RecordSupplement:
    """`acceptance`: who took it, with an own date where the term gives none. `form` None: the earlier one stands.

    `acted_by`: who brought it; None: it wasn't said.
    """

    dossier_id: UUID
    event_id: UUID
    at: datetime
    received_at: datetime
    acceptance: Acceptance
    components: tuple[ComponentRef, ...]
    form: Mapping[str, Any] | None
    acted_by: Actor | None


def record_supplement(command: RecordSupplement, uow: IntakeWork, office: Office) -> Dossier:
    """Answers the open request. The officer who records it says that the dossier is complete now.

    Raises NoSuchDossier, WrongState, ReceiptNotBelievable (before the request, or in the future), FormTooLarge, and
    after acceptance what a promise raises.
    """
    dossier = registered(command.dossier_id, uow).check("supplement")
    assert dossier.supplement is not None
    earliest, latest = dossier.supplement.requested_at, command.at + CLOCK_DIFFERENCE
    if not earliest <= command.received_at <= latest:
        raise ReceiptNotBelievable(earliest, latest)
    procedure = office.catalogue.version(dossier.procedure)
    promise = _restarted(dossier, procedure, command, office) if dossier.accepted else None
    components = merged(dossier.components, procedure.named(command.components))
    complete = dossier.receive_supplement(
        command.received_at,
        components,
        procedure.findings(components, dossier.case),
        promise,
        _new_form(dossier, components, command, office),
    )
    uow.dossiers.put(complete.id, complete)
    announce(_received(dossier, complete, command), uow, dossier_id=complete.id, event_id=command.event_id)
    return complete


def _restarted(dossier: Dossier, procedure: Procedure, command: RecordSupplement, office: Office) -> Promise:
    """Tính lại từ đầu (NĐ 61/2018 Đ.19.4)."""
    term = procedure.term_for(dossier.channel, dossier.case)
    given = officers_date(dossier.id, command.acceptance, office)
    hours = hours_at(dossier.desk.code, office)
    return promise_for(term, command.received_at, office.calendar, hours, given)


def _new_form(dossier: Dossier, components: tuple[ComponentRef, ...], command: RecordSupplement, office: Office) -> str:
    form = office.seals.open("form", dossier.id, dossier.sealed_form)
    if command.form is not None:
        form["form"] = command.form
    return sealed_form(dossier.id, form, components, office)


def _received(before: Dossier, after: Dossier, command: RecordSupplement) -> DossierSupplementReceivedV1:
    assert after.supplement is not None
    brought = {part.code for part in command.components}
    return DossierSupplementReceivedV1(
        request=after.supplement.number,
        received_at=command.received_at,
        received_by=command.acceptance.officer,
        acted_by=command.acted_by,
        components=tuple(part for part in after.components if part.code in brought),
        promise=after.promise if after.accepted else None,
        previous_due_at=before.promise.due_at if before.promise else None,
        sealed_form=after.sealed_form,
    )
