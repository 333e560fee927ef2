"""Tiếp nhận hồ sơ: an officer accepts; the receipt with code and promised date exists from this commit on."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.intake import DossierAcceptedV1
from hub_messaging.clock import real_now
from services.intake.domain.dossier import Dossier
from services.intake.domain.number_range import NumberRange
from services.intake.domain.progress import Progress
from services.intake.domain.promise import OfficersDate, promise_for
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.places import hours_at
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered


@dataclass(frozen=True, slots=True)
class Promised:
    """An officer's own date, with the reason as the officer wrote it."""

    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepts; `promised` only where the term gives no date by itself."""

    officer: str
    promised: Promised | None = None


@dataclass(frozen=True, slots=True)
class AcceptDossier:
    """`at`: when the officer accepts (business time): the term counts from then, and the code is of that day."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    acceptance: Acceptance


def accept_dossier(command: AcceptDossier, uow: IntakeWork, office: Office) -> Dossier:
    """Accepts a dossier that was submitted before. Raises NoSuchDossier, WrongState, and what a promise raises."""
    standing = registered(command.dossier_id, uow)
    standing.check("accept")
    return accept(
        standing.dossier,
        standing.progress,
        command.acceptance,
        uow,
        office,
        at=command.at,
        counted_from=command.at,
        event_id=command.event_id,
    )


def accept(
    dossier: Dossier,
    progress: Progress,
    acceptance: Acceptance,
    uow: IntakeWork,
    office: Office,
    *,
    at: datetime,
    counted_from: datetime,
    event_id: UUID,
) -> Dossier:
    """Gives the dossier its code and promise, and says so. Raises what a promise raises."""
    accepted = numbered(dossier, acceptance, uow, office, at=at, counted_from=counted_from)
    assert accepted.promise
    uow.dossiers.put(accepted.id, accepted)
    uow.progress.put(accepted.id, progress.watch(real_now(), expects_clock=accepted.promise.due_at is not None))
    announce(_accepted(accepted, office), uow, dossier_id=accepted.id, event_id=event_id)
    return accepted


def numbered(
    dossier: Dossier, acceptance: Acceptance, uow: IntakeWork, office: Office, *, at: datetime, counted_from: datetime
) -> Dossier:
    """The accepted dossier with its code and promise. Raises what a promise raises."""
    procedure = office.catalogue.version(dossier.procedure)
    promise = promise_for(
        procedure.term_for(dossier.channel, dossier.case),
        counted_from,
        office.calendar,
        hours_at(dossier.desk.code, office),
        officers_date(dossier.id, acceptance, office),
    )
    return dossier.accept(next_code(dossier.desk.code, counted_from, uow), at, acceptance.officer, promise)


def officers_date(dossier_id: UUID, acceptance: Acceptance, office: Office) -> OfficersDate | None:
    """The officer's own date, its reason sealed: people write names into reasons."""
    promised = acceptance.promised
    if promised is None:
        return None
    return OfficersDate(promised.due_at, acceptance.officer, office.seals.seal("contact", dossier_id, promised.reason))


def next_code(desk_code: str, day: datetime, uow: IntakeWork) -> str:
    """Mã hồ sơ: the next of the desk's numbers of that day."""
    key = NumberRange.key_for(desk_code, day)
    number = (uow.numbers.get(key) or NumberRange(key)).next()
    uow.numbers.put(key, number)
    return number.dossier_code


def _accepted(dossier: Dossier, office: Office) -> DossierAcceptedV1:
    assert dossier.code
    assert dossier.accepted_at
    assert dossier.accepted_by
    assert dossier.promise
    return DossierAcceptedV1(
        dossier_code=dossier.code,
        procedure=dossier.procedure,
        desk=dossier.desk,
        territory=dossier.territory,
        channel=dossier.channel,
        case=dossier.case,
        received_at=dossier.received_at,
        accepted_at=dossier.accepted_at,
        accepted_by=dossier.accepted_by,
        promise=dossier.promise,
        legs=office.catalogue.version(dossier.procedure).legs,
        components=dossier.components,
        contact_channels=dossier.contact_channels,
        sealed_contact=dossier.sealed_contact,
        sealed_form=dossier.sealed_form,
    )
