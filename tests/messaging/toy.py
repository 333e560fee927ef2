"""A service as small as can be, for the spine's tests: it notes which facts it heard of each dossier, in order.

What an event makes it do is written in the name of its procedure (`Mischief`); its own facts are routing's words.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from hub_events import topics
from hub_events.event import Fact
from hub_events.ids import derive_id
from hub_events.intake import DeskRef, DossierRefusedV1, DossierSubmittedV1, ProcedureRef
from hub_events.routing import DossierRoutingFailedV1
from hub_events.topics import INTAKE, ROUTING
from hub_messaging.clock import real_now
from hub_messaging.database import Table, TableStore
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.jobs import Job
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.reader import Handler, on_dossier
from hub_messaging.timers import Timer
from hub_messaging.unit_of_work import UnitOfWork
from hub_messaging.work import NewWork, WorkRow

RECEIVED = datetime(2026, 3, 2, 1, tzinfo=UTC)
DESK = DeskRef(code="H26.15.01", name="Bộ phận Một cửa", territory="26")


class Mischief(StrEnum):
    """What the toy does when it hears of a procedure of this name."""

    NONE = "plain"
    BUG = "bug"
    NOT_YET = "not yet"
    CANNOT = "cannot"
    DATA_ERROR = "data error"
    WORK = "work"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Toy:
    """What the toy knows of one dossier: ids of the facts it heard, in the order it heard them."""

    dossier_id: UUID
    facts: tuple[str, ...] = ()
    sent: str | None = None
    rang: int = 0
    note: str | None = None


def _from_row(row: asyncpg.Record) -> Toy:
    return Toy(row["dossier_id"], tuple(json.loads(row["facts"])), row["sent"], row["rang"], row["note"])


TOYS: TableStore[Toy] = TableStore(
    Table(
        "toy", ("dossier_id",), {"dossier_id": "uuid", "facts": "text", "sent": "text", "rang": "int", "note": "text"}
    ),
    to_row=lambda toy: (toy.dossier_id, json.dumps(toy.facts), toy.sent, toy.rang, toy.note),
    from_row=_from_row,
)


class ToyUnitOfWork(UnitOfWork):
    """One shelf."""

    def __init__(self, service: str, now: datetime) -> None:
        super().__init__(service, now)
        self.toys = self.shelf("toys", TOYS)
        self.mended = False


def maker(service: str) -> Callable[[datetime], ToyUnitOfWork]:
    return lambda now: ToyUnitOfWork(service, now)


def submitted(mischief: Mischief | str = Mischief.NONE) -> DossierSubmittedV1:
    """An event that makes the toy do `mischief`."""
    return DossierSubmittedV1(
        procedure=ProcedureRef(code="1.004222", version=1, name=str(mischief)),
        desk=DESK,
        channel="counter",
        received_at=RECEIVED,
    )


def hear(uow: ToyUnitOfWork, dossier_id: UUID, fact_id: UUID) -> Toy:
    """Notes a fact; the same one again changes nothing."""
    toy = uow.toys.get(dossier_id) or Toy(dossier_id)
    if str(fact_id) not in toy.facts:
        toy = replace(toy, facts=(*toy.facts, str(fact_id)))
    uow.toys.put(dossier_id, toy)
    return toy


class Mended:
    """Whether the reasons for mischief are gone: then bugs, missing data and bad records are none any more."""

    def __init__(self) -> None:
        self.yes = False


def on_submitted(mended: Mended) -> Callable[[Fact[DossierSubmittedV1], ToyUnitOfWork], None]:
    def handle(fact: Fact[DossierSubmittedV1], uow: ToyUnitOfWork) -> None:
        toy = hear(uow, fact.dossier_id, fact.id)
        uow.publish(
            DossierRoutingFailedV1(reason="heard", leg="lead", competence="toy"),
            dossier_id=fact.dossier_id,
            id=derive_id(fact.id, "heard"),
            because=fact.envelope,
        )
        words = fact.data.procedure.name
        mischief = words.partition(":")[0]  # behind the colon stands what nobody may see
        if mended.yes:
            return
        match mischief:
            case Mischief.BUG:
                raise ZeroDivisionError(words)
            case Mischief.NOT_YET:
                raise NotYet("no-such-procedure")
            case Mischief.CANNOT:
                raise CannotProcess("not-for-us")
            case Mischief.DATA_ERROR:
                uow.toys.put(fact.dossier_id, replace(toy, note=f"{words}\x00"))
            case Mischief.TIMER:
                uow.timers.set(fact.dossier_id, "toy", uow.now + timedelta(hours=1))
            case _ if mischief.startswith(Mischief.WORK):
                lane = mischief.removeprefix(Mischief.WORK).strip() or "toys"
                work_id = derive_id(fact.id, "work")
                uow.work.add(NewWork(work_id, lane, fact.dossier_id, "toy", real_now(), words.encode()))

    return handle


def on_refused(fact: Fact[DossierRefusedV1], uow: ToyUnitOfWork) -> None:
    hear(uow, fact.dossier_id, fact.id)


def handlers(mended: Mended | None = None) -> list[Handler[ToyUnitOfWork]]:
    return [
        Handler(DossierSubmittedV1, on_submitted(mended or Mended()), on_dossier("toys")),
        Handler(DossierRefusedV1, on_refused, on_dossier("toys")),
    ]


def settle(row: WorkRow, outcome: Sent | Refused, attempts: int) -> Job[ToyUnitOfWork, None]:
    """Notes what became of the toy's work."""

    def run(uow: ToyUnitOfWork) -> None:
        toy = uow.toys.get(row.dossier_id) or Toy(row.dossier_id)
        word = "sent" if isinstance(outcome, Sent) else outcome.reason
        uow.toys.put(row.dossier_id, replace(toy, sent=f"{word} after {attempts}"))

    return Job(run=run, keys={"toys": (row.dossier_id,)})


def ring(timer: Timer) -> Job[ToyUnitOfWork, None]:
    """Counts how often a dossier's timers rang."""

    def run(uow: ToyUnitOfWork) -> None:
        toy = uow.toys.get(timer.dossier_id) or Toy(timer.dossier_id)
        if timer.kind == "broken":
            raise ZeroDivisionError
        uow.toys.put(timer.dossier_id, replace(toy, rang=toy.rang + 1))

    return Job(run=run, keys={"toys": (timer.dossier_id,)})


async def settled_state(pool: Any) -> dict[UUID, Toy]:
    """Every dossier the toy knows."""
    return {row["dossier_id"]: _from_row(row) for row in await pool.fetch("SELECT * FROM toy")}


def use_topics(suffix: str) -> None:
    """Gives this process topics of its own: intake → toy-<suffix> → nobody-<suffix>. Undone by `topics.TOPICS = …`."""
    topics.TOPICS = (
        replace(INTAKE, name=f"{INTAKE.name}-{suffix}", readers=(f"toy-{suffix}",)),
        replace(ROUTING, name=f"{ROUTING.name}-{suffix}", producer=f"toy-{suffix}", readers=(f"nobody-{suffix}",)),
    )


Lanes = Callable[[], Iterable[tuple[str, int]]]
Deliver = Callable[[WorkRow], Awaitable[Any]]
Keys = Mapping[str, Sequence[Any]]
