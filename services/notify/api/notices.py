"""Thông báo đã gửi, chưa gửi được: what each dossier's applicant was told, and who could not be."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import structlog
from pydantic import BaseModel

from hub_events.notify import Duty
from hub_events.values import OfficerCode
from hub_messaging.outcomes import Sent
from hub_messaging.unknown import NotSent
from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.problems import NOT_FOUND, NOTHING_TO_REDO, NOTHING_TO_SETTLE, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_web.waiting_work import Settle
from services.notify.domain.notices import Notices, State, Told
from services.notify.handlers.ports import Messages, NoticeQueries, NoticeWish

log = structlog.get_logger(__name__)

Reader = Annotated[Caller, requires("notices:read")]
Manager = Annotated[Caller, requires("lanes:manage")]


class ToldOtherwise(BaseModel):
    """Đã báo bằng cách khác: which officer told the citizen, and how (`phone`, `counter`, `post`), if that was said."""

    officer: str | None
    how: str | None


class _HowItStands(BaseModel):
    occasion: int
    state: State
    ended_at: datetime | None = None
    reason: str | None = None
    attempts: int = 0
    supplier_reference: str | None = None
    told: ToldOtherwise | None = None


class Notice(_HowItStands):
    """One duty to inform. `sent`: the supplier took the message, which does not say that the citizen has it."""

    duty: Duty


class NewerNotice(_HowItStands):
    """A duty to inform that `notices`, published with a closed list of duties, can't name: `reappointed`, `stopped`."""

    duty: str


class DossierNotices(BaseModel):
    """All duties of one dossier."""

    dossier_id: UUID
    dossier_code: str | None
    due_at: datetime | None
    notices: list[Notice]
    newer: list[NewerNotice] = []


class SettleNotice(Settle):
    """What was found out about a message: whether the supplier took it, and how one knows.

    `again`: whether what it did not take is sent again; false: never, the citizen was told in another way, also of what
    was never sent. `officer`, `how`: who told them, and in which way.
    """

    officer: OfficerCode | None = None
    how: Literal["phone", "counter", "post"] | None = None


def notice_router(queries: NoticeQueries, messages: Messages, seal: Callable[[UUID, str], str]) -> Router:
    """/v1/notices: reads with `notices:read`, commands with `lanes:manage`, within the caller's desks."""
    router = Router(tags=["notices"])

    async def found(dossier_id: UUID, caller: Caller) -> Notices:
        notices = await queries.one(dossier_id)
        if notices is None or not caller.covers(notices.desk or ""):
            raise Problem(NOT_FOUND, "Không có thông báo nào cho hồ sơ này.", next_step="Kiểm tra mã hồ sơ.")
        return notices

    @router.get("/v1/notices/{dossier_id}")
    async def show_notices(dossier_id: UUID, caller: Reader) -> DossierNotices:
        """Các thông báo của một hồ sơ."""
        return _shown(await found(dossier_id, caller), None)

    @router.post("/v1/notices/{dossier_id}/{duty}/{occasion}/redo", status_code=202)
    async def redo_message(dossier_id: UUID, duty: str, occasion: int, caller: Manager) -> DossierNotices:
        """Báo lại: sends again what the supplier refused or what was set aside, under its old Idempotency-Key.

        Under a new one to a contact that is another by now, also of what reached nobody for want of a phone.
        """
        if not await messages.redo(await found(dossier_id, caller), f"{duty}:{occasion}", caller.subject):
            raise Problem(
                NOTHING_TO_REDO,
                "Thông báo này không ở trạng thái chờ người xử lý.",
                next_step="Xem GET /v1/notices/{dossier_id}.",
            )
        log.warning("message_redone", dossier_id=str(dossier_id), duty=duty, occasion=occasion, by=caller.subject)
        return _shown(await found(dossier_id, caller), None)

    @router.post("/v1/notices/{dossier_id}/{duty}/{occasion}/settle")
    async def settle_message(
        dossier_id: UUID, duty: str, occasion: int, caller: Manager, settle: SettleNotice
    ) -> DossierNotices:
        """Xác định kết quả gửi: decides a message that was refused or set aside, or whose outcome is unknown.

        Or says that a person told the citizen, also where no message could be sent.
        """
        notices, key = await found(dossier_id, caller), f"{duty}:{occasion}"
        if settle.sent or settle.again:
            what = Sent() if settle.sent else NotSent()
            settled = await messages.settle(notices, key, what, caller.subject, settle.why)
        else:
            told = Told(caller.subject, seal(dossier_id, settle.why), settle.officer, settle.how)
            settled = await messages.tell_otherwise(notices, key, told, settle.why)
        if not settled:
            raise Problem(
                NOTHING_TO_SETTLE,
                "Thông báo này không ở trạng thái chờ người xử lý.",
                next_step="Xem GET /v1/suppliers/{supplier}/work và GET /v1/notices?state=unreached.",
            )
        log.warning("message_settled", dossier_id=str(dossier_id), duty=duty, occasion=occasion, by=caller.subject)
        return _shown(await found(dossier_id, caller), None)

    @router.get("/v1/notices")
    async def list_notices(
        caller: Reader,
        state: State | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[DossierNotices]:
        """Dossiers, each with the notices asked for."""
        found = await queries.page(NoticeWish(state, after_id(cursor), caller.codes), limit + 1)
        return page_of(found, limit, partial(_shown, state=state), lambda notices: (str(notices.dossier_id),))

    return router


def _shown(notices: Notices, state: State | None) -> DossierNotices:
    wanted = notices.duties.values() if state is None else notices.in_state(state)
    return DossierNotices(
        dossier_id=notices.dossier_id,
        dossier_code=notices.dossier_code,
        due_at=notices.due_at,
        notices=[Notice.model_validate(duty, from_attributes=True) for duty in wanted if not duty.newer],
        newer=[NewerNotice.model_validate(duty, from_attributes=True) for duty in wanted if duty.newer],
    )
