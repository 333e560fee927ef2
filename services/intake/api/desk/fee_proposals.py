"""Đề xuất phí, lệ phí qua HTTP: what the catalogue says for a dossier, and one request to ask it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_events.intake import Channel
from hub_web.credentials import requires
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.answers import RegisteredView
from services.intake.api.areas import in_area
from services.intake.api.desk.life import AtTheDesk
from services.intake.api.desk.life_bodies import LifeBody
from services.intake.api.desk.life_reading import LifeReading
from services.intake.api.reading import Reading
from services.intake.domain.desk.fee_proposals import FeeProposal, asked_as, proposals
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.procedures.published_procedure import Offer
from services.intake.handlers.desk.fees import AskProposedFee, ask_proposed_fee

Line = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,3}-[1-9][0-9]{0,3}$")]
_NOTHING = "Danh mục không có mức phí cho hồ sơ này. Nếu phải thu, cán bộ yêu cầu bằng POST /v1/dossiers/{id}/fees."
_CHOOSE = (
    "Chọn dòng đúng với người nộp rồi gửi POST /v1/dossiers/{id}/proposed-fees/{line}; dòng không có amount thì cán bộ "
    "tự xác định số tiền. Không thu thì không cần làm gì."
)


class OfferReading(Protocol):
    """The query port."""

    async def offers(self, code: str, version: int) -> tuple[Offer, ...]: ...


class ProposalBody(LifeBody):
    """Cán bộ yêu cầu nộp đúng mức mà danh mục nêu."""


class FeeProposalView(BaseModel):
    """Một dòng phí của danh mục. `amount` null: only its text is shown, `doubt` says why; `asked`: its fee's number."""

    line: str
    form: str
    case: str | None
    text: str
    purpose: str
    amount: int | None
    doubt: str | None
    asked: int | None


class ProposedFeesView(BaseModel):
    """Phí, lệ phí theo danh mục, for the dossier's channel and case in the version that it was received under."""

    dossier_id: UUID
    procedure_code: str
    procedure_version: int
    channel: Channel
    case: str | None
    items: Sequence[FeeProposalView]
    next_step: str


def fee_proposal_router(
    desk: AtTheDesk, reading: Reading, lives: LifeReading, published: OfferReading, now: Callable[[], datetime]
) -> Router:
    """Proposed fees: seen, and asked by an officer. `now` is business time."""
    router = Router(tags=["dossiers"])

    @router.get("/v1/dossiers/{dossier_id}/proposed-fees")
    async def see(dossier_id: UUID, caller: Annotated[Caller, requires("dossiers:read")]) -> ProposedFeesView:
        """Mức phí, lệ phí mà danh mục nêu cho hồ sơ; nothing is charged by looking."""
        dossier, _ = await in_area(reading, dossier_id, caller)
        offers = await published.offers(dossier.procedure.code, dossier.procedure.version)
        return _view(dossier, await lives.life_of(dossier_id), offers)

    @router.post("/v1/dossiers/{dossier_id}/proposed-fees/{line}", response_model=RegisteredView)
    async def ask(
        dossier_id: UUID,
        line: Line,
        wanted: ProposalBody,
        caller: Annotated[Caller, requires("dossiers:decide")],
        key: IdempotencyKey,
        body: RawBody,
    ) -> Response:
        """Yêu cầu nộp theo một dòng của danh mục, once."""
        dossier, _ = await in_area(reading, dossier_id, caller)
        offers = await published.offers(dossier.procedure.code, dossier.procedure.version)
        command = AskProposedFee(dossier_id, uuid7(), now(), wanted.officer, line, offers)
        return await desk.carry_out(
            lambda uow: ask_proposed_fee(command, uow),
            dossier_id,
            caller,
            action=f"proposed fee {line}",
            key=key,
            body=body,
        )

    return router


def _view(dossier: Dossier, life: Life | None, offers: Sequence[Offer]) -> ProposedFeesView:
    found = proposals(offers, dossier.channel, dossier.case)
    known = life or Life(dossier.id, dossier.desk.code)
    return ProposedFeesView(
        dossier_id=dossier.id,
        procedure_code=dossier.procedure.code,
        procedure_version=dossier.procedure.version,
        channel=dossier.channel,
        case=dossier.case,
        items=[_line(one, known) for one in found],
        next_step=_CHOOSE if found else _NOTHING,
    )


def _line(proposal: FeeProposal, life: Life) -> FeeProposalView:
    return FeeProposalView(**proposal._asdict(), asked=asked_as(proposal.line, life))
