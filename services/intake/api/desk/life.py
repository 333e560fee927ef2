"""Vòng đời hồ sơ qua HTTP: withdraw, stop, steps, the result and its return, on the spot."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_web.credentials import requires
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.answers import RegisteredView
from services.intake.api.areas import hands_out, has_part, in_area, receives
from services.intake.api.commands import Command, Commands
from services.intake.api.desk.by_proxy import acting
from services.intake.api.desk.life_bodies import (
    DidBody,
    FeeBody,
    OnTheSpotBody,
    PaymentBody,
    ReadyBody,
    ReturnBody,
    StepBody,
    StopBody,
    WaiverBody,
    WithdrawalBody,
)
from services.intake.api.desk.life_reading import LifeReading
from services.intake.api.dossiers import acceptance_of
from services.intake.api.reading import Reading
from services.intake.domain.dossier import Dossier
from services.intake.domain.number_range import NumberRange
from services.intake.handlers.desk.desk_steps import RecordStep, record_step
from services.intake.handlers.desk.fees import AskFee, PayFee, WaiveFee, ask_fee, pay_fee, waive_fee
from services.intake.handlers.desk.finish_on_the_spot import Did, FinishOnTheSpot, finish_on_the_spot
from services.intake.handlers.desk.return_result import ResultReady, ReturnResult, result_ready, return_result
from services.intake.handlers.desk.stop_dossier import RequestWithdrawal, StopDossier, request_withdrawal, stop_dossier
from services.intake.handlers.office import Office
from services.intake.handlers.ports import DOSSIERS, NUMBERS

Area = Callable[[Reading, LifeReading, UUID, Caller], Awaitable[None]]
"""Whether the dossier lies in the caller's area for what is to be done. Raises Problem."""
Decider = Annotated[Caller, requires("dossiers:decide")]


class AtTheDesk:
    """Carries out a command about one dossier in the caller's area."""

    def __init__(self, commands: Commands, reading: Reading, lives: LifeReading) -> None:
        self._commands = commands
        self._reading = reading
        self._lives = lives

    async def carry_out(
        self,
        command: Command,
        dossier_id: UUID,
        caller: Caller,
        *,
        action: str,
        key: str,
        body: bytes,
        keys: dict[str, Iterable[Any]] | None = None,
        by: Area = receives,
    ) -> Response:
        """The dossier as it is then; `by`: which desk may do it. Raises Problem."""
        await by(self._reading, self._lives, dossier_id, caller)
        return await self._commands.carry_out(
            command,
            dossier_id=dossier_id,
            keys={DOSSIERS: (dossier_id,), **(keys or {})},
            caller=caller,
            route=f"{dossier_id} {action}",
            key=key,
            body=body,
        )


