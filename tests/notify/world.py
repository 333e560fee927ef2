"""The notify service without servers: real handlers on the real unit of work, rows as the table would keep them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import orjson

from hub_events.event import Envelope, Event, Fact
from hub_events.examples import examples_of
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierFormIssuedV1,
    DossierRefusedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
    DossierSupplementRequestedV1,
)
from hub_events.routing import DossierCompletedV1
from hub_events.sla import DeadlineMissedV1
from hub_events.topics import EVENTS
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.work import NewWork, WorkRow
from services.notify.bootstrap import handlers, settled
from services.notify.domain.notices import DutyToInform, Notices
from services.notify.handlers.ports import Sending
from services.notify.handlers.redo_message import Wish, redo_message
from services.notify.handlers.texts import TextTemplates
from services.notify.store.notices import NOTICES, from_row, to_row
from services.notify.store.unit_of_work import NotifyUnitOfWork

DOSSIER = UUID("01900000-0000-7000-8000-000000000001")
SEALED = "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn"
SEALED_ANEW = "eyJhbGciOiJkaXIifQ..aXY.bmV1.dGFn"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SENDING = Sending(TextTemplates(), "gateway")


@dataclass
class World:
    """Facts come in; the rows, the messages to be sent and what the service said are kept.

    `begun`: messages that the supplier may have, or that have ended; `taken_back`: those that are not to be sent.
    """

    sending: Sending = SENDING
    rows: dict[UUID, Any] = field(default_factory=dict)
    work: dict[UUID, NewWork] = field(default_factory=dict)
    told: dict[UUID, Event] = field(default_factory=dict)
    begun: set[UUID] = field(default_factory=set)
    taken_back: dict[UUID, NewWork] = field(default_factory=dict)

    def hear(self, *facts: Fact[Any]) -> None:
        """Each fact in a batch of its own; one that raises leaves nothing."""
        for fact in facts:
            self.hear_at_once(fact)

    def hear_at_once(self, *facts: Fact[Any]) -> None:
        """The facts in one batch."""
        by_event = {handler.event: handler.handle for handler in handlers(self.sending)}
        self._run(facts[0].dossier_id, *(partial(by_event[type(fact.data)], fact) for fact in facts))

    def settle(self, work_id: UUID, outcome: Sent | Refused, attempts: int = 1) -> None:
        """The supplier's final answer about one message."""
        self.begun.add(work_id)
        row = self._row(work_id, attempts - 1)
        self._run(row.dossier_id, settled(self.sending, row, outcome, attempts).run)

    def redo(self, work_id: UUID) -> list[tuple[UUID, str, str]]:
        """A person sends a message again that waits for one; what becomes of its row."""
        row = self._row(work_id, 1)
        wish = Wish(row.dossier_id, row.kind, "thử", "redo", False, NOW)
        uow = self._run(row.dossier_id, lambda uow: assert_true(redo_message(wish, row, uow, self.sending)))
        return [(decided.row.id, decided.state, decided.outcome) for decided in uow.work.decided]

    def _row(self, work_id: UUID, attempts: int) -> WorkRow:
        new = (self.work | self.taken_back)[work_id]
        return WorkRow(new.id, new.lane, new.dossier_id, new.kind, new.fact_at, NOW, attempts, 0, new.body)

    def take(self, kind: str) -> None:
        """The supplier takes the message of this kind."""
        self.settle(self.message(kind), Sent("GW-1"))

    def message(self, kind: str) -> UUID:
        """The message of this kind that stands."""
        (found,) = (work.id for work in self.work.values() if work.kind == kind and work.id not in self.begun)
        return found

    def notices(self, dossier_id: UUID = DOSSIER) -> Notices:
        return from_row(self.rows[dossier_id])

    def duty(self, key: str) -> DutyToInform:
        return self.notices().duties[key]

    def states(self) -> dict[str, str]:
        return {key: duty.state for key, duty in sorted(self.notices().duties.items())}

    def texts(self) -> list[str]:
        return [orjson.loads(work.body)["text"] for work in self.work.values()]

    def recipients(self) -> list[str]:
        """The sealed contacts that messages go to."""
        return [orjson.loads(work.body)["sealed_contact"] for work in self.work.values()]

    def references(self) -> list[str]:
        return [orjson.loads(work.body)["reference"].partition(":")[2] for work in self.work.values()]

    def said(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.told.values() if isinstance(event, kind)]

    def _run(self, dossier_id: UUID, *jobs: Callable[[NotifyUnitOfWork], None]) -> NotifyUnitOfWork:
        uow = NotifyUnitOfWork(NOW)
        if dossier_id in self.rows:
            uow.notices.put(dossier_id, from_row(self.rows[dossier_id]))
            uow.keep()
        waiting = (work for work in self.work.values() if work.id not in self.begun)
        uow.work.found({(work.dossier_id, work.kind): work.id for work in waiting})
        for job in jobs:
            job(uow)
            uow.keep()
        kept = uow.notices.get(dossier_id)
        if kept is not None:
            self.rows[dossier_id] = dict(zip(NOTICES.columns, to_row(kept), strict=True))
        for work_id in uow.work.taken_back:
            self.taken_back[work_id] = self.work.pop(work_id)
        for work in uow.work.kept:
            if work.id not in self.taken_back:
                self.work.setdefault(work.id, work)
        for record in uow.outbox.kept:
            self.told.setdefault(record.envelope.id, EVENTS[record.envelope.type].model_validate_json(record.body))
        return uow


