"""Kết thúc chuyển giao: an agency's system took a consignment, or refused it for good."""

from datetime import datetime

from hub_events.event import Event
from hub_events.ids import derive_id
from hub_events.routing import AgencyRef, DossierHandedOverV1, DossierHandOverRefusedV1
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.work import WorkRow
from services.routing.domain import answers
from services.routing.domain.endpoint import Offers
from services.routing.handlers.parcels import Parcel, read_parcel
from services.routing.handlers.ports import RoutingUow
from services.routing.handlers.recall import recall_from_agencies


def on_hand_over_settled(row: WorkRow, outcome: Sent | Refused, attempts: int, uow: RoutingUow, offers: Offers) -> None:
    """Ghi nhận bàn giao; what was stopped meanwhile is recalled. A refusal after a redo is another fact."""
    parcel = read_parcel(row.body)
    transfer = uow.transfers.get(row.dossier_id)
    assert transfer is not None, "work rows are made in the transaction that keeps their transfer"
    leg = transfer.named(parcel.leg)
    if isinstance(outcome, Sent):
        changed = answers.hand_over(leg, uow.now, outcome.detail, parcel.request)
        event: Event = _handed_over(parcel, uow.now, attempts, outcome.detail)
        event_id = derive_id(row.id, "handed-over")
    else:
        changed = answers.refuse(leg, uow.now, outcome.reason)
        event = _refused(parcel, uow.now, outcome.reason)
        event_id = derive_id(row.id, "refused", str(attempts))
    uow.publish(event, dossier_id=row.dossier_id, id=event_id, because=parcel.cause)
    if parcel.kind == "dossier":  # a supplement moves no leg
        uow.transfers.put(row.dossier_id, recall_from_agencies(transfer.with_leg(changed), uow, offers))


def _handed_over(parcel: Parcel, at: datetime, attempts: int, foreign_number: str | None) -> DossierHandedOverV1:
    return DossierHandedOverV1(
        leg=parcel.leg,
        agency=AgencyRef(code=parcel.agency_code, name=parcel.agency_name),
        what=parcel.kind,
        handed_over_at=at,
        attempts=attempts,
        foreign_number=foreign_number,
    )


def _refused(parcel: Parcel, at: datetime, reason: str) -> DossierHandOverRefusedV1:
    return DossierHandOverRefusedV1(
        leg=parcel.leg,
        agency=AgencyRef(code=parcel.agency_code, name=parcel.agency_name),
        what=parcel.kind,
        refused_at=at,
        reason=reason,
    )
