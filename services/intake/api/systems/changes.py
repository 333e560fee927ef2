"""Dòng thay đổi qua HTTP: what a system reads instead of asking for each dossier again and again."""

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Protocol
from uuid import UUID

import structlog
from fastapi import Query
from pydantic import BaseModel

from hub_messaging.database import UNAVAILABLE as NO_DATABASE
from hub_web.credentials import requires
from hub_web.cursors import decode_cursor, encode_cursor, foreign_cursor
from hub_web.pages import USUAL_LIMIT, Limit
from hub_web.problems import Problem, problem_type
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import Local
from services.intake.domain.national_status import NationalStatus, PublishedState
from services.intake.domain.systems.changes import Change, Changes, HistoryLost, Mark

HISTORY_LOST = problem_type("changes-history-lost", 410, "Con trỏ thuộc về dữ liệu không còn nữa", fault="hub")
LONGEST_WAIT = 25
LOOK_SECONDS = 0.2
NOW = "now"
_NONE = "-"
_HIGHEST = 2**63 - 1
log = structlog.get_logger(__name__)

Follower = Annotated[Caller, requires("dossiers:read")]
Wait = Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Đợi nhiều nhất bấy nhiêu giây khi chưa có gì mới.")]
After = Annotated[str | None, Query(description="next_cursor lần trước; `now`: từ bây giờ; bỏ trống: từ đầu.")]


class ChangeView(BaseModel):
    """Một thay đổi. `state` and `national_status` are of now; `cursor`: go on behind this one."""

    cursor: str
    dossier_id: UUID
    dossier_code: str | None
    type: str
    at: Local
    state: PublishedState
    national_status: NationalStatus


class ChangesView(BaseModel):
    """Các thay đổi. `next_cursor` is never null: ask on with it, at once when `more`."""

    items: list[ChangeView]
    next_cursor: str
    more: bool


class Feed(Protocol):
    """The query port of the feed."""

    async def newest(self) -> Mark: ...
    async def beginning(self) -> Mark: ...
    async def check(self, mark: Mark) -> None: ...
    async def after(self, mark: Mark, desks: Sequence[str] | None, limit: int) -> Changes: ...


class Watch:
    """Tells all who wait in this process of news: one look for everybody, and none while nobody waits."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._news = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def ticket(self) -> asyncio.Event:
        """Taken before a look at the register: news that come meanwhile are not missed."""
        return self._news

    async def news(self, ticket: asyncio.Event, seconds: float) -> bool:
        """True once something has changed since `ticket`; False after `seconds`, or when the process stops."""
        if self._closed:
            return False
        self._waiting += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                await ticket.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return not self._closed

    async def run(self) -> None:
        """The role that lets everybody go when the process stops."""
        try:
            await asyncio.Event().wait()
        finally:
            self._closed = True
            self._ring()

    async def _look(self) -> None:
        try:
            known = await self._feed.newest()
            self._ring()  # what came between a reader's own look and this one
            while self._waiting and not self._closed:
                await asyncio.sleep(LOOK_SECONDS)
                newest = await self._feed.newest()
                if newest != known:
                    known = newest
                    self._ring()
        except NO_DATABASE as trouble:  # each meets it by its own look
            log.info("changes_not_watched", trouble=type(trouble).__name__)
        finally:
            self._ring()

    def _ring(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def changes_router(feed: Feed, watch: Watch) -> Router:
    """The change feed."""
    router = Router(tags=["changes"])

    @router.get("/v1/changes")
    async def changes(caller: Follower, after: After = None, limit: Limit = USUAL_LIMIT, wait: Wait = 0) -> ChangesView:
        """Thay đổi của hồ sơ, theo thứ tự ghi nhận xong: nothing is skipped, nothing comes twice."""
        desks = caller.codes
        until = time.monotonic() + wait
        ticket = watch.ticket()
        found = await feed.after(await _mark(feed, after), desks, limit)
        while not found.found and not found.more and (left := until - time.monotonic()) > 0:
            if not await watch.news(ticket, left):
                break
            ticket = watch.ticket()
            found = await feed.after(found.mark, desks, limit)
        return ChangesView(
            items=[_view(change) for change in found.found], next_cursor=_cursor(found.mark), more=found.more
        )

    return router


async def _mark(feed: Feed, after: str | None) -> Mark:
    if after is None:
        return await feed.beginning()
    if after == NOW:
        return await feed.newest()
    mark = _decoded(after)
    try:
        await feed.check(mark)
    except HistoryLost:
        raise Problem(
            HISTORY_LOST,
            "Cơ sở dữ liệu đã được khôi phục hoặc chuyển máy chủ: không nối tiếp được từ con trỏ này.",
            next_step="Lấy con trỏ mới (after=now), đọc lại GET /v1/dossiers, rồi đọc tiếp từ con trỏ mới.",
        ) from None
    return mark


def _view(change: Change) -> ChangeView:
    return ChangeView(
        cursor=_cursor(change.mark),
        dossier_id=change.dossier_id,
        dossier_code=change.code,
        type=change.type,
        at=change.at,
        state=change.status.state,
        national_status=change.status.national,
    )


def _cursor(mark: Mark) -> str:
    return encode_cursor(mark.server, mark.tx, _NONE if mark.event_id is None else str(mark.event_id))


def _decoded(cursor: str) -> Mark:
    server, tx, event_id = decode_cursor(cursor, [int, int, str])
    try:
        if not 0 <= int(tx) <= _HIGHEST:
            raise ValueError("no transaction has this number")
        return Mark(int(server), int(tx), None if event_id == _NONE else UUID(str(event_id)))
    except ValueError:
        raise foreign_cursor() from None
