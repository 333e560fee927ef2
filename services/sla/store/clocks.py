"""Table `clock`: one row per dossier; what lists ask for has columns, the facts behind it are JSON."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
from pydantic_core import from_json, to_json

from hub_events.intake import Promise
from hub_messaging.database import Table, TableStore
from services.sla.domain.clock import Check, DossierClock, PromisedDate, Stop

CLOCK = Table(
    "clock",
    ("dossier_id",),
    {
        "dossier_id": "uuid",
        "dossier_code": "text",
        "procedure": "text",
        "desk": "text",
        "state": "text",
        "due_at": "timestamptz",
        "late_from": "timestamptz",
        "differs": "bool",
        "outcome": "text",
        "facts": "jsonb",
        "said": "jsonb",
    },
)


def to_row(clock: DossierClock) -> tuple[Any, ...]:
    current = clock.current
    return (
        clock.dossier_id,
        clock.dossier_code,
        clock.procedure,
        clock.desk,
        clock.state,
        current.promise.due_at if current else None,
        current.late_from if current else None,
        clock.differs,
        clock.outcome,
        to_json(_facts(clock)).decode(),
        to_json(clock.said).decode(),
    )


def from_row(row: asyncpg.Record) -> DossierClock:
    facts = from_json(row["facts"])
    stop = facts["stop"]
    return DossierClock(
        dossier_id=row["dossier_id"],
        dossier_code=row["dossier_code"],
        procedure=row["procedure"],
        desk=row["desk"],
        dates={date["request"]: _date(date) for date in facts["dates"]},
        pauses={int(number): _moment(at) for number, at in facts["pauses"].items()},
        stop=Stop(_moment(stop["at"]), stop["cause"]) if stop else None,
        said=tuple(from_json(row["said"])),
    )


def _facts(clock: DossierClock) -> dict[str, Any]:
    return {
        "dates": [
            {
                "request": date.request,
                "since": date.since,
                "promise": date.promise,
                "agrees": date.check.agrees,
                "computed_due_at": date.check.computed_due_at,
                "reason": date.check.reason,
                "warn_at": date.warn_at,
                "previous_due_at": date.previous_due_at,
            }
            for date in clock.dates.values()
        ],
        "pauses": {str(number): at for number, at in clock.pauses.items()},
        "stop": {"at": clock.stop.at, "cause": clock.stop.cause} if clock.stop else None,
    }


def _date(stored: dict[str, Any]) -> PromisedDate:
    return PromisedDate(
        request=stored["request"],
        since=_moment(stored["since"]),
        promise=Promise.model_validate(stored["promise"]),
        check=Check(stored["agrees"], _perhaps(stored["computed_due_at"]), stored["reason"]),
        warn_at=_perhaps(stored["warn_at"]),
        previous_due_at=_perhaps(stored["previous_due_at"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _perhaps(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


CLOCKS: TableStore[DossierClock] = TableStore(CLOCK, to_row, from_row)