def assert_true(said: bool) -> None:
    assert said


def at(text: str) -> datetime:
    """`02/03 17:00` of 2026 in Vietnam."""
    return datetime.strptime(f"2026 {text} +0700", "%Y %d/%m %H:%M %z").astimezone(UTC)


def fact_of(event: Event, *, minute: int = 0, id: UUID | None = None) -> Fact[Any]:
    moment = NOW.replace(minute=minute)
    return Fact(Envelope(id or uuid4(), event.type, "/hub/test", str(DOSSIER), moment, moment), event)


def _like(kind: type[Event], **changes: Any) -> Any:
    """The minimal published example with some fields changed."""
    return kind.model_validate({**examples_of(kind.type)[0].fact.data.model_dump(), **changes})


def contact(*channels: str) -> dict[str, Any]:
    return {"contact_channels": channels, "sealed_contact": SEALED if channels else None}


def accepted(
    *channels: str, due_at: datetime | None = None, name: str = "Đăng ký khai sinh", minute: int = 1
) -> Fact[DossierAcceptedV1]:
    example = examples_of(DossierAcceptedV1.type)[0].fact.data
    assert isinstance(example, DossierAcceptedV1)
    promise = example.promise.model_copy(update={"due_at": due_at})
    procedure = example.procedure.model_copy(update={"name": name})
    event = _like(
        DossierAcceptedV1,
        **contact(*channels),
        dossier_code="H26.15.01-260302-0001",
        promise=promise,
        procedure=procedure,
    )
    return fact_of(event, minute=minute)


def requested(*channels: str, request: int = 1, after: bool = True) -> Fact[DossierSupplementRequestedV1]:
    changes = {"request": request, "after_acceptance": after, "dossier_code": None, **contact(*channels)}
    return fact_of(_like(DossierSupplementRequestedV1, **changes), minute=2)


def refused(*channels: str) -> Fact[DossierRefusedV1]:
    return fact_of(_like(DossierRefusedV1, **contact(*channels)), minute=3)


def stopped(*channels: str, dossier_code: str | None = "H26.15.01-260302-0001") -> Fact[DossierStoppedV1]:
    return fact_of(_like(DossierStoppedV1, dossier_code=dossier_code, **contact(*channels)), minute=6)


def corrected(*channels: str) -> Fact[DossierCorrectedV1]:
    changed = {**contact(*channels), "sealed_contact": SEALED_ANEW if channels else None}
    return fact_of(_like(DossierCorrectedV1, what=("contact",), **changed), minute=7)


def letter(new_due_at: datetime | None, number: int = 1, request: int | None = 0) -> Fact[DossierFormIssuedV1]:
    """An apology letter, which puts off the date of `request`; without a new date some other form."""
    changes = {"new_due_at": new_due_at, "reappointment": number if new_due_at else None, "request": request}
    return fact_of(_like(DossierFormIssuedV1, **changes), minute=8)


def completed() -> Fact[DossierCompletedV1]:
    return fact_of(_like(DossierCompletedV1), minute=4)


def desk_step(step: str = "result-ready") -> Fact[DossierDeskStepRecordedV1]:
    return fact_of(_like(DossierDeskStepRecordedV1, step=step), minute=8)


def missed(due_at: datetime, request: int = 0, ended_at: datetime | None = None) -> Fact[DeadlineMissedV1]:
    when = {"due_at": due_at, "missed_at": due_at, "ended_at": ended_at}
    return fact_of(_like(DeadlineMissedV1, **when, request=request), minute=5)


def supplemented(request: int = 1, due_at: datetime | None = None) -> Fact[DossierSupplementReceivedV1]:
    """With `due_at` after acceptance: the date that was set anew."""
    promise = None if due_at is None else {**accepted().data.promise.model_dump(), "due_at": due_at}
    return fact_of(_like(DossierSupplementReceivedV1, request=request, promise=promise), minute=9)
