"""Hồ sơ có thể trùng: pointed out to the desks that have them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import SimilarView
from services.intake.api.desk.life_reading import LifeReading
from services.intake.domain.desk.duplicates import Similar


def similar_view(similar: Similar) -> SimilarView:
    """One of them."""
    return SimilarView.model_validate(similar, from_attributes=True)


def duplicate_router(lives: LifeReading, now: Callable[[], datetime]) -> Router:
    """/v1/possible-duplicates, within the caller's area."""
    router = Router(tags=["dossiers"])

    @router.get("/v1/possible-duplicates")
    async def duplicates(
        caller: Annotated[Caller, requires("dossiers:read")], cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[SimilarView]:
        """Hồ sơ nhận gần đây có thể trùng: same person, same procedure; each names the others when it is shown."""
        found = await lives.duplicates(now(), after_id(cursor), limit + 1, caller.codes)
        return page_of(found, limit, similar_view, lambda similar: (str(similar.dossier_id),))

    return router
