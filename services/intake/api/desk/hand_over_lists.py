"""Danh sách bàn giao bản giấy, kết quả qua HTTP: made by the desk, signed by both sides, overdue ones listed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_events.values import AgencyCode, OfficerCode
from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.problems import Problem
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.answers import Local
from services.intake.api.areas import in_area
from services.intake.api.commands import Commands
from services.intake.api.desk.life_reading import LifeReading
from services.intake.api.problems import NOT_TO_HAND_OVER, no_such_desk, no_such_list
from services.intake.api.reading import Reading
from services.intake.domain.desk.hand_over_list import Carries, HandOverList, Side
from services.intake.domain.national_status import standing_of
from services.intake.handlers.desk.hand_over_lists import MakeList, SignList, make_list, sign_list
from services.intake.handlers.desk.send_results import can_send, sign_results
from services.intake.handlers.office import Office
from services.intake.handlers.ports import DOSSIERS, HAND_OVERS, LIVES, PROGRESS

Decider = Annotated[Caller, requires("dossiers:decide")]
Reader = Annotated[Caller, requires("dossiers:read")]


class HandOverReading(Protocol):
    """The query port."""

    async def find(self, list_id: UUID) -> HandOverList | None: ...
    async def page(
        self, after: UUID | None, most: int, *, offices: Sequence[str] | None, overdue_at: datetime | None
    ) -> Sequence[HandOverList]: ...


class ListBody(BaseModel):
    """Danh sách bàn giao: whose papers go to which agency; `carries` results: to which other desk (`agency_code`)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    officer: OfficerCode
    desk_code: AgencyCode
    agency_code: AgencyCode
    dossiers: list[UUID] = Field(min_length=1, max_length=200)
    carries: Carries = "originals"


class SignatureBody(BaseModel):
    """Ký bàn giao; the token's area must hold the desk, or the agency."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    officer: OfficerCode
    side: Side


class HandOverListView(BaseModel):
    """Due within one working day; open while a signature is missing."""

    id: UUID
    desk_code: str
    agency_code: str
    dossiers: tuple[UUID, ...]
    made_at: Local
    made_by: str
    due_at: Local
    open: bool
    desk_signed_at: Local | None
    desk_signed_by: str | None
    agency_signed_at: Local | None
    agency_signed_by: str | None
    carries: Carries


def hand_over_router(
    commands: Commands,
    reading: Reading,
    lives: LifeReading,
    lists: HandOverReading,
    office: Office,
    now: Callable[[], datetime],
) -> Router:
    """/v1/hand-over-lists. `now` is business time."""
    router = Router(tags=["hand-over-lists"])

    async def found(list_id: UUID, caller: Caller) -> HandOverList:
        made = await lists.find(list_id)
        if made is None or not (caller.covers(made.desk_code) or caller.covers(made.agency_code)):
            raise no_such_list()
        return made

    async def check(dossier_id: UUID, wanted: ListBody, caller: Caller) -> None:
        dossier, progress = await in_area(reading, dossier_id, caller)
        if dossier.desk.code != wanted.desk_code:
            raise _not_to_hand_over(dossier_id)
        if wanted.carries == "results":
            standing = standing_of(dossier, progress, await lives.life_of(dossier_id))
            if not can_send(standing, wanted.agency_code):
                raise _not_to_send(dossier_id)
        elif dossier.state != "accepted":
            raise _not_to_hand_over(dossier_id)

    @router.post("/v1/hand-over-lists", status_code=201, response_model=HandOverListView)
    async def make(wanted: ListBody, caller: Decider, key: IdempotencyKey, body: RawBody) -> Response:
        """Lập danh sách bàn giao: originals of accepted dossiers, or results that are wanted at another desk."""
        if not caller.covers(wanted.desk_code):
            raise no_such_desk()
        kept = await commands.repeated(caller=caller, route="hand-over-lists", key=key, body=body)
        if kept is not None:
            return kept
        dossiers = tuple(dict.fromkeys(wanted.dossiers))
        for dossier_id in dossiers:
            await check(dossier_id, wanted, caller)
        command = MakeList(
            uuid7(), wanted.desk_code, wanted.agency_code, dossiers, now(), wanted.officer, wanted.carries
        )
        return await commands.answer(
            lambda uow: _written(make_list(command, uow, office)),
            keys={},
            caller=caller,
            route="hand-over-lists",
            key=key,
            body=body,
            status=201,
        )

    @router.post("/v1/hand-over-lists/{list_id}/sign", response_model=HandOverListView)
    async def put_signature(
        list_id: UUID, signature: SignatureBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Ký danh sách bàn giao, each side once."""
        made = await found(list_id, caller)
        if not caller.covers(made.desk_code if signature.side == "desk" else made.agency_code):
            raise no_such_list()
        command = SignList(list_id, signature.side, now(), signature.officer)
        if made.carries == "results":
            sign, ids = partial(sign_results, command, office=office), made.dossiers
        else:
            sign, ids = partial(sign_list, command), ()
        return await commands.answer(
            lambda uow: _written(sign(uow)),
            keys={HAND_OVERS: (list_id,), DOSSIERS: ids, PROGRESS: ids, LIVES: ids},
            caller=caller,
            route=f"{list_id} sign",
            key=key,
            body=body,
        )

    @router.get("/v1/hand-over-lists/{list_id}")
    async def show(list_id: UUID, caller: Reader) -> HandOverListView:
        """Danh sách bàn giao."""
        return _view(await found(list_id, caller))

    @router.get("/v1/hand-over-lists")
    async def page(
        caller: Reader, overdue: bool = False, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[HandOverListView]:
        """Các danh sách bàn giao; `overdue`: past their working day without both signatures."""
        at = now() if overdue else None
        rows = await lists.page(after_id(cursor), limit + 1, offices=caller.codes, overdue_at=at)
        return page_of(rows, limit, _view, lambda made: (str(made.id),))

    return router


def _view(made: HandOverList) -> HandOverListView:
    return HandOverListView.model_validate(made, from_attributes=True)


def _written(made: HandOverList) -> bytes:
    return _view(made).model_dump_json().encode()


def _not_to_send(dossier_id: UUID) -> Problem:
    return Problem(
        NOT_TO_HAND_OVER,
        "Chỉ chuyển kết quả đang ở Bộ phận Một cửa này mà người nộp muốn nhận ở đúng nơi nhận danh sách.",
        next_step="Xem GET /v1/desks/{code}/results?where=to-send; bỏ hồ sơ này khỏi danh sách rồi gửi lại.",
        dossier_id=str(dossier_id),
    )


def _not_to_hand_over(dossier_id: UUID) -> Problem:
    return Problem(
        NOT_TO_HAND_OVER,
        "Chỉ bàn giao hồ sơ đã tiếp nhận của chính Bộ phận Một cửa này.",
        next_step="Bỏ hồ sơ này khỏi danh sách rồi gửi lại.",
        dossier_id=str(dossier_id),
    )