def life_router(desk: AtTheDesk, reading: Reading, office: Office, now: Callable[[], datetime]) -> Router:
    """What ends a dossier. `now` is business time."""
    router = Router(tags=["dossiers"])

    @router.post("/v1/dossiers/{dossier_id}/request-withdrawal", response_model=RegisteredView)
    async def ask_to_withdraw(
        dossier_id: UUID, wish: WithdrawalBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Công dân yêu cầu rút hồ sơ; possible while no decision exists. The desk checks, then stops it."""
        command = RequestWithdrawal(dossier_id, uuid7(), now(), wish.officer, wish.acted_by)
        run = acting(partial(request_withdrawal, command), "withdraw", wish, command, command.at, office)
        return await desk.carry_out(run, dossier_id, caller, action="request-withdrawal", key=key, body=body)

    @router.post("/v1/dossiers/{dossier_id}/stop", response_model=RegisteredView)
    async def stop(dossier_id: UUID, notice: StopBody, caller: Decider, key: IdempotencyKey, body: RawBody) -> Response:
        """Thông báo dừng giải quyết; agencies, clock and applicant hear of it. Not once a decision exists."""
        command = StopDossier(dossier_id, uuid7(), now(), notice.officer, notice.reason_code, notice.reason)
        return await desk.carry_out(
            lambda uow: stop_dossier(command, uow, office), dossier_id, caller, action="stop", key=key, body=body
        )

    @router.post("/v1/dossiers/{dossier_id}/steps", response_model=RegisteredView)
    async def step(dossier_id: UUID, done: StepBody, caller: Decider, key: IdempotencyKey, body: RawBody) -> Response:
        """Ghi nhận bước xử lý tại Bộ phận Một cửa: trình ký, đã ký …"""
        at = now()
        command = RecordStep(dossier_id, uuid7(), at, done.officer, done.step, done.at or at)
        return await desk.carry_out(
            lambda uow: record_step(command, uow), dossier_id, caller, action="steps", key=key, body=body
        )

    @router.post("/v1/dossiers/{dossier_id}/result-ready", response_model=RegisteredView)
    async def ready(
        dossier_id: UUID, result: ReadyBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Kết quả đã về Bộ phận Một cửa."""
        at = now()
        command = ResultReady(dossier_id, uuid7(), at, result.officer, result.at or at)
        return await desk.carry_out(
            lambda uow: result_ready(command, uow), dossier_id, caller, action="result-ready", key=key, body=body
        )

    @router.post("/v1/dossiers/{dossier_id}/return-result", response_model=RegisteredView)
    async def hand_back(
        dossier_id: UUID, handed: ReturnBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Trả kết quả cho người nộp; the dossier is closed."""
        at = now()
        command = ReturnResult(dossier_id, uuid7(), at, handed.officer, handed.at or at, handed.collected_by)
        hand_over = partial(return_result, command, office=office)
        run = acting(hand_over, "collect", handed, command, command.returned_at, office)
        return await desk.carry_out(run, dossier_id, caller, action="return-result", key=key, body=body, by=hands_out)

    @router.post("/v1/dossiers/{dossier_id}/finish-on-the-spot", response_model=RegisteredView)
    async def on_the_spot(
        dossier_id: UUID, spot: OnTheSpotBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Bốn tại chỗ: received, appraised, approved and returned at the desk; no agency hears of it."""
        dossier, _ = await in_area(reading, dossier_id, caller)
        command = _on_the_spot(dossier, spot, now())
        finish = partial(finish_on_the_spot, command, office=office)
        run = acting(finish, "collect", spot, command, command.returned.at, office)
        return await desk.carry_out(
            run,
            dossier_id,
            caller,
            action="finish-on-the-spot",
            key=key,
            body=body,
            keys={NUMBERS: (NumberRange.key_for(dossier.desk.code, command.counted_from),)},
        )

    return router


def fee_router(desk: AtTheDesk, now: Callable[[], datetime]) -> Router:
    """Phí, lệ phí."""
    router = Router(tags=["dossiers"])

    @router.post("/v1/dossiers/{dossier_id}/fees", response_model=RegisteredView)
    async def ask(dossier_id: UUID, fee: FeeBody, caller: Decider, key: IdempotencyKey, body: RawBody) -> Response:
        """Yêu cầu nộp phí, lệ phí, in đồng."""
        command = AskFee(dossier_id, uuid7(), now(), fee.officer, fee.purpose, fee.amount)
        return await desk.carry_out(
            lambda uow: ask_fee(command, uow), dossier_id, caller, action="fees", key=key, body=body
        )

    @router.post("/v1/dossiers/{dossier_id}/fees/{number}/payment", response_model=RegisteredView)
    async def pay(
        dossier_id: UUID, number: int, paid: PaymentBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Ghi nhận đã nộp; the same payment reference told twice is one payment."""
        at = now()
        command = PayFee(dossier_id, uuid7(), at, paid.officer, number, paid.at or at, paid.by, paid.reference)
        return await desk.carry_out(
            lambda uow: pay_fee(command, uow),
            dossier_id,
            caller,
            action=f"pay {number}",
            key=key,
            body=body,
            by=has_part,
        )

    @router.post("/v1/dossiers/{dossier_id}/fees/{number}/waiver", response_model=RegisteredView)
    async def waive(
        dossier_id: UUID, number: int, waiver: WaiverBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Miễn nộp, with the reason's code."""
        command = WaiveFee(dossier_id, uuid7(), now(), waiver.officer, number, waiver.reason_code)
        return await desk.carry_out(
            lambda uow: waive_fee(command, uow), dossier_id, caller, action=f"waive {number}", key=key, body=body
        )

    return router


def _on_the_spot(dossier: Dossier, spot: OnTheSpotBody, at: datetime) -> FinishOnTheSpot:
    def did(body: DidBody) -> Did:
        return Did(body.officer, body.at or at)

    appraised = did(spot.appraised)
    return FinishOnTheSpot(
        dossier_id=dossier.id,
        event_id=uuid7(),
        at=at,
        counted_from=dossier.counted_on_the_spot(appraised.at),
        acceptance=acceptance_of(spot.acceptance),
        appraised=appraised,
        approved=did(spot.approved),
        returned=did(spot.returned),
        collected_by=spot.collected_by,
    )
