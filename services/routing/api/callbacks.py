"""POST /v1/callbacks/{agency_code}: what agencies say back, signed by Standard Webhooks, each message once."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import Body
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from hub_events.values import Moment, OfficerCode, Slug, Text
from hub_messaging.requests import KeyReused
from hub_messaging.sealing import SealingKeys
from hub_web.credentials import clocks_differ, signed_by
from hub_web.problems import INVALID_REQUEST, NOT_FOUND, Problem, problem_type
from hub_web.routes import RawBody, Router
from services.routing.domain.answers import (
    CLOCK_DIFFERENCE,
    Acknowledge,
    Answer,
    AnswerRecall,
    AskSupplement,
    Complete,
    RecordStep,
)
from services.routing.domain.endpoint import EndpointOf
from services.routing.domain.transfer import Asked, Outcome, RecallAnswer, Step
from services.routing.handlers.agency_answer import BeforeTheReceipt, TransferUnknown
from services.routing.handlers.ports import TransferCommands

log = structlog.get_logger(__name__)

CLOCKS_DIFFERED = Counter(
    "hub_callbacks_clocks_differ_total",
    "Callbacks to be sent again: 5 minutes off. One agency: its clock or time zone; all: the hub's own clock.",
    ["agency"],
)
FAR_AHEAD = timedelta(days=366)
"""Clocks come back wrong by days after a repair; what names another year is wrong content."""
FORM = "form"

WEBHOOK_ID_REUSED = problem_type("webhook-id-reused", 409, "webhook-id đã dùng cho nội dung khác", fault="agency")

ForeignNumber = Annotated[str, Field(min_length=1, max_length=100)]
Note = Annotated[str, Field(min_length=1, max_length=2000)]


class _Message(BaseModel):
    """What all callbacks say: which dossier and leg, and when (business time of the agency)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    dossier_id: UUID
    leg: Slug
    at: Moment
    foreign_number: ForeignNumber | None = None


class Acknowledged(_Message):
    """Cơ quan xác nhận tiếp nhận."""

    type: Literal["acknowledged"]

    def answer(self, _keys: SealingKeys) -> Answer:
        return Acknowledge(self.at, self.foreign_number)


class StepTaken(BaseModel):
    """Bước xử lý."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    code: Slug
    name: Text
    officer: OfficerCode | None = None


class StepReported(_Message):
    """Cập nhật tiến độ."""

    type: Literal["step"]
    step: StepTaken

    def answer(self, _keys: SealingKeys) -> Answer:
        return RecordStep(Step(self.step.code, self.step.name, self.step.officer, self.at))


class Item(BaseModel):
    """Giấy tờ cần bổ sung."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    code: Slug
    note: Note | None = None


class SupplementAsked(_Message):
    """Đề nghị bổ sung. What people wrote is sealed at once."""

    type: Literal["supplement_asked"]
    items: tuple[Item, ...] = Field(default=(), max_length=100)
    reason: Note | None = None

    def answer(self, keys: SealingKeys) -> Answer:
        notes = {item.code: item.note for item in self.items if item.note is not None}
        written = {"reason": self.reason, "notes": notes}
        sealed = keys.seal(FORM, self.dossier_id, written) if self.reason or notes else None
        return AskSupplement(Asked(self.at, tuple(sorted({item.code for item in self.items}))), sealed)


class Result(BaseModel):
    """Kết quả giải quyết."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    code: Literal["approved", "rejected"]
    number: ForeignNumber | None = None
    signed_at: Moment | None = None


class Completed(_Message):
    """Trả kết quả."""

    type: Literal["completed"]
    result: Result

    def answer(self, _keys: SealingKeys) -> Answer:
        return Complete(Outcome(self.result.code, self.result.number, self.at))


class CancellationAnswered(_Message):
    """Trả lời yêu cầu dừng giải quyết, when the agency didn't answer the call itself."""

    type: Literal["cancellation_answered"]
    outcome: RecallAnswer

    def answer(self, _keys: SealingKeys) -> Answer:
        return AnswerRecall(self.outcome, self.at)


Callback = Annotated[
    Acknowledged | StepReported | SupplementAsked | Completed | CancellationAnswered, Body(discriminator="type")
]


def callbacks_router(
    commands: TransferCommands,
    now: Callable[[], datetime],
    endpoint_of: EndpointOf,
    keys: Callable[[], SealingKeys],
) -> Router:
    """`now` is business time; secrets are those of the agency's endpoint."""
    router = Router(tags=["callbacks"])

    async def secrets_of(request: Request) -> Sequence[str]:
        endpoint = endpoint_of(request.path_params["agency_code"])
        return () if endpoint is None else endpoint.secrets

    def untimely(request: Request) -> Problem:
        agency_code = request.path_params["agency_code"]
        CLOCKS_DIFFERED.labels(agency_code).inc()
        log.warning("clocks_differ", agency=agency_code)
        return clocks_differ(request)

    @router.post("/v1/callbacks/{agency_code}", status_code=204)
    async def take_callback(
        message_id: Annotated[str, signed_by(secrets_of, untimely)],
        agency_code: str,
        callback: Callback,
        raw: RawBody,
        request: Request,
    ) -> Response:
        """204: taken, also when it was known. 404: no such dossier at this agency (yet): send it again later.

        503: the database is away, or the clocks differ (`webhook-timestamp`, or `at` ahead): send it again later,
        unchanged. 422: wrong content; `at` more than a year ahead, or a month before the receipt, too.
        """
        ahead = callback.at - now()
        if ahead > FAR_AHEAD:
            raise _wrong_at(
                "Thời điểm at ở sau giờ hiện tại hơn một năm.", "not-in-the-future", "at is ahead of the hub's clock"
            )
        if ahead > CLOCK_DIFFERENCE:
            raise untimely(request)
        answer = callback.answer(keys())
        try:
            await commands.answer(
                message_id, hashlib.sha256(raw).digest(), agency_code, callback.dossier_id, callback.leg, answer
            )
        except TransferUnknown:
            raise Problem(
                NOT_FOUND,
                "Hồ sơ này chưa được chuyển đến cơ quan, hoặc chưa ai đề nghị dừng.",
                next_step="Kiểm tra dossier_id, leg và type, gửi lại.",
            ) from None
        except BeforeTheReceipt:
            raise _wrong_at(
                "Thời điểm at ở trước lúc hồ sơ được nhận.", "before-the-receipt", "at is before received_at"
            ) from None
        except KeyReused:
            raise Problem(
                WEBHOOK_ID_REUSED,
                "Thông điệp khác đã mang webhook-id này.",
                next_step="Đặt webhook-id mới cho mỗi thông điệp.",
            ) from None
        return Response(status_code=204)

    return router


def _wrong_at(detail: str, rule: str, message: str) -> Problem:
    return Problem(
        INVALID_REQUEST,
        detail,
        next_step="Sửa at, rồi gửi lại với webhook-id mới.",
        errors=[{"field": "body.at", "rule": rule, "message": message}],
    )
