"""/v1/transfers: where dossiers are on their way to the agencies; retry after competence data were mended."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.problems import NOT_FOUND, Problem
from hub_web.routes import Router
from hub_web.tokens import All, Caller
from services.routing.domain.transfer import Leg, LegState, RecallAnswer, Transfer, TransferState
from services.routing.handlers.ports import TransferCommands, TransferQueries
from services.routing.handlers.route import NO_COMPETENT_AGENCY

Reader = Annotated[Caller, requires("transfers:read")]


class AgencyView(BaseModel):
    """Cơ quan giải quyết."""

    code: str
    name: str


class StepView(BaseModel):
    """Bước xử lý."""

    code: str
    name: str
    officer: str | None
    at: datetime


class AskedView(BaseModel):
    """Đề nghị bổ sung của cơ quan giải quyết."""

    at: datetime
    components: list[str]


class OutcomeView(BaseModel):
    """Kết quả giải quyết."""

    result: Literal["approved", "rejected"]
    number: str | None
    at: datetime


class RecallView(BaseModel):
    """Thu hồi. `asked_at` null: the agency takes no such call, or hasn't been asked. `by`: who entered the answer."""

    asked_at: datetime | None
    answer: RecallAnswer | None
    answered_at: datetime | None
    by: str | None


class UnplacedView(BaseModel):
    """Chưa xác định được cơ quan có thẩm quyền: since when, why, and what to do about it."""

    since: datetime
    reason: str
    next_step: str


class LegView(BaseModel):
    """One agency's part. `conflicts`: later results that contradict `outcome`."""

    leg: str
    role: Literal["lead", "cooperating"]
    order: int
    agency_kind: str
    agency: AgencyView | None
    state: LegState
    handed_over_at: datetime | None
    refused_at: datetime | None
    refused_reason: str | None
    foreign_number: str | None
    acknowledged_at: datetime | None
    steps: list[StepView]
    asked: list[AskedView]
    outcome: OutcomeView | None
    conflicts: list[OutcomeView]
    recall: RecallView
    untold: list[int]
    """Corrections that a person must tell the agency of."""
    unplaced: UnplacedView | None = None
    """Nobody is competent for it: of a leading leg, the dossier is held whole; else the other legs go their way."""


class TransferView(BaseModel):
    """Chuyển hồ sơ. `unknown`: something was read about it, its acceptance not yet. `routing_failed`: a leg has no
    agency, whatever the others have come to, unless the dossier was stopped or done by hand.
    """

    dossier_id: UUID
    dossier_code: str | None
    procedure_code: str | None
    territory: str | None
    state: TransferState
    routed_at: datetime | None
    failed_leg: str | None
    failed_at: datetime | None
    supplements: list[int]
    contradicted: bool
    stopped_at: datetime | None = None
    done_at: datetime | None = None
    """The result was at the desk before every agency that decides had the dossier: nobody else gets it."""
    to_recall: bool = False
    """Stopped, and an agency that has it hasn't agreed: its leg's `recall` says how far that is."""
    to_correct: bool = False
    """Corrected, and an agency that has it took no call about it: `untold` of its leg."""
    legs: list[LegView]


def transfers_router(transfers: TransferQueries, commands: TransferCommands) -> Router:
    """Reads with `transfers:read`, within the caller's area; retry with `lanes:manage`."""
    router = Router(tags=["transfers"])

    @router.get("/v1/transfers")
    async def list_transfers(
        caller: Reader,
        state: TransferState | None = None,
        contradicted: bool = False,
        to_recall: bool = False,
        to_correct: bool = False,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[TransferView]:
        """Danh sách hồ sơ được chuyển; `contradicted`: those where an agency's answers contradict each other;
        `to_recall`: those that the desk stopped while an agency has them; `to_correct`: those that an agency doesn't
        know to be corrected."""
        area = caller.codes
        found = await transfers.page(
            after_id(cursor),
            limit + 1,
            state=state,
            contradicted=contradicted,
            to_recall=to_recall,
            to_correct=to_correct,
            offices=area,
        )
        return page_of(found, limit, view_of, lambda transfer: (str(transfer.dossier_id),))

    @router.get("/v1/transfers/{dossier_id}")
    async def show_transfer(caller: Reader, dossier_id: UUID) -> TransferView:
        """Hồ sơ được chuyển đến đâu, và cơ quan đã trả lời gì."""
        return within_area(caller, await transfers.find(dossier_id))

    @router.post("/v1/transfers/{dossier_id}/retry")
    async def retry_transfer(caller: Annotated[Caller, requires("lanes:manage")], dossier_id: UUID) -> TransferView:
        """Asks the competence table again, or tells agencies that take the call by now to stop; else it is answered
        as it is."""
        within_area(caller, await transfers.find(dossier_id))
        return within_area(caller, await commands.retry(dossier_id))

    return router


def view_of(transfer: Transfer) -> TransferView:
    """What people see of a transfer; nothing in it is personal."""
    plan = transfer.plan
    return TransferView(
        dossier_id=transfer.dossier_id,
        dossier_code=plan and plan.dossier_code,
        procedure_code=plan and plan.procedure_code,
        territory=plan and plan.territory,
        state=transfer.state,
        routed_at=transfer.routed_at,
        failed_leg=transfer.failed_leg,
        failed_at=transfer.failed_at,
        supplements=list(transfer.supplements),
        contradicted=transfer.contradicted,
        stopped_at=transfer.stopped_at,
        done_at=transfer.done_at,
        to_recall=transfer.to_recall,
        to_correct=transfer.to_correct,
        legs=[_leg_view(leg, transfer) for leg in transfer.legs],
    )


def _leg_view(leg: Leg, transfer: Transfer) -> LegView:
    shown = LegView.model_validate(leg, from_attributes=True)
    if leg in transfer.unplaced and transfer.plan and transfer.failed_at:
        shown.unplaced = UnplacedView(
            since=transfer.failed_at,
            reason=NO_COMPETENT_AGENCY,
            next_step=f"Thêm quy tắc cho loại cơ quan {leg.agency_kind} tại địa bàn {transfer.plan.territory} vào "
            "competence.json: phần việc này được chuyển đi trong vài giây.",
        )
    return shown


def within_area(caller: Caller, transfer: Transfer | None) -> TransferView:
    """The transfer as it is shown. Raises Problem `not-found` outside the caller's area."""
    if transfer is None or not (isinstance(caller.area, All) or any(map(caller.covers, transfer.offices))):
        raise Problem(NOT_FOUND, "Không có hồ sơ này trong phạm vi của bạn.", next_step="Kiểm tra mã hồ sơ.")
    return view_of(transfer)
