"""Thời hạn của hồ sơ: the date, why it is this one, and what moved it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel

from hub_events.intake import StatedTerm
from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.problems import NOT_FOUND, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.sla.domain.check import explain
from services.sla.domain.clock import DossierClock, PromisedDate
from services.sla.handlers.ports import DeadlineQueries, DeadlineWish

Shown = Literal["running", "paused", "overdue", "stopped"]
Reader = Annotated[Caller, requires("deadlines:read")]


class Move(BaseModel):
    """One thing that happened to the clock. `request`: which supplement; `due_at`: the date that held from then."""

    what: Literal["started", "paused", "restarted", "missed", "completed", "refused"]
    at: datetime
    request: int | None = None
    due_at: datetime | None = None


class Deadline(BaseModel):
    """A dossier's clock in short."""

    dossier_id: UUID
    dossier_code: str | None
    procedure_code: str | None
    state: Shown
    due_at: datetime | None
    provisional: bool
    agrees: bool
    outcome: Literal["early", "on_time", "late", "no_term"] | None = None
    ended_by: str | None = None
    """What ended it: `completed`, `refused`, `stopped` (the applicant withdrew, or the desk stopped it)."""


class DeadlineInFull(Deadline):
    """With the reasons: what the date rests on, in words too, the clock's own check, and every move."""

    counted_from: datetime
    term: StatedTerm
    rule: str | None
    calendar: str | None
    hours: str | None
    set_by: Literal["rule", "officer"]
    warn_at: datetime | None
    computed_due_at: datetime | None
    difference: str | None
    explanation: list[str]
    history: list[Move]


def deadline_router(queries: DeadlineQueries, now: Callable[[], datetime]) -> Router:
    """GET /v1/deadlines and /v1/deadlines/{dossier_id}; scope `deadlines:read`. `now`: business time."""
    router = Router(tags=["deadlines"])

    @router.get("/v1/deadlines/{dossier_id}")
    async def show_deadline(dossier_id: UUID, caller: Reader) -> DeadlineInFull:
        """Thời hạn của một hồ sơ, with what explains it."""
        clock = await queries.one(dossier_id)
        if clock is None or clock.current is None or not caller.covers(clock.desk or ""):
            raise Problem(
                NOT_FOUND, "Không có thời hạn của hồ sơ này.", next_step="Kiểm tra mã hồ sơ; hồ sơ đã được tiếp nhận?"
            )
        return _in_full(clock, clock.current, now())

    @router.get("/v1/deadlines")
    async def list_deadlines(
        caller: Reader,
        state: Shown | None = None,
        differs: bool | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[Deadline]:
        """Danh sách thời hạn; `differs`: those where our date isn't the promised one."""
        moment = now()
        wish = DeadlineWish(state, differs, after_id(cursor), caller.codes)
        clocks = await queries.page(wish, moment, limit + 1)
        return page_of(clocks, limit, partial(_listed, now=moment), lambda clock: (str(clock.dossier_id),))

    return router


def _state(clock: DossierClock, date: PromisedDate, now: datetime) -> Shown:
    state = clock.state
    if state == "running":
        return "overdue" if date.is_late(now) else "running"
    return "paused" if state == "paused" else "stopped"


def _listed(clock: DossierClock, now: datetime) -> Deadline:
    assert clock.current is not None, "the list leaves out clocks that have not started"
    return _in_short(clock, clock.current, now)


def _in_short(clock: DossierClock, date: PromisedDate, now: datetime) -> Deadline:
    return Deadline(
        dossier_id=clock.dossier_id,
        dossier_code=clock.dossier_code,
        procedure_code=clock.procedure,
        state=_state(clock, date, now),
        due_at=date.promise.due_at,
        provisional=date.promise.provisional,
        agrees=date.check.agrees,
        outcome=clock.outcome,
        ended_by=clock.stop.cause if clock.stop else None,
    )


def _in_full(clock: DossierClock, date: PromisedDate, now: datetime) -> DeadlineInFull:
    promise = date.promise
    return DeadlineInFull(
        **_in_short(clock, date, now).model_dump(),
        counted_from=promise.counted_from,
        term=promise.term,
        rule=promise.rule,
        calendar=promise.calendar,
        hours=promise.hours,
        set_by=promise.set_by,
        warn_at=date.warn_at,
        computed_due_at=date.check.computed_due_at,
        difference=date.check.reason,
        explanation=list(explain(promise, restarted=date.request > 0)),
        history=_history(clock),
    )


def _history(clock: DossierClock) -> list[Move]:
    """Every move in the order of its time; `ended_by` alone tells of a stop: this list was published closed."""
    moves = [Move(what="paused", at=at, request=number) for number, at in clock.pauses.items()]
    for number, date in clock.dates.items():
        what: Literal["started", "restarted"] = "restarted" if number else "started"
        moves.append(Move(what=what, at=date.since, request=number or None, due_at=date.promise.due_at))
        if date.late_from is not None and date.missed_word in clock.said:
            moves.append(Move(what="missed", at=date.late_from, request=number or None, due_at=date.promise.due_at))
    if clock.stop is not None and clock.stop.cause != "stopped":
        moves.append(Move(what=clock.stop.cause, at=clock.stop.at))
    return sorted(moves, key=lambda move: move.at)
