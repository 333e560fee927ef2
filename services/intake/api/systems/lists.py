"""Danh sách hồ sơ qua HTTP: by filters and cursor, and how many. Only dossiers of desks in the caller's area."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Protocol
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from hub_events.intake import Channel
from hub_events.values import AgencyCode, DossierCode, ProcedureCode
from hub_web.credentials import requires
from hub_web.cursors import decode_cursor, encode_cursor, foreign_cursor
from hub_web.pages import USUAL_LIMIT, Limit, Page
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import DossierView, dossier_view
from services.intake.api.bodies import At
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.national_status import PublishedState, RegisterStatus, statuses
from services.intake.domain.progress import Progress
from services.intake.domain.systems.search import Count, Order, Place, Search, Span

Lister = Annotated[Caller, requires("dossiers:read")]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Filters(BaseModel):
    """What dossiers must fit, all of it. Spans are half open: `…_from` is in, `…_to` is not."""

    model_config = ConfigDict(hide_input_in_errors=True)

    code: DossierCode | None = None
    desk: AgencyCode | None = None
    procedure: ProcedureCode | None = None
    state: PublishedState | None = None
    national_status: Annotated[int, Field(ge=1, le=10)] | None = None
    channel: Channel | None = None
    agency: AgencyCode | None = None
    received_from: At | None = None
    received_to: At | None = None
    accepted_from: At | None = None
    accepted_to: At | None = None
    due_from: At | None = None
    due_to: At | None = None
    late: Literal["yes", "no"] | None = None

    def search(self, caller: Caller, as_of: datetime) -> Search:
        """The same for the register, within the caller's area."""
        return Search(
            desks=_desks(caller, self.desk),
            as_of=as_of,
            code=self.code,
            procedure=self.procedure,
            agency=self.agency,
            channel=self.channel,
            statuses=self._statuses(),
            received=Span(self.received_from, self.received_to),
            accepted=Span(self.accepted_from, self.accepted_to),
            due=Span(self.due_from, self.due_to),
            late=None if self.late is None else self.late == "yes",
        )

    def _statuses(self) -> frozenset[RegisterStatus] | None:
        if self.state is None and self.national_status is None:
            return None
        return statuses(
            lambda one: self.state in (None, one.state) and self.national_status in (None, one.national.code)
        )


class ListWish(Filters):
    """The same, as a list: `newest` received first, or what is under way by its `due` date, soonest first."""

    order: Order = "newest"
    cursor: str | None = None
    limit: Limit = USUAL_LIMIT


class CountView(BaseModel):
    """Số hồ sơ. `more`: counting stopped at `count`, there are at least so many."""

    count: int
    more: bool


class Lists(Protocol):
    """The query port of lists."""

    async def page(
        self, search: Search, order: Order, after: Place | None, limit: int
    ) -> tuple[list[tuple[Dossier, Progress, Life | None]], Place | None]: ...
    async def count(self, search: Search) -> Count: ...


def lists_router(lists: Lists, now: Callable[[], datetime]) -> Router:
    """Lists and counts. `now` is business time."""
    router = Router(tags=["dossiers"])

    @router.get("/v1/dossiers")
    async def find(wish: Annotated[ListWish, Query()], caller: Lister) -> Page[DossierView]:
        """Danh sách hồ sơ theo bộ lọc. A page may end before `limit`: only a `next_cursor` of null is the end."""
        after = None if wish.cursor is None else _place(wish.cursor, wish.order)
        search = wish.search(caller, now())
        if _is_nothing(search):
            return Page(items=[])
        found, following = await lists.page(search, wish.order, after, wish.limit)
        return Page(
            items=[dossier_view(*one) for one in found],
            next_cursor=None if following is None else _cursor(following, wish.order),
        )

    @router.get("/v1/dossiers/count")
    async def count(filters: Annotated[Filters, Query()], caller: Lister) -> CountView:
        """Số hồ sơ theo bộ lọc; `more` nói rằng còn nữa, chưa đếm hết."""
        search = filters.search(caller, now())
        found = Count(0, more=False) if _is_nothing(search) else await lists.count(search)
        return CountView(count=found.number, more=found.more)

    return router


def _desks(caller: Caller, wanted: str | None) -> tuple[str, ...] | None:
    if wanted is None:
        return None if caller.codes is None else tuple(caller.codes)
    return (wanted,) if caller.covers(wanted) else ()


def _is_nothing(search: Search) -> bool:
    """No dossier can fit: no desk in the area, or a state that never has the status asked for."""
    return search.desks == () or search.statuses == frozenset()


def _cursor(place: Place, order: Order) -> str:
    return encode_cursor(order, (place.at - _EPOCH) // timedelta(microseconds=1), str(place.dossier_id))


def _place(cursor: str, order: Order) -> Place:
    of_order, at, dossier_id = decode_cursor(cursor, [str, int, str])
    try:
        if of_order != order:
            raise ValueError("a cursor of the other order")
        return Place(_EPOCH + timedelta(microseconds=int(at)), UUID(str(dossier_id)))
    except (ValueError, OverflowError):
        raise foreign_cursor() from None
