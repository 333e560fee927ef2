"""Đính chính hồ sơ → the agencies that have the dossier get it right."""

from typing import Final
from uuid import UUID

from hub_events.event import Fact
from hub_events.ids import derive_id
from hub_events.intake import DossierCorrectedV1
from hub_events.routing import DossierCorrectionHandedOverV1
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.work import WorkRow
from services.routing.domain.endpoint import Offers
from services.routing.domain.handing_over import add_correction
from services.routing.domain.transfer import Transfer
from services.routing.handlers.parcels import consignment_of, pack, read_parcel
from services.routing.handlers.ports import RoutingUow
from services.routing.handlers.references import agency_ref

CORRECTION: Final = "correction"


def on_dossier_corrected(fact: Fact[DossierCorrectedV1], uow: RoutingUow, offers: Offers) -> None:
    """Chuyển phần đính chính. Before acceptance nothing, the accepted dossier will hold it; a contact is not theirs."""
    corrected = fact.data
    if corrected.dossier_code is None or corrected.sealed_form is None:
        return
    transfer = uow.transfers.get(fact.dossier_id) or Transfer(fact.dossier_id)
    consignment = consignment_of(
        fact,
        CORRECTION,
        corrected.correction,
        received_at=corrected.corrected_at,
        promised_at=None,
        components=corrected.components,
        sealed_form=corrected.sealed_form,
    )._replace(what=tuple(what for what in corrected.what if what != "contact"), case=corrected.case)
    changed, handovers = add_correction(transfer, consignment, lambda agency: offers(agency, "corrections"))
    for handover in handovers:
        uow.work.add(pack(changed, handover))
    if changed is not transfer:
        uow.transfers.put(fact.dossier_id, changed)


def told_by_a_person(dossier_id: UUID, leg: str, up_to: int | None, uow: RoutingUow) -> Transfer | None:
    """A person has told the agency of the corrections `up_to` this one, or of all so far; None: no such leg."""
    transfer = uow.transfers.get(dossier_id)
    before = transfer.find(leg) if transfer is not None else None
    if transfer is None or before is None:
        return None
    untold = tuple(number for number in before.untold if up_to is not None and number > up_to)
    changed = transfer.with_leg(before._replace(untold=untold))
    uow.transfers.put(dossier_id, changed)
    return changed


def on_correction_settled(row: WorkRow, outcome: Sent | Refused, uow: RoutingUow) -> None:
    """The agency took the correction; one that refused it must be told by a person."""
    transfer = uow.transfers.get(row.dossier_id)
    assert transfer is not None, "work rows are made in the transaction that keeps their transfer"
    parcel = read_parcel(row.body)
    leg = transfer.named(parcel.leg)
    untold = {*leg.untold} - {parcel.request}
    if isinstance(outcome, Refused):
        untold.add(parcel.request)
    elif leg.agency is not None:
        taken = DossierCorrectionHandedOverV1(
            leg=leg.leg, agency=agency_ref(leg.agency), correction=parcel.request, handed_over_at=uow.now
        )
        event_id = derive_id(row.id, "correction-handed-over")
        uow.publish(taken, dossier_id=row.dossier_id, id=event_id, because=parcel.cause)
    uow.transfers.put(row.dossier_id, transfer.with_leg(leg._replace(untold=tuple(sorted(untold)))))
