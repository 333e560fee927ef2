"""Dừng giải quyết hồ sơ → nothing more goes to the agencies."""

from hub_events.event import Fact
from hub_events.intake import DossierStoppedV1
from services.routing.domain.endpoint import Offers
from services.routing.domain.transfer import Stop, Transfer, stop
from services.routing.handlers.ports import RoutingUow
from services.routing.handlers.recall import recall_from_agencies


def on_dossier_stopped(fact: Fact[DossierStoppedV1], uow: RoutingUow, offers: Offers) -> None:
    """Dừng chuyển hồ sơ: what was not sent yet never is; agencies that have it are told, or listed (`to_recall`).

    Repeat under another id: nothing, a dossier is stopped once.
    """
    transfer = uow.transfers.get(fact.dossier_id) or Transfer(fact.dossier_id)
    if transfer.stop is not None:
        return
    for leg in transfer.legs:
        if leg.agency is not None:
            uow.work.withdraw(leg.agency.code, fact.dossier_id)
    told = Stop(fact.data.stopped_at, fact.data.reason, fact.data.withdrawn, fact.envelope)
    uow.transfers.put(fact.dossier_id, recall_from_agencies(stop(transfer, told), uow, offers))
