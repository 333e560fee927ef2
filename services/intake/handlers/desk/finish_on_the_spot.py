"""Bốn tại chỗ: received, appraised, approved and returned at the desk, each step with who and when."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_events.ids import derive_id
from hub_events.intake import DossierFinishedOnTheSpotV1
from services.intake.domain.desk.life import Collector, Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import StepsOutOfOrder
from services.intake.domain.standing import Standing
from services.intake.handlers.accept_dossier import Acceptance, numbered
from services.intake.handlers.announcing import announce
from services.intake.handlers.desk.desk_steps import announce_step, check_done
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
    """`at`: when the result was handed over, and all of it is entered."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
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
    _check_order(command, standing.dossier)
    at = command.appraised.at
    counted_from = standing.dossier.counted_on_the_spot(at)
    accepted = numbered(standing.dossier, command.acceptance, uow, office, at=at, counted_from=counted_from)
    uow.dossiers.put(accepted.id, accepted.hand_back())
    uow.lives.put(accepted.id, _life(command, standing))
    for step, did in (("appraised", command.appraised), ("approved", command.approved)):
        announce_step(accepted, step, did.officer, did.at, uow, event_id=derive_id(command.event_id, step))
    announce(_finished(command, accepted), uow, dossier_id=accepted.id, event_id=command.event_id)
    return accepted.hand_back()


def _check_order(command: FinishOnTheSpot, dossier: Dossier) -> None:
    steps = (command.appraised.at, command.approved.at, command.returned.at)
    for moment in steps:
        check_done(moment, dossier.complete_since, command.at)
    if list(steps) != sorted(steps):
        raise StepsOutOfOrder


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
