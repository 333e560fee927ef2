"""Nhà cung cấp tin nhắn: what waits in each supplier's lane, and what a person must look at."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from hub_messaging.work import REFUSED, SET_ASIDE, UNKNOWN, Aside
from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_number, page_of
from hub_web.problems import NOT_FOUND, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_web.waiting_work import WorkView, work_page
from services.notify.handlers.ports import NoticeQueries, Sending

Reader = Annotated[Caller, requires("notices:read")]


class Supplier(BaseModel):
    """One supplier's lane. `set_aside`: refused, or set aside; `trouble`: why the last waiting one was not taken.

    `unknown`: messages that may or may not have been sent; only a supplier that is not `repeat_safe` has such.
    """

    supplier: str
    channel: str
    lane: str
    due: int
    set_aside: int
    unknown: int
    oldest_at: datetime | None
    trouble: str | None


class UnknownView(BaseModel):
    """A message that may or may not have been sent: ask the supplier, then POST …/settle of its notice."""

    dossier_id: UUID
    duty: str
    outcome: str
    attempts: int
    started_at: datetime | None


def supplier_router(queries: NoticeQueries, sendings: Sequence[Sending]) -> Router:
    """/v1/suppliers; scope `notices:read`, messages within the caller's desks."""
    router = Router(tags=["suppliers"])

    async def aside(caller: Caller, supplier: str, cursor: str | None, limit: int, *states: str) -> Sequence[Aside]:
        lane = next((sending.lane for sending in sendings if sending.supplier == supplier), None)
        if lane is None:
            raise Problem(NOT_FOUND, "Không có nhà cung cấp này.", next_step="Xem GET /v1/suppliers.")
        return await queries.aside(lane, after_number(cursor), caller.codes, limit + 1, states)

    @router.get("/v1/suppliers")
    async def list_suppliers(_caller: Reader) -> Page[Supplier]:
        """Nhà cung cấp dịch vụ tin nhắn: what waits with each, and why."""
        return Page(items=[await _state(queries, sending) for sending in sendings])

    @router.get("/v1/suppliers/{supplier}/unknown")
    async def list_unknown(
        caller: Reader, supplier: str, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[UnknownView]:
        """Tin nhắn chưa rõ kết quả: messages of the caller's desks without a known outcome, oldest first."""
        found = await aside(caller, supplier, cursor, limit, UNKNOWN)
        return page_of(found, limit, _of_unknown_outcome, lambda row: (row.seq,))

    @router.get("/v1/suppliers/{supplier}/work")
    async def list_work(
        caller: Reader, supplier: str, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[WorkView]:
        """Tin nhắn chờ người xử lý: messages of the caller's desks that wait for a person, oldest first."""
        found = await aside(caller, supplier, cursor, limit, REFUSED, SET_ASIDE, UNKNOWN)
        return work_page(found, limit)

    return router


def _of_unknown_outcome(row: Aside) -> UnknownView:
    return UnknownView.model_validate({**asdict(row), "duty": row.kind})


async def _state(queries: NoticeQueries, sending: Sending) -> Supplier:
    return Supplier(supplier=sending.supplier, channel="sms", **asdict(await queries.lane(sending.lane)))
