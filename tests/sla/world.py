"""The sla service without servers: real handlers on the real unit of work, rows kept as the table would keep them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from hub_events.event import Envelope, Event, Fact
from hub_events.examples import examples_of
from hub_events.intake import (
    DossierAcceptedV1,
    DossierDeskStepRecordedV1,
    DossierFinishedOnTheSpotV1,
    DossierRefusedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
    DossierSupplementRequestedV1,
    Promise,
    StatedTerm,
)
from hub_events.routing import DossierCompletedV1
from hub_events.topics import EVENTS
from hub_messaging.timers import Timer
from hub_worktime import compute_due, load_calendar, parse_term, read_hours
from services.sla.bootstrap import HANDLERS, ring
from services.sla.domain.clock import DossierClock
from services.sla.store.clocks import CLOCK, from_row, to_row
from services.sla.store.unit_of_work import SlaUnitOfWork

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
DOSSIER = UUID("01900000-0000-7000-8000-000000000001")
SEALED = "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn"


def at(text: str) -> datetime:
    """`02/03 17:00` of 2026 in Vietnam."""
    return datetime.strptime(f"2026 {text}", "%Y %d/%m %H:%M").replace(tzinfo=VIETNAM).astimezone(UTC)


@dataclass
class World:
    """Facts come in, time passes; what the service said and what it would store is kept."""

    now: datetime = field(default_factory=lambda: at("02/03 08:00"))
    rows: dict[UUID, Any] = field(default_factory=dict)
    timers: dict[tuple[UUID, str], datetime] = field(default_factory=dict)
    told: dict[UUID, Event] = field(default_factory=dict)

    def hear(self, *facts: Fact[Any]) -> None:
        """Each fact in a batch of its own."""
        handlers = {handler.event: handler.handle for handler in HANDLERS}
        for fact in facts:
            handle = handlers[type(fact.data)]
            self._run(fact.dossier_id, partial(handle, fact))

    def pass_time(self, until: datetime) -> None:
        """Rings every timer on the way, at its own moment or, when it is overdue, at once."""
        while due := sorted((moment, key) for key, moment in self.timers.items() if moment <= until):
            moment, (dossier_id, kind) = due[0]
            self.now = max(self.now, moment)
            self.ring(dossier_id, kind)
        self.now = max(self.now, until)

    def ring(self, dossier_id: UUID = DOSSIER, kind: str = "miss") -> None:
        job = ring(Timer(dossier_id, kind, self.now))
        self._run(dossier_id, job.run)

    def clock(self, dossier_id: UUID = DOSSIER) -> DossierClock:
        return from_row(self.rows[dossier_id])

    def said(self, kind: type[Event] | None = None) -> list[Any]:
        return [event for event in self.told.values() if kind is None or isinstance(event, kind)]

    def types(self) -> list[str]:
        return [event.type.removeprefix("deadline.").removesuffix(".v1") for event in self.told.values()]

    def _run(self, dossier_id: UUID, job: Callable[[SlaUnitOfWork], None]) -> None:
        uow = SlaUnitOfWork(self.now)
        if dossier_id in self.rows:
            uow.clocks.put(dossier_id, from_row(self.rows[dossier_id]))
            uow.keep()
        job(uow)
        uow.keep()
        kept = uow.clocks.get(dossier_id)
        if kept is not None:
            self.rows[dossier_id] = dict(zip(CLOCK.columns, to_row(kept), strict=True))
        for key, moment in uow.timers.kept.items():
            self.timers.pop(key, None)
            if moment is not None:
                self.timers[key] = moment
        for record in uow.outbox.kept:
            self.told.setdefault(record.envelope.id, EVENTS[record.envelope.type].model_validate_json(record.body))


def fact_of(event: Event, dossier_id: UUID = DOSSIER, id: UUID | None = None) -> Fact[Any]:
    moment = at("02/03 08:00")
    return Fact(Envelope(id or uuid4(), event.type, "/hub/test", str(dossier_id), moment, moment), event)


def promise(received: datetime, term: str = "5 ngày làm việc", hours: str | None = None, **changes: Any) -> Promise:
    """What intake would promise for a dossier that was complete at `received`."""
    reading = parse_term(term)
    stated = StatedTerm(text=term, unit=reading.unit, amount=reading.amount, reason=reading.reason)
    if reading.cut_off is not None:
        stated = stated.model_copy(update={"cut_off": f"{reading.cut_off:%H:%M}"})
    if reading.unit is None:
        return Promise(due_at=None, counted_from=received, term=stated).model_copy(update=changes)
    due = compute_due(received, reading, calendar=load_calendar("vn"), hours=read_hours(hours))
    made = Promise(
        due_at=due.due_at,
        counted_from=received,
        term=stated,
        rule=due.rule,
        calendar=due.calendar,
        hours=hours,
        provisional=due.provisional,
    )
    return made.model_copy(update=changes)


def by_officer(received: datetime, due_at: datetime) -> Promise:
    stated = StatedTerm(text="Theo mô tả", reason="needs-a-person")
    return Promise(
        due_at=due_at, counted_from=received, term=stated, set_by="officer", officer="CB-01", sealed_reason=SEALED
    )


def accepted(received: datetime, given: Promise | None = None, **options: Any) -> Fact[DossierAcceptedV1]:
    example = examples_of(DossierAcceptedV1.type)[0].fact.data
    changes = {"received_at": received, "accepted_at": received, "promise": given or promise(received)}
    return fact_of(example.model_copy(update=changes), **options)


def finished_on_the_spot(received: datetime, ended: datetime, **changes: Any) -> Fact[DossierFinishedOnTheSpotV1]:
    """All of it at `ended`, but what `changes` says."""
    example = examples_of(DossierFinishedOnTheSpotV1.type)[0].fact.data
    steps = dict.fromkeys(("accepted_at", "appraised_at", "approved_at", "returned_at"), ended)
    at_once = {"received_at": received, "promise": promise(received), **steps}
    return fact_of(example.model_copy(update={**at_once, **changes}))


def requested(moment: datetime, request: int = 1, after: bool = True) -> Fact[DossierSupplementRequestedV1]:
    example = examples_of(DossierSupplementRequestedV1.type)[0].fact.data
    changes = {"requested_at": moment, "request": request, "after_acceptance": after}
    return fact_of(example.model_copy(update=changes))


def received(moment: datetime, request: int = 1, given: Promise | None = None) -> Fact[DossierSupplementReceivedV1]:
    example = examples_of(DossierSupplementReceivedV1.type)[0].fact.data
    changes = {"received_at": moment, "request": request, "promise": given or promise(moment)}
    return fact_of(example.model_copy(update=changes))


def completed(moment: datetime) -> Fact[DossierCompletedV1]:
    example = examples_of(DossierCompletedV1.type)[0].fact.data
    return fact_of(example.model_copy(update={"completed_at": moment}))


def desk_step(moment: datetime, step: str = "result-ready") -> Fact[DossierDeskStepRecordedV1]:
    example = examples_of(DossierDeskStepRecordedV1.type)[0].fact.data
    return fact_of(example.model_copy(update={"recorded_at": moment, "step": step}))


def refused(moment: datetime) -> Fact[DossierRefusedV1]:
    example = examples_of(DossierRefusedV1.type)[0].fact.data
    return fact_of(example.model_copy(update={"refused_at": moment}))


def stopped(moment: datetime) -> Fact[DossierStoppedV1]:
    example = examples_of(DossierStoppedV1.type)[1].fact.data
    return fact_of(example.model_copy(update={"stopped_at": moment}))


A_MINUTE = timedelta(minutes=1)
