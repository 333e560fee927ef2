"""Vận hành: what got stuck after its acceptance, for `hub stuck`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from hub_web.credentials import requires
from hub_web.cursors import decode_cursor, encode_cursor
from hub_web.problems import CURSOR_INVALID, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import StuckPage, stuck_view
from services.intake.api.reading import Reading

Operator = Annotated[Caller, requires("operations")]
_START = (datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))


def operations_router(reading: Reading) -> Router:
    """Operators' lists."""
    router = Router(tags=["operations"])

    @router.get("/v1/intake/stuck")
    async def stuck(
        _caller: Operator, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> StuckPage:
        """Hồ sơ đã tiếp nhận từ 5 phút trở lên mà chưa chuyển, chưa tính thời hạn hoặc chưa báo người nộp."""
        lines = await reading.stuck(_START if cursor is None else _place(cursor), limit + 1)
        items = lines[:limit]
        if len(lines) <= limit:
            return StuckPage(items=[stuck_view(line) for line in items])
        last = items[-1].progress
        assert last.watched_since is not None
        next_cursor = encode_cursor(last.watched_since.isoformat(), str(last.dossier_id))
        return StuckPage(items=[stuck_view(line) for line in items], next_cursor=next_cursor)

    return router


def _place(cursor: str) -> tuple[datetime, UUID]:
    since, dossier_id = decode_cursor(cursor, [str, str])
    try:
        return datetime.fromisoformat(str(since)), UUID(str(dossier_id))
    except ValueError:
        raise Problem(
            CURSOR_INVALID, "Con trỏ trang không do hệ thống này cấp.", next_step="Bỏ tham số con trỏ."
        ) from None
