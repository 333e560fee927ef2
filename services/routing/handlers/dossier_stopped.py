"""Dừng giải quyết hồ sơ → nothing more goes to the agencies."""

from hub_events.event import Fact
from hub_events.intake import DossierStoppedV1
from services.routing.domain.transfer import Transfer, stop
from services.routing.handlers.ports import RoutingUow


def on_dossier_stopped(fact: Fact[DossierStoppedV1], uow: RoutingUow) -> None:
    """Dừng chuyển hồ sơ: what was not sent yet never is. What an agency has already, a list shows (`to_recall`)."""
    transfer = uow.transfers.get(fact.dossier_id) or Transfer(fact.dossier_id)
    for leg in transfer.legs:
        if leg.agency is not None:
            uow.work.withdraw(leg.agency.code, fact.dossier_id)
    uow.transfers.put(fact.dossier_id, stop(transfer, fact.data.stopped_at))
