"""Kết quả chờ trả qua HTTP: a desk's own list of what it hands out, expects and has to send on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_events.values import AgencyCode
from hub_web.credentials import requires
from hub_web.cursors import decode_cursor, foreign_cursor
from hub_web.pages import USUAL_LIMIT, Limit, Page, page_of
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from hub_worktime import Calendar
from services.intake.api.answers import Local, RegisteredView
from services.intake.api.bodies import ResultWish
from services.intake.api.desk.life import AtTheDesk
from services.intake.api.desk.life_bodies import LifeBody
from services.intake.api.dossiers import result_place
from services.intake.api.problems import no_such_desk
from services.intake.domain.citizen.promise_words import working_days_late
from services.intake.domain.desk.results import WaitingResult, Where, uncollected_since
from services.intake.domain.dossier import Dossier
from services.intake.handlers.desk.change_result_place import ChangeResultPlace, change_result_place
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork

MOST_DAYS = 250
Place = tuple[datetime, UUID]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ResultReading(Protocol):
    """The query port."""

    async def waiting(
        self, desk: str, where: Where, after: Place | None, before: datetime | None, most: int
    ) -> list[WaitingResult]: ...


class WaitingResultView(BaseModel):
    """Kết quả chờ trả. `how`: as the citizen asked, null: nothing was said, so at the receiving desk.

    `since`: when it came to the desk that has it, or the agency finished; `waited`: working days since then, null
    outside the calendar; `fees_due`: đồng that the citizen still has to pay.
    """

    dossier_id: UUID
    dossier_code: str
    procedure_code: str
    procedure_name: str
    received_by: str
    how: str | None
    result_desk: str | None
    completed_at: Local
    since: Local
    sent_at: Local | None
    waited: int | None
    fees_due: int


class ResultPlaceBody(LifeBody):
    """Nơi, cách nhận kết quả từ nay; `officer` writes it down."""

    result: ResultWish


def result_router(desk: AtTheDesk, results: ResultReading, office: Office, now: Callable[[], datetime]) -> Router:
    """/v1/desks/{code}/results, and where a result is wanted. `now` is business time."""
    router = Router(tags=["results"])
    calendar = office.calendar

    @router.post("/v1/dossiers/{dossier_id}/result-place", response_model=RegisteredView)
    async def change_place(
        dossier_id: UUID,
        wish: ResultPlaceBody,
        caller: Annotated[Caller, requires("dossiers:decide")],
        key: IdempotencyKey,
        body: RawBody,
    ) -> Response:
        """Đổi nơi, cách nhận kết quả, khi kết quả chưa rời nơi tiếp nhận."""
        at, address = now(), wish.result.address

        def change(uow: IntakeWork) -> Dossier:
            place = result_place(wish.result)
            return change_result_place(
                ChangeResultPlace(dossier_id, event_id, at, wish.officer, place, address), uow, office
            )

        event_id = uuid7()
        return await desk.carry_out(change, dossier_id, caller, action="result-place", key=key, body=body)

    @router.get("/v1/desks/{code}/results")
    async def waiting(
        code: AgencyCode,
        caller: Annotated[Caller, requires("dossiers:read")],
        where: Where = "here",
        uncollected_for: Annotated[int | None, Query(ge=0, le=MOST_DAYS)] = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[WaitingResultView]:
        """Kết quả chờ trả tại Bộ phận Một cửa, có kết quả trước đứng trước.

        `where`: `here` to hand out, own ones and those received from other desks; `coming` from other desks; `to-send`
        to the desk where the citizen wants it. `uncollected_for`: only those that wait for more working days than that.
        """
        if not caller.covers(code):
            raise no_such_desk()
        at, before = now(), None
        if uncollected_for is not None:
            before = uncollected_since(at, uncollected_for, calendar)
            if before is None:
                return Page(items=[])
        found = await results.waiting(code, where, _after(cursor), before, limit + 1)
        return page_of(found, limit, lambda one: _view(one, at, calendar), _place)

    return router


def _after(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    at, dossier_id = decode_cursor(cursor, [int, str])
    try:
        return _EPOCH + timedelta(microseconds=int(at)), UUID(str(dossier_id))
    except (ValueError, OverflowError):
        raise foreign_cursor() from None


def _place(one: WaitingResult) -> tuple[int, str]:
    return (one.completed_at - _EPOCH) // timedelta(microseconds=1), str(one.dossier_id)


def _view(one: WaitingResult, at: datetime, calendar: Calendar) -> WaitingResultView:
    fields = one._asdict()
    return WaitingResultView(how=fields.pop("result_by"), waited=working_days_late(one.since, at, calendar), **fields)
