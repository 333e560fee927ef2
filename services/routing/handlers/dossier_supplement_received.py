"""Đã bổ sung hồ sơ → the agencies that have the dossier get the supplement."""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementReceivedV1
from services.routing.domain.handing_over import add_supplement
from services.routing.domain.transfer import Transfer
from services.routing.handlers.parcels import consignment_of, pack
from services.routing.handlers.ports import RoutingUow


def on_dossier_supplement_received(fact: Fact[DossierSupplementReceivedV1], uow: RoutingUow) -> None:
    """Chuyển phần bổ sung. Before acceptance (no promise) nothing: the accepted dossier will hold it."""
    supplement = fact.data
    if supplement.promise is None:
        return
    transfer = uow.transfers.get(fact.dossier_id) or Transfer(fact.dossier_id)
    consignment = consignment_of(
        fact,
        "supplement",
        supplement.request,
        received_at=supplement.received_at,
        promised_at=supplement.promise.due_at,
        components=supplement.components,
        sealed_form=supplement.sealed_form,
    )
    changed, handovers = add_supplement(transfer, consignment)
    for handover in handovers:
        uow.work.add(pack(changed, handover))
    if changed is not transfer:
        uow.transfers.put(fact.dossier_id, changed)
