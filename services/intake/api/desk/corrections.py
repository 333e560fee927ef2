"""Đính chính hồ sơ qua HTTP."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_web.credentials import requires
from hub_web.pages import Page
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.answers import Local, RegisteredView
from services.intake.api.areas import desk_in_area
from services.intake.api.desk.life import AtTheDesk
from services.intake.api.desk.life_bodies import CorrectionBody
from services.intake.api.desk.life_reading import LifeReading
from services.intake.api.reading import Reading
from services.intake.handlers.desk.correct_dossier import CorrectDossier, correct_dossier
from services.intake.handlers.office import Office


class CorrectionView(BaseModel):
    """One correction; the values themselves are sealed."""

    number: int
    at: Local
    officer: str
    what: tuple[str, ...]


def correction_router(
    desk: AtTheDesk, reading: Reading, lives: LifeReading, office: Office, now: Callable[[], datetime]
) -> Router:
    """Corrections: made, and listed without what they changed."""
    router = Router(tags=["dossiers"])

    @router.post("/v1/dossiers/{dossier_id}/corrections", response_model=RegisteredView)
    async def correct(
        dossier_id: UUID,
        correction: CorrectionBody,
        caller: Annotated[Caller, requires("dossiers:decide")],
        key: IdempotencyKey,
        body: RawBody,
    ) -> Response:
        """Đính chính: old and new value, who, when and why are kept; the promised date doesn't move by itself."""
        command = CorrectDossier(dossier_id, uuid7(), now(), correction.officer, correction.reason, correction.right())
        return await desk.carry_out(
            lambda uow: correct_dossier(command, uow, office),
            dossier_id,
            caller,
            action="corrections",
            key=key,
            body=body,
        )

    @router.get("/v1/dossiers/{dossier_id}/corrections")
    async def corrections(
        dossier_id: UUID, caller: Annotated[Caller, requires("dossiers:read")]
    ) -> Page[CorrectionView]:
        """Các lần đính chính: who corrected what, when."""
        await desk_in_area(reading, dossier_id, caller)
        found = await lives.corrections(dossier_id)
        return Page(items=[CorrectionView.model_validate(one, from_attributes=True) for one in found])

    return router
