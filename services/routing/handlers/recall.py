"""Thu hồi hồ sơ đã chuyển: agencies that have a stopped dossier are told to stop, and what they answer is said."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from hub_events.event import Envelope, Event
from hub_events.ids import derive_id
from hub_events.routing import DossierRecalledV1, DossierRecallRefusedV1
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.work import NewWork, WorkRow
from services.routing.domain.answers import AnswerRecall, answer_recall
from services.routing.domain.endpoint import Offers
from services.routing.domain.transfer import Leg, Recall, RecallAnswer, Transfer, recall
from services.routing.handlers.ports import RoutingUow
from services.routing.handlers.references import agency_ref

CANCELLATION = "cancellation"
ANSWERS: dict[str, RecallAnswer] = {"stopped": "stopped", "decided": "decided", "unknown": "unknown"}


class Cancellation(NamedTuple):
    """Body of the work row: what the agency is told. Nothing of it is personal."""

    leg: str
    dossier_code: str
    agency_code: str
    foreign_number: str | None
    reason: str
    withdrawn: bool
    stopped_at: datetime
    sent_at: datetime
    cause: Envelope
    """The stop's event."""


_BODIES = TypeAdapter(Cancellation)


def read_cancellation(body: bytes) -> Cancellation:
    """The call in a work row's body. Raises ValueError."""
    return _BODIES.validate_json(body)


def recall_from_agencies(transfer: Transfer, uow: RoutingUow, offers: Offers) -> Transfer:
    """Adds the calls that are due, each behind the dossier's other rows in its agency's lane."""
    asked, legs = recall(transfer, lambda agency: offers(agency, "cancellations"), uow.now)
    for leg in legs:
        uow.work.add(_call(asked, leg))
    return asked


def on_cancellation_settled(row: WorkRow, outcome: Sent | Refused, uow: RoutingUow) -> None:
    """The agency answered at once, or will call back (no word). A refused call stays in the lane's list."""
    transfer = uow.transfers.get(row.dossier_id)
    assert transfer is not None, "work rows are made in the transaction that keeps their transfer"
    said = ANSWERS.get(outcome.detail or "") if isinstance(outcome, Sent) else None
    if said is None:
        return
    before = transfer.named(read_cancellation(row.body).leg)
    after = answer_recall(before, AnswerRecall(said, uow.now))
    if after is not None:
        say_answer(transfer, after, uow)
        uow.transfers.put(row.dossier_id, transfer.with_leg(after))


def enter_answer(dossier_id: UUID, leg: str, answer: AnswerRecall, uow: RoutingUow) -> Transfer | None:
    """What a person found out at an agency; None: there is no such leg, or nothing of it is to be recalled."""
    transfer = uow.transfers.get(dossier_id)
    before = transfer.find(leg) if transfer is not None else None
    if transfer is None or before is None or transfer.stopped_at is None:
        return None
    after = answer_recall(before, answer)
    if after is None:
        return transfer
    if not before._replace(recall=Recall()).in_hand:
        return None
    say_answer(transfer, after, uow)
    changed = transfer.with_leg(after)
    uow.transfers.put(dossier_id, changed)
    return changed


def say_answer(transfer: Transfer, leg: Leg, uow: RoutingUow) -> None:
    """Each answer is said once; one that a person enters after another is a fact of its own."""
    assert transfer.plan is not None
    known = leg.recall
    assert known.answered_at is not None
    entered = () if known.by is None else (known.by, known.answered_at.isoformat())
    event_id = derive_id(transfer.dossier_id, leg.leg, "recall", str(known.answer), *entered)
    cause = transfer.plan.cause if transfer.stop is None else transfer.stop.cause
    uow.publish(_said(leg), dossier_id=transfer.dossier_id, id=event_id, because=cause)


def _said(leg: Leg) -> Event:
    known = leg.recall
    assert leg.agency is not None
    assert known.answered_at is not None
    agency = agency_ref(leg.agency)
    if known.answer == "stopped":
        return DossierRecalledV1(leg=leg.leg, agency=agency, stopped_at=known.answered_at)
    return DossierRecallRefusedV1(leg=leg.leg, agency=agency, refused_at=known.answered_at, reason=str(known.answer))


def _call(transfer: Transfer, leg: Leg) -> NewWork:
    plan, stop = transfer.plan, transfer.stop
    assert plan is not None
    assert stop is not None
    assert leg.agency is not None
    told = Cancellation(
        leg=leg.leg,
        dossier_code=plan.dossier_code,
        agency_code=leg.agency.code,
        foreign_number=leg.foreign_number,
        reason=stop.reason,
        withdrawn=stop.withdrawn,
        stopped_at=stop.at,
        sent_at=stop.cause.occurred_at,
        cause=stop.cause,
    )
    return NewWork(
        id=derive_id(stop.cause.id, CANCELLATION, leg.leg),
        lane=leg.agency.code,
        dossier_id=transfer.dossier_id,
        kind=CANCELLATION,
        fact_at=stop.cause.recorded_at,
        body=to_json({**told._asdict(), "cause": told.cause._asdict()}),
    )
