"""Lịch làm việc: the published versions that dates are counted by."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.pages import Page
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_worktime import load_calendar, published_calendars


class CalendarVersion(BaseModel):
    """One version. Dates that touch a year outside `official_years` are provisional."""

    id: str
    first: date
    last: date
    official_years: list[int]
    make_up_days: list[date]


def calendar_router() -> Router:
    """GET /v1/calendars; scope `deadlines:read`."""
    router = Router(tags=["calendars"])

    @router.get("/v1/calendars")
    async def list_calendars(_caller: Annotated[Caller, requires("deadlines:read")]) -> Page[CalendarVersion]:
        """All versions, oldest first within a code."""
        return Page(items=[_version(id) for id in published_calendars()])

    return router


def _version(id: str) -> CalendarVersion:
    calendar = load_calendar(id)
    return CalendarVersion(
        id=calendar.id,
        first=calendar.first,
        last=calendar.last,
        official_years=sorted(calendar.official_years),
        make_up_days=sorted(calendar.make_up_days),
    )
