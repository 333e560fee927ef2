"""Xác định cơ quan có thẩm quyền: at acceptance, and again when the competence table has changed."""

from uuid import UUID

from hub_events.event import Event
from hub_events.ids import derive_id
from hub_events.routing import DossierRoutedV1, DossierRoutingFailedV1, RoutedLeg
from services.routing.domain.competence import Competence
from services.routing.domain.endpoint import Offers
from services.routing.domain.handing_over import start_legs
from services.routing.domain.transfer import Transfer, find_agencies
from services.routing.handlers.parcels import pack
from services.routing.handlers.ports import CompetenceNow, RoutingUow
from services.routing.handlers.recall import recall_from_agencies
from services.routing.handlers.references import agency_ref

NO_COMPETENT_AGENCY = "no-competent-agency"


def retry_routing(dossier_id: UUID, uow: RoutingUow, competence: CompetenceNow, offers: Offers) -> Transfer | None:
    """Tries what could not be done: finding a competent agency, telling one to stop. None: there is no transfer."""
    transfer = uow.transfers.get(dossier_id)
    if transfer is not None and transfer.state == "routing_failed":
        transfer = route(transfer, competence(), uow)
    elif transfer is not None and transfer.to_recall:
        transfer = recall_from_agencies(transfer, uow, offers)
        uow.transfers.put(dossier_id, transfer)
    return transfer


def route(transfer: Transfer, competence: Competence, uow: RoutingUow) -> Transfer:
    """Decides, and says what was decided: who gets it, and of each leg that nobody is competent for so, once."""
    routed = find_agencies(transfer, competence, uow.now)
    known = {leg.leg for leg in transfer.legs if leg.agency}
    if found := tuple(leg.leg for leg in routed.legs if leg.agency and leg.leg not in known):
        added = found if known else ()
        _say(_routed(routed, competence, added), transfer, uow, "routed", *added)
    missed = {leg.leg for leg in transfer.unplaced}
    for leg in routed.unplaced:
        if leg.leg not in missed:
            failed = DossierRoutingFailedV1(
                reason=NO_COMPETENT_AGENCY, leg=leg.leg, role=leg.role, competence=competence.version
            )
            _say(failed, transfer, uow, "routing-failed", leg.leg)
    return start(routed, uow)


def _routed(transfer: Transfer, competence: Competence, added: tuple[str, ...]) -> DossierRoutedV1:
    """All who get it, in one fact: readers take the last one as a whole."""
    legs = tuple(
        RoutedLeg(leg=leg.leg, agency=agency_ref(leg.agency), order=leg.order, role=leg.role)
        for leg in transfer.legs
        if leg.agency
    )
    return DossierRoutedV1(legs=legs, competence=competence.version, added=added or None)


def _say(event: Event, transfer: Transfer, uow: RoutingUow, *words: str) -> None:
    assert transfer.plan is not None
    cause = transfer.plan.cause
    uow.publish(event, dossier_id=transfer.dossier_id, id=derive_id(cause.id, *words), because=cause)


def start(transfer: Transfer, uow: RoutingUow) -> Transfer:
    """Gives the legs whose turn it is their work rows, and keeps the transfer."""
    started, handovers = start_legs(transfer)
    for handover in handovers:
        uow.work.add(pack(started, handover))
    uow.transfers.put(started.dossier_id, started)
    return started
