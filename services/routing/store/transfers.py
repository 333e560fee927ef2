"""Transfers as rows: what people look for in columns, legs and what still waits as JSON."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from hub_events.event import Envelope
from hub_messaging.database import Table, TableStore
from services.routing.domain.transfer import Consignment, Leg, Plan, Recall, Stop, Transfer

_LEGS: Final = TypeAdapter(tuple[Leg, ...])
_WAITING: Final = TypeAdapter(tuple[Consignment, ...])
_ANEW: Final = TypeAdapter(dict[str, tuple[UUID, ...]])
_NUMBERS: Final = TypeAdapter(tuple[int, ...])
_STOP: Final = TypeAdapter(Stop)
_CAUSE: Final = TypeAdapter(Envelope)

TABLE: Final = Table(
    "transfer",
    ("dossier_id",),
    {
        "dossier_id": "uuid",
        "state": "text",
        "contradicted": "bool",
        "dossier_code": "text",
        "procedure_code": "text",
        "procedure_name": "text",
        "desk": "text",
        "territory": "text",
        "cause": "jsonb",
        "offices": "jsonb",
        "legs": "jsonb",
        "waiting": "jsonb",
        "supplements": "jsonb",
        "edition": "text",
        "failed_leg": "text",
        "failed_at": "timestamptz",
        "routed_at": "timestamptz",
        "stopped_at": "timestamptz",
        "to_recall": "bool",
        "stop": "jsonb",
        "corrections": "jsonb",
        "to_correct": "bool",
        "done_at": "timestamptz",
        "received_at": "timestamptz",
        "promised_at": "timestamptz",
        "anew": "jsonb",
        "undated": "bool",
    },
)


def to_row(transfer: Transfer) -> Sequence[Any]:
    plan, anew = transfer.plan, {leg.leg: leg.anew for leg in transfer.legs if leg.anew}
    return (
        transfer.dossier_id,
        transfer.state,
        transfer.contradicted,
        plan and plan.dossier_code,
        plan and plan.procedure_code,
        plan and plan.procedure_name,
        plan and plan.desk,
        plan and plan.territory,
        plan and to_json(plan.cause._asdict()).decode(),
        to_json(transfer.offices).decode(),
        to_json([_leg(leg) for leg in transfer.legs]).decode(),
        to_json([_consignment(one) for one in transfer.waiting]).decode(),
        to_json(transfer.supplements).decode(),
        transfer.edition,
        transfer.failed_leg,
        transfer.failed_at,
        transfer.routed_at,
        transfer.stopped_at,
        transfer.to_recall,
        transfer.stop and to_json({**transfer.stop._asdict(), "cause": transfer.stop.cause._asdict()}).decode(),
        to_json(transfer.corrections).decode(),
        transfer.to_correct,
        transfer.done_at,
        plan and plan.received_at,
        plan and plan.promised_at,
        to_json(anew).decode() if anew else None,
        plan is not None and plan.undated,
    )


def _leg(leg: Leg) -> dict[str, Any]:
    """By names, the recall too; one that nobody recalls or corrects is written as a version before would.

    Such a version refuses to read any other member: what is new has a column of its own.
    """
    written = leg._asdict()
    recall, untold, _anew = (written.pop(name) for name in ("recall", "untold", "anew"))
    if recall != Recall():
        written["recall"] = recall._asdict()
    if untold:
        written["untold"] = untold
    return written


def _consignment(one: Consignment) -> dict[str, Any]:
    written = one._asdict()
    if one.kind != "correction":
        del written["what"], written["case"]
    return written


def from_row(row: asyncpg.Record) -> Transfer:
    return Transfer(
        dossier_id=row["dossier_id"],
        plan=_plan(row),
        legs=_legs(row),
        waiting=_WAITING.validate_json(row["waiting"]),
        supplements=_NUMBERS.validate_json(row["supplements"]),
        edition=row["edition"],
        failed_leg=row["failed_leg"],
        failed_at=row["failed_at"],
        routed_at=row["routed_at"],
        stopped_at=row["stopped_at"],
        corrections=_NUMBERS.validate_json(row["corrections"]),
        stop=row["stop"] and _STOP.validate_json(row["stop"]),
        done_at=row["done_at"],
    )


def _legs(row: asyncpg.Record) -> tuple[Leg, ...]:
    """Versions before wrote `anew` into the legs themselves."""
    legs = _LEGS.validate_json(row["legs"])
    if row["anew"] is None:
        return legs
    anew = _ANEW.validate_json(row["anew"])
    return tuple(leg._replace(anew=(*leg.anew, *anew.get(leg.leg, ()))) for leg in legs)


def _plan(row: asyncpg.Record) -> Plan | None:
    if row["dossier_code"] is None:
        return None
    return Plan(
        dossier_code=row["dossier_code"],
        procedure_code=row["procedure_code"],
        procedure_name=row["procedure_name"],
        desk=row["desk"],
        territory=row["territory"],
        cause=_CAUSE.validate_json(row["cause"]),
        received_at=row["received_at"],
        promised_at=row["promised_at"],
        undated=row["undated"],
    )


TRANSFERS: TableStore[Transfer] = TableStore(TABLE, to_row, from_row)
