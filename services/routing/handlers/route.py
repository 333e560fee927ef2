"""Xác định cơ quan có thẩm quyền: at acceptance, and again when the competence table has changed."""

from uuid import UUID

from hub_events.event import derive_id
from hub_events.routing import AgencyRef, DossierRoutedV1, DossierRoutingFailedV1, RoutedLeg
from services.routing.domain.competence import Agency, Competence
from services.routing.domain.transfer import Transfer, find_agencies, start_legs
from services.routing.handlers.parcels import pack
from services.routing.handlers.ports import CompetenceNow, RoutingUow

NO_COMPETENT_AGENCY = "no-competent-agency"


def retry_routing(dossier_id: UUID, uow: RoutingUow, competence: CompetenceNow) -> Transfer | None:
    """Tries a transfer that has no competent agency again; any other is left as it is. None: there is no transfer."""
    transfer = uow.transfers.get(dossier_id)
    if transfer is not None and transfer.state == "routing_failed":
        transfer = route(transfer, competence(), uow)
    return transfer


def route(transfer: Transfer, competence: Competence, uow: RoutingUow) -> Transfer:
    """Decides, and says what was decided: routed with work rows, or failed (said once, however often it is tried)."""
    assert transfer.plan is not None
    cause = transfer.plan.cause
    routed = find_agencies(transfer, competence, uow.now)
    if routed.failed_leg is not None:
        if transfer.failed_leg is None:
            failed = DossierRoutingFailedV1(
                reason=NO_COMPETENT_AGENCY, leg=routed.failed_leg, competence=competence.version
            )
            uow.publish(
                failed,
                dossier_id=transfer.dossier_id,
                id=derive_id(cause.id, "routing-failed"),
                because=cause,
            )
        uow.transfers.put(transfer.dossier_id, routed)
        return routed
    legs = tuple(
        RoutedLeg(leg=leg.leg, agency=agency_ref(leg.agency), order=leg.order) for leg in routed.legs if leg.agency
    )
    uow.publish(
        DossierRoutedV1(legs=legs, competence=competence.version),
        dossier_id=transfer.dossier_id,
        id=derive_id(cause.id, "routed"),
        because=cause,
    )
    return start(routed, uow)


def start(transfer: Transfer, uow: RoutingUow) -> Transfer:
    """Gives the legs whose turn it is their work rows, and keeps the transfer."""
    started, handovers = start_legs(transfer)
    for handover in handovers:
        uow.work.add(pack(started, handover, uow.now))
    uow.transfers.put(started.dossier_id, started)
    return started


def agency_ref(agency: Agency) -> AgencyRef:
    """The agency as events name it."""
    return AgencyRef(code=agency.code, name=agency.name)
