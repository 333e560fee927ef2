"""Đã trả kết quả → who hasn't got the dossier needn't any more."""

from datetime import datetime
from uuid import UUID

from hub_events.event import Fact
from hub_events.intake import DossierResultReturnedV1
from services.routing.domain.transfer import Transfer, finish
from services.routing.handlers.ports import RoutingUow


def on_dossier_result_returned(fact: Fact[DossierResultReturnedV1], uow: RoutingUow) -> None:
    """Đã trả kết quả: what the desk may have said before, with the result itself."""
    finish_by_hand(fact.dossier_id, fact.data.returned_at, uow)


def finish_by_hand(dossier_id: UUID, at: datetime, uow: RoutingUow) -> None:
    """What was certainly not taken is taken back; agencies that have the dossier keep it. Repeat: nothing."""
    transfer = uow.transfers.get(dossier_id) or Transfer(dossier_id)
    done = finish(transfer, at)
    if done == transfer:
        return
    for leg in transfer.legs:
        if leg.agency is not None and not leg.taken:
            uow.work.withdraw(leg.agency.code, dossier_id)
    uow.transfers.put(dossier_id, done)
