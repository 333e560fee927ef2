"""Số liệu của kỳ qua HTTP: received, carried over, finished, open; early, on time, late."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Protocol

from fastapi import Query
from pydantic import BaseModel

from hub_events.values import AgencyCode
from hub_web.credentials import requires
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.books.period_days import moments
from services.intake.api.problems import no_such_desk
from services.intake.domain.books.period import Figures

Reader = Annotated[Caller, requires("dossiers:read")]


class Counts(Protocol):
    """Counts over the register."""

    async def of(self, begin: datetime, end: datetime, desks: Sequence[str] | None, now: datetime) -> Figures: ...


class FinishedView(BaseModel):
    """Đã giải quyết: early is before the day of the promised date."""

    early: int
    on_time: int
    late: int
    no_term: int


class OpenView(BaseModel):
    """Đang giải quyết at the end of the period, or now."""

    in_time: int
    late: int
    no_term: int


class PeriodView(BaseModel):
    """Số liệu của kỳ [begin, end], days included; accepted dossiers only."""

    begin: date
    end: date
    desk: str | None
    received: int
    carried_over: int
    finished: FinishedView
    open: OpenView


def period_figures_router(counts: Counts, now: Callable[[], datetime]) -> Router:
    """The figures of a period."""
    router = Router(tags=["figures"])

    @router.get("/v1/figures/dossiers")
    async def of_a_period(
        caller: Reader,
        begin: Annotated[date, Query(alias="from")],
        end: Annotated[date, Query(alias="to")],
        desk: AgencyCode | None = None,
    ) -> PeriodView:
        """Tình hình tiếp nhận, giải quyết trong kỳ, from and to included; of one desk, or of the caller's area."""
        first, last = moments(begin, end)
        if desk is not None and not caller.covers(desk):
            raise no_such_desk()
        whole = caller.codes
        figures = await counts.of(first, last, [desk] if desk is not None else whole, now())
        return _view(begin, end, desk, figures)

    return router


def _view(begin: date, end: date, desk: str | None, figures: Figures) -> PeriodView:
    return PeriodView(
        begin=begin,
        end=end,
        desk=desk,
        received=figures.received,
        carried_over=figures.carried_over,
        finished=FinishedView(
            early=figures.finished_early,
            on_time=figures.finished_on_time,
            late=figures.finished_late,
            no_term=figures.finished_no_term,
        ),
        open=OpenView(in_time=figures.open_in_time, late=figures.open_late, no_term=figures.open_no_term),
    )
