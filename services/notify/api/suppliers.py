"""Nhà cung cấp tin nhắn: what waits in each supplier's lane, and what a person must look at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.pages import Page
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.notify.handlers.ports import NoticeQueries, Sending


class Supplier(BaseModel):
    """One supplier's lane. `set_aside`: what waits for a person; `trouble`: why the last waiting one was not taken."""

    supplier: str
    channel: str
    lane: str
    due: int
    set_aside: int
    oldest_at: datetime | None
    trouble: str | None


def supplier_router(queries: NoticeQueries, sendings: Sequence[Sending]) -> Router:
    """GET /v1/suppliers; scope `notices:read`."""
    router = Router(tags=["suppliers"])

    @router.get("/v1/suppliers")
    async def list_suppliers(_caller: Annotated[Caller, requires("notices:read")]) -> Page[Supplier]:
        return Page(items=[await _state(queries, sending) for sending in sendings])

    return router


async def _state(queries: NoticeQueries, sending: Sending) -> Supplier:
    state = await queries.lane(sending.lane)
    return Supplier(
        supplier=sending.supplier,
        channel="sms",
        lane=state.lane,
        due=state.due,
        set_aside=state.set_aside,
        oldest_at=state.oldest_at,
        trouble=state.trouble,
    )
