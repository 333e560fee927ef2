"""Hồ sơ được tiếp nhận → find who is competent and hand it over."""

from hub_events.event import Fact
from hub_events.intake import DossierAcceptedV1
from services.routing.domain.transfer import Leg, Plan, Transfer, plan_transfer
from services.routing.handlers.parcels import consignment_of
from services.routing.handlers.ports import CompetenceNow, RoutingUow
from services.routing.handlers.route import route


def on_dossier_accepted(fact: Fact[DossierAcceptedV1], uow: RoutingUow, competence: CompetenceNow) -> None:
    """Chuyển hồ sơ đến cơ quan có thẩm quyền. Repeat under another id: nothing, the dossier has its plan."""
    accepted = fact.data
    stub = uow.transfers.get(fact.dossier_id) or Transfer(fact.dossier_id)
    if stub.plan is not None:
        return
    dossier = consignment_of(
        fact,
        "dossier",
        0,
        received_at=accepted.received_at,
        promised_at=accepted.promise.due_at,
        components=accepted.components,
        sealed_form=accepted.sealed_form,
    )
    legs = [Leg(planned.leg, planned.role, planned.order, planned.agency_kind) for planned in accepted.legs]
    route(plan_transfer(stub, _plan(fact), legs, dossier), competence(), uow)


def _plan(fact: Fact[DossierAcceptedV1]) -> Plan:
    accepted = fact.data
    return Plan(
        dossier_code=accepted.dossier_code,
        procedure_code=accepted.procedure.code,
        procedure_name=accepted.procedure.name,
        desk=accepted.desk.code,
        territory=accepted.territory,
        cause=fact.envelope,
        received_at=accepted.received_at,
        undated=accepted.promise.due_at is None,
    )
