"""Trả lời của cơ quan giải quyết (callback) → the facts it brings. Commands: one per type of callback."""

from typing import Any, Literal
from uuid import UUID

import structlog

from hub_events.event import Event
from hub_events.ids import derive_id
from hub_events.routing import (
    DossierAcknowledgedV1,
    DossierCompletedV1,
    DossierLegCompletedV1,
    DossierStepRecordedV1,
    DossierSupplementAskedV1,
)
from services.routing.domain import answers
from services.routing.domain.answers import Acknowledge, Answer, AnswerRecall, AskSupplement, Complete, RecordStep
from services.routing.domain.endpoint import Offers
from services.routing.domain.transfer import Leg, Transfer
from services.routing.handlers.ports import RoutingUow
from services.routing.handlers.recall import recall_from_agencies, say_answer
from services.routing.handlers.references import agency_ref
from services.routing.handlers.route import start

log = structlog.get_logger(__name__)


class TransferUnknown(Exception):
    """The agency speaks of a dossier that was not routed to it, or answers a stop that nobody asked of it."""


class BeforeTheReceipt(Exception):
    """The agency dates its answer long before the desk received the dossier."""


Heard = Literal["new", "known", "contradiction"]
Told = Acknowledge | RecordStep | AskSupplement | Complete
"""What an agency says of its own leg."""


def record_answer(
    dossier_id: UUID, leg: str, agency_code: str, answer: Answer, uow: RoutingUow, offers: Offers
) -> Heard:
    """Notes what the agency says; what is known changes nothing. Raises TransferUnknown, BeforeTheReceipt."""
    transfer, before = _meant(uow.transfers.get(dossier_id), leg, agency_code)
    if transfer.plan is not None and answers.before_the_receipt(answer, transfer.plan.received_at):
        raise BeforeTheReceipt
    if isinstance(answer, AnswerRecall) and transfer.stopped_at is None:
        raise TransferUnknown
    after = answers.note(before, answer)
    if after is None:
        return "known"
    changed = transfer.with_leg(after)
    if after.conflicts != before.conflicts:
        log.warning("results_contradict", dossier_id=str(dossier_id), leg=leg, agency=agency_code)
        uow.transfers.put(dossier_id, changed)
        return "contradiction"
    followed = _follow(changed, after, answer, transfer.completed, uow)
    uow.transfers.put(dossier_id, recall_from_agencies(followed, uow, offers))
    return "new"


def _meant(transfer: Transfer | None, leg: str, agency_code: str) -> tuple[Transfer, Leg]:
    meant = transfer.leg_of(leg, agency_code) if transfer is not None else None
    if transfer is None or transfer.plan is None or meant is None:
        raise TransferUnknown
    return transfer, meant


def _follow(transfer: Transfer, leg: Leg, answer: Answer, completed: bool, uow: RoutingUow) -> Transfer:
    """Says what the agency said, and does what follows. A leg that decides alone ends the dossier: that is said."""
    if isinstance(answer, AnswerRecall):
        say_answer(transfer, leg, uow)
        return transfer
    is_result = isinstance(answer, Complete)
    if not is_result or transfer.deciding != (leg,):
        _say(transfer, leg, answer, uow)
    return _go_on(transfer, completed, uow) if is_result else transfer


def _say(transfer: Transfer, leg: Leg, answer: Told, uow: RoutingUow) -> None:
    assert transfer.plan is not None
    event, words = _said(leg, answer)
    event_id = derive_id(transfer.dossier_id, leg.leg, *words)
    uow.publish(event, dossier_id=transfer.dossier_id, id=event_id, because=transfer.plan.cause)


def _said(leg: Leg, answer: Told) -> tuple[Event, tuple[str, ...]]:
    """The event, and the words that make its id: the fact itself, so that one told twice is one event."""
    assert leg.agency is not None
    here: dict[str, Any] = {"leg": leg.leg, "agency": agency_ref(leg.agency)}
    match answer:
        case Acknowledge(at, foreign_number):
            return DossierAcknowledgedV1(**here, acknowledged_at=at, foreign_number=foreign_number), ("acknowledged",)
        case RecordStep(step):
            recorded = DossierStepRecordedV1(
                **here, step=step.code, step_name=step.name, officer=step.officer, recorded_at=step.at
            )
            return recorded, ("step", step.code, step.at.isoformat())
        case AskSupplement(asked, sealed_reason):
            wanted = DossierSupplementAskedV1(
                **here, asked_at=asked.at, components=asked.components, sealed_reason=sealed_reason
            )
            return wanted, ("supplement-asked", asked.at.isoformat(), *asked.components)
        case Complete(outcome):
            said = {"role": leg.role, "completed_at": outcome.at, "result": outcome.result}
            return DossierLegCompletedV1(**here, **said, result_number=outcome.number), ("completed",)


def _go_on(transfer: Transfer, said: bool, uow: RoutingUow) -> Transfer:
    """A leg has its result: the next legs start, or the dossier is completed (the result is the first leading leg's).

    `said`: it was completed before, an agency that cooperates was still to be heard.
    """
    transfer = start(transfer, uow)
    if said or not transfer.completed:
        return transfer
    lead = transfer.deciding[0]
    outcomes = [leg.outcome for leg in transfer.deciding if leg.outcome is not None]
    assert transfer.plan is not None
    assert lead.agency is not None
    assert lead.outcome is not None
    completed = DossierCompletedV1(
        leg=lead.leg,
        agency=agency_ref(lead.agency),
        completed_at=max(outcome.at for outcome in outcomes),
        result=lead.outcome.result,
        result_number=lead.outcome.number,
    )
    event_id = derive_id(transfer.dossier_id, "completed")
    uow.publish(completed, dossier_id=transfer.dossier_id, id=event_id, because=transfer.plan.cause)
    return transfer
