"""Hồ sơ nhập sau ngày nhận: listed, above all those for which nobody said why."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import Local
from services.intake.api.desk.life_reading import LifeReading
from services.intake.domain.desk.late_entry import LateEntry

Reader = Annotated[Caller, requires("dossiers:read")]


class LateEntryView(BaseModel):
    """`reason` None: nobody said why. What was noted besides is sealed."""

    dossier_id: UUID
    desk_code: str
    received_at: Local
    entered_at: Local
    officer: str | None
    reason: str | None


def late_entry_router(lives: LifeReading) -> Router:
    """/v1/late-entries, within the caller's area."""
    router = Router(tags=["late-entries"])

    @router.get("/v1/late-entries")
    async def late_entries(
        caller: Reader, unexplained: bool = True, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[LateEntryView]:
        """Hồ sơ nhập sau ngày làm việc đã nhận; `unexplained` false: those with a reason too."""
        desks = caller.codes
        found = await lives.late_entries(after_id(cursor), limit + 1, unexplained=unexplained, desks=desks)
        return page_of(found, limit, _view, lambda entry: (str(entry.dossier_id),))

    return router


def _view(entry: LateEntry) -> LateEntryView:
    return LateEntryView.model_validate(entry, from_attributes=True)
