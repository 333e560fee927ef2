"""/v1/transfers/{dossier_id}/legs/{leg}/…: what a person told an agency, or found out there, that no call could."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Query
from pydantic import BaseModel, ConfigDict

from hub_messaging.sealing import SealingKeys
from hub_web.credentials import requires
from hub_web.problems import NOT_FOUND, NOTHING_TO_SETTLE, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_web.waiting_work import Why
from services.routing.api.transfers import TransferView, within_area
from services.routing.domain.answers import AnswerRecall
from services.routing.domain.transfer import RecallAnswer
from services.routing.handlers.ports import TransferCommands, TransferQueries

log = structlog.get_logger(__name__)
FORM = "form"


class Found(BaseModel):
    """What the agency says: it has stopped, its decision exists, or it has no such dossier; and how one knows."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    answer: RecallAnswer
    why: Why


def recall_router(
    transfers: TransferQueries,
    commands: TransferCommands,
    now: Callable[[], datetime],
    keys: Callable[[], SealingKeys],
) -> Router:
    """With `lanes:manage`, within the caller's area."""
    router = Router(tags=["transfers"])

    @router.post("/v1/transfers/{dossier_id}/legs/{leg}/recall")
    async def enter_recall(
        caller: Annotated[Caller, requires("lanes:manage")], dossier_id: UUID, leg: str, found: Found
    ) -> TransferView:
        """Ghi kết quả thu hồi hồ sơ: for an agency that takes no such call, or whose answer a person settled."""
        within_area(caller, await transfers.find(dossier_id))
        sealed = keys().seal(FORM, dossier_id, {"why": found.why})
        answer = AnswerRecall(found.answer, now(), caller.subject, sealed)
        changed = await commands.enter_recall(dossier_id, leg, answer)
        if changed is None:
            raise Problem(
                NOTHING_TO_SETTLE,
                "Hồ sơ không dừng, hoặc cơ quan ở phần việc này không giữ hồ sơ.",
                next_step="Xem GET /v1/transfers/{dossier_id}.",
            )
        log.warning("recall_entered", dossier_id=str(dossier_id), leg=leg, answer=found.answer, by=caller.subject)
        return within_area(caller, changed)

    @router.post("/v1/transfers/{dossier_id}/legs/{leg}/corrections/told")
    async def corrections_told(
        caller: Annotated[Caller, requires("lanes:manage")],
        dossier_id: UUID,
        leg: str,
        up_to: Annotated[int | None, Query(ge=1)] = None,
    ) -> TransferView:
        """Đã báo cơ quan phần đính chính: those up to the number of `untold` that was told; later ones stay listed.

        Without `up_to` all corrections of the dossier so far. Repeating it changes nothing.
        """
        within_area(caller, await transfers.find(dossier_id))
        changed = await commands.told(dossier_id, leg, up_to)
        if changed is None:
            raise Problem(
                NOT_FOUND, "Hồ sơ không có phần việc này.", next_step="Xem legs ở GET /v1/transfers/{dossier_id}."
            )
        log.warning("corrections_told", dossier_id=str(dossier_id), leg=leg, by=caller.subject)
        return within_area(caller, changed)

    return router
