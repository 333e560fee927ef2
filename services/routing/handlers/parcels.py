"""Gói chuyển giao: the body of a work row, one consignment for one leg, sealed as it came.

All that the agency reads follows from the cause, its sending time too: what is sent under one Idempotency-Key must be
equal, even when the row is made again after a restore, or a careful agency refuses it.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from hub_events.event import Envelope, Fact
from hub_events.ids import derive_id
from hub_events.intake import ComponentRef
from hub_messaging.work import NewWork
from services.routing.domain.handing_over import Handover
from services.routing.domain.transfer import Component, Consignment, Kind, Leg, Role, Transfer


class Parcel(NamedTuple):
    """What the sender needs to make the request, and what follows from its outcome."""

    kind: Kind
    leg: str
    request: int
    dossier_code: str
    agency_code: str
    agency_name: str
    procedure_code: str
    procedure_name: str
    received_at: datetime
    promised_at: datetime | None
    sent_at: datetime
    components: tuple[Component, ...]
    sealed_form: str | None
    cause: Envelope
    """The event that this goes back to."""
    what: tuple[str, ...] = ()
    case: str | None = None
    role: Role = "lead"


_PARCELS = TypeAdapter(Parcel)


@lru_cache(maxsize=256)
def read_parcel(body: bytes) -> Parcel:
    """The parcel in a work row's body, asked for when it is sent and when that is settled. Raises ValueError."""
    return _PARCELS.validate_json(body)


def pack(transfer: Transfer, handover: Handover) -> NewWork:
    """The work row in the agency's lane. The agency is told the business time of the cause as that of sending."""
    leg, consignment = handover.leg, handover.consignment
    assert leg.agency is not None
    return NewWork(
        id=_row_of(consignment.cause.id, leg),
        lane=leg.agency.code,
        dossier_id=transfer.dossier_id,
        kind=consignment.kind,
        fact_at=consignment.cause.recorded_at,
        body=_written(_parcel(transfer, leg, consignment)),
        replaces=tuple(_row_of(cause, leg) for cause in handover.replaces),
    )


def _row_of(cause: UUID, leg: Leg) -> UUID:
    return derive_id(cause, "handover", leg.leg)


def _written(parcel: Parcel) -> bytes:
    """By names, so that the cause's trace is found in the row's body; what few parcels have, only in theirs."""
    fields = parcel._asdict()
    if parcel.kind != "correction":
        del fields["what"], fields["case"]
    if parcel.role == "lead":
        del fields["role"]
    return to_json({**fields, "cause": parcel.cause._asdict()})


def _parcel(transfer: Transfer, leg: Leg, consignment: Consignment) -> Parcel:
    plan = transfer.plan
    assert plan is not None
    assert leg.agency is not None
    return Parcel(
        kind=consignment.kind,
        leg=leg.leg,
        request=consignment.request,
        dossier_code=plan.dossier_code,
        agency_code=leg.agency.code,
        agency_name=leg.agency.name,
        procedure_code=plan.procedure_code,
        procedure_name=plan.procedure_name,
        received_at=consignment.received_at,
        promised_at=consignment.promised_at,
        sent_at=consignment.cause.occurred_at,
        components=consignment.components,
        sealed_form=consignment.sealed_form,
        cause=consignment.cause,
        what=consignment.what,
        case=consignment.case,
        role=leg.role,
    )


def consignment_of(
    fact: Fact[Any],
    kind: Kind,
    request: int,
    *,
    received_at: datetime,
    promised_at: datetime | None,
    components: tuple[ComponentRef, ...],
    sealed_form: str | None,
) -> Consignment:
    """What the event brings for the agencies."""
    return Consignment(
        cause=fact.envelope,
        kind=kind,
        request=request,
        received_at=received_at,
        promised_at=promised_at,
        components=tuple(
            Component(part.code, part.name or part.code, part.originals, part.copies) for part in components
        ),
        sealed_form=sealed_form,
    )
