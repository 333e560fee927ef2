"""Bốn tại chỗ: received, appraised, approved and returned at the desk, each step with who and when."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.intake import DossierFinishedOnTheSpotV1
from services.intake.domain.desk.life import Collector, Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import StepsOutOfOrder, WrongState
from services.intake.domain.standing import Standing
from services.intake.domain.stated import believed
from services.intake.handlers.accept_dossier import Acceptance, numbered
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.desk_steps import announce_step
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered


@dataclass(frozen=True, slots=True)
class Did:
    """Who did a step, when."""

    officer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FinishOnTheSpot:
    """`at`: when the result was handed over, and all of it is entered.

    `counted_from`: from when its term counts, as it was read; its number is of that day.
    """

    dossier_id: UUID
    event_id: UUID
    at: datetime
    counted_from: datetime
    acceptance: Acceptance
    appraised: Did
    approved: Did
    returned: Did
    collected_by: Collector


def finish_on_the_spot(command: FinishOnTheSpot, uow: IntakeWork, office: Office) -> Dossier:
    """Giải quyết tại chỗ: no agency hears of it, and nothing is waited for.

    Raises NoSuchDossier, WrongState, ReceiptNotBelievable, StepsOutOfOrder, and what a promise raises.
    """
    standing = registered(command.dossier_id, uow)
    standing.check("finish-on-the-spot")
    command = _in_order(command, standing.dossier)
    at = command.appraised.at
    counted_from = standing.dossier.counted_on_the_spot(at)
    if counted_from != command.counted_from:  # a supplement came meanwhile: another day's numbers, another dossier
        raise WrongState(standing.phase, standing.possible)
    accepted = numbered(standing.dossier, command.acceptance, uow, office, at=at, counted_from=counted_from)
    uow.dossiers.put(accepted.id, accepted.hand_back())
    uow.lives.put(accepted.id, _life(command, standing))
    for step, did in (("appraised", command.appraised), ("approved", command.approved)):
        announce_step(accepted, step, did.officer, did.at, uow, event_id=derive_id(command.event_id, step))
    announce(_finished(command, accepted), uow, dossier_id=accepted.id, event_id=command.event_id)
    return accepted.hand_back()


def _in_order(command: FinishOnTheSpot, dossier: Dossier) -> FinishOnTheSpot:
    """With the moments that are believed."""
    appraised, approved, returned = (
        replace(did, at=believed(did.at, dossier.complete_since, command.at))
        for did in (command.appraised, command.approved, command.returned)
    )
    if not appraised.at <= approved.at <= returned.at:
        raise StepsOutOfOrder
    return replace(command, appraised=appraised, approved=approved, returned=returned)


def _life(command: FinishOnTheSpot, standing: Standing) -> Life:
    return standing.life._replace(
        result_ready_at=command.approved.at,
        result_ready_by=command.approved.officer,
        returned_at=command.returned.at,
        returned_by=command.returned.officer,
        collected_by=command.collected_by,
        on_the_spot=True,
    )


def _finished(command: FinishOnTheSpot, accepted: Dossier) -> DossierFinishedOnTheSpotV1:
    assert accepted.code
    assert accepted.accepted_at
    assert accepted.accepted_by
    assert accepted.promise
    return DossierFinishedOnTheSpotV1(
        dossier_code=accepted.code,
        procedure=accepted.procedure,
        desk=accepted.desk,
        channel=accepted.channel,
        received_at=accepted.received_at,
        accepted_at=accepted.accepted_at,
        accepted_by=accepted.accepted_by,
        promise=accepted.promise,
        appraised_at=command.appraised.at,
        appraised_by=command.appraised.officer,
        approved_at=command.approved.at,
        approved_by=command.approved.officer,
        returned_at=command.returned.at,
        returned_by=command.returned.officer,
        collected_by=command.collected_by,
    )
