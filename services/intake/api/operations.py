"""Vận hành: what got stuck after its acceptance, for `hub stuck`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from hub_web.credentials import requires
from hub_web.cursors import decode_cursor, foreign_cursor
from hub_web.pages import USUAL_LIMIT, Limit, Page, page_of
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import StuckView, stuck_view
from services.intake.api.reading import Reading
from services.intake.domain.stuck import StuckDossier

Operator = Annotated[Caller, requires("operations")]
_START = (datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))


def operations_router(reading: Reading) -> Router:
    """Operators' lists."""
    router = Router(tags=["operations"])

    @router.get("/v1/intake/stuck")
    async def stuck(_caller: Operator, cursor: str | None = None, limit: Limit = USUAL_LIMIT) -> Page[StuckView]:
        """Hồ sơ đã tiếp nhận từ 5 phút trở lên mà chưa chuyển, chưa tính thời hạn hoặc chưa báo người nộp."""
        lines = await reading.stuck(_START if cursor is None else _after(cursor), limit + 1)
        return page_of(lines, limit, stuck_view, _place)

    return router


def _place(line: StuckDossier) -> tuple[str, str]:
    assert line.progress.watched_since is not None, "only what is watched can be stuck"
    return line.progress.watched_since.isoformat(), str(line.progress.dossier_id)


def _after(cursor: str) -> tuple[datetime, UUID]:
    since, dossier_id = decode_cursor(cursor, [str, str])
    try:
        return datetime.fromisoformat(str(since)), UUID(str(dossier_id))
    except ValueError:
        raise foreign_cursor() from None
