"""Bãi bỏ thủ tục qua HTTP: proposed by one person, in effect when a second one approves; rejected; taken back."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_events.values import ProcedureCode
from hub_messaging.jobs import Job
from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_id, page_of
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import EVERYWHERE, Caller
from services.intake.api.answers import Local
from services.intake.api.bodies import Day, Line
from services.intake.api.commands import once_for_its_key, repeated
from services.intake.api.procedures.catalogue_reading import CatalogueReading
from services.intake.api.procedures.withdrawal_problems import no_such_withdrawal, problem_of
from services.intake.api.reference.reference_imports import Approver, Editor, WhyNot
from services.intake.api.reference.reference_problems import not_everywhere
from services.intake.domain.procedures.withdrawal import State, SuccessorUnsound, Withdrawal
from services.intake.domain.refusals import UnknownProcedure
from services.intake.handlers.live_catalogue import LiveCatalogue
from services.intake.handlers.ports import Seals
from services.intake.handlers.procedures.publishing import WITHDRAWALS, PublishingWork
from services.intake.handlers.procedures.withdraw_procedure import (
    WithdrawalDecision,
    approve_withdrawal,
    propose_withdrawal,
    reject_withdrawal,
    take_back_withdrawal,
)

Reader = Annotated[Caller, requires("dossiers:read")]
Change = Callable[[PublishingWork], Withdrawal]


class WithdrawalSent(BaseModel):
    """Đề nghị bãi bỏ. `effective_on`: the first day without the procedure, today at the earliest."""

    model_config = ConfigDict(extra="forbid")

    code: ProcedureCode
    decision: Line
    effective_on: Day
    successor_code: ProcedureCode | None = None


class WithdrawalView(BaseModel):
    """Một đề nghị bãi bỏ. `why`: why it was rejected or taken back, where one proposal is shown."""

    id: UUID
    code: str
    decision: str
    effective_on: date
    successor_code: str | None
    state: State
    proposed_by: str
    proposed_at: Local
    decided_by: str | None
    decided_at: Local | None
    taken_back_by: str | None
    taken_back_at: Local | None
    why: str | None = None


class Withdrawals:
    """Carries out what is decided about procedures' ends."""

    def __init__(
        self,
        runs: Callable[[Job[Any, Any]], Awaitable[Any]],
        reading: CatalogueReading,
        catalogue: LiveCatalogue,
        find: Callable[[str, int | None], Awaitable[bool]],
        seals: Seals,
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self.reading = reading
        self.seals = seals
        self._runs = runs
        self._catalogue = catalogue
        self._find = find
        self._refresh = refresh

    async def check(self, sent: WithdrawalSent) -> None:
        """Raises Problem for a procedure that isn't published, and for a successor that can't be one."""
        try:
            await self._known(sent.code)
            if sent.successor_code is not None:
                await self._check_successor(sent, sent.successor_code)
        except (UnknownProcedure, SuccessorUnsound) as refusal:
            raise problem_of(refusal) or refusal from None

    async def _check_successor(self, sent: WithdrawalSent, successor: str) -> None:
        if successor == sent.code:
            raise SuccessorUnsound
        try:
            await self._known(successor)
            ending = self._catalogue.ending_of(self._catalogue.newest(successor).ref)
        except UnknownProcedure:
            raise SuccessorUnsound from None
        if ending is not None:
            raise SuccessorUnsound

    async def _known(self, code: str) -> None:
        if not self._catalogue.knows(code) and not await self._find(code, None):
            raise UnknownProcedure(code)

    async def found(self, withdrawal_id: UUID) -> Withdrawal:
        """Raises Problem `not-found`."""
        found = await self.reading.withdrawal(withdrawal_id)
        if found is None:
            raise no_such_withdrawal()
        return found

    async def decision(self, withdrawal_id: UUID, caller: Caller) -> WithdrawalDecision:
        """What is decided about. Raises Problem."""
        _check_area(caller)
        found = await self.found(withdrawal_id)
        return WithdrawalDecision(found.id, found.code, caller.subject, self._catalogue.packaged)

    async def repeated(self, caller: Caller, route: str, key: str, body: bytes) -> Response | None:
        """The kept answer for a repeat, before checks that it may not pass any more. Raises Problem."""
        return await repeated(self._runs, caller=caller, route=route, key=key, body=body, problems=problem_of)

    async def out(
        self, change: Change, keys: Any, caller: Caller, route: str, key: str, body: bytes, status: int = 200
    ) -> Response:
        """The answer, committed; known to this process when it is given. Raises Problem."""
        answered = await once_for_its_key(
            self._runs,
            lambda uow: withdrawal_view(change(uow)).model_dump_json().encode(),
            keys=keys,
            caller=caller,
            route=route,
            key=key,
            body=body,
            status=status,
            problems=problem_of,
        )
        await self._refresh()
        return answered


def withdrawal_router(withdrawals: Withdrawals, now: Callable[[], datetime]) -> Router:
    """What ends a published procedure. Nothing takes effect before a second person approves it."""
    router = Router(tags=["catalogue"])
    reading, seals = withdrawals.reading, withdrawals.seals

    @router.post("/v1/catalogue/withdrawals", status_code=201, response_model=WithdrawalView)
    async def propose(sent: WithdrawalSent, caller: Editor, key: IdempotencyKey, body: RawBody) -> Response:
        """Đề nghị bãi bỏ một thủ tục từ một ngày (hôm nay hoặc sau), theo quyết định; chưa có hiệu lực."""
        _check_area(caller)
        kept = await withdrawals.repeated(caller, "withdrawal", key, body)
        if kept is not None:
            return kept
        await withdrawals.check(sent)
        proposal = Withdrawal(
            id=uuid7(),
            code=sent.code,
            decision=sent.decision,
            effective_on=sent.effective_on,
            successor=sent.successor_code,
            state="proposed",
            proposed_by=caller.subject,
            proposed_at=now(),
        )
        keys = {WITHDRAWALS: (proposal.id,)}
        return await withdrawals.out(
            lambda uow: propose_withdrawal(proposal, uow), keys, caller, "withdrawal", key, body, 201
        )

    @router.post("/v1/catalogue/withdrawals/{withdrawal_id}/approve", response_model=WithdrawalView)
    async def approve(withdrawal_id: UUID, caller: Approver, key: IdempotencyKey, body: RawBody) -> Response:
        """Duyệt, bởi người khác người đề nghị: từ ngày nêu trong đề nghị không nhận hồ sơ mới của thủ tục."""
        decision = await withdrawals.decision(withdrawal_id, caller)
        route = f"approve withdrawal {withdrawal_id}"
        return await withdrawals.out(
            lambda uow: approve_withdrawal(decision, uow), decision.keys(), caller, route, key, body
        )

    @router.post("/v1/catalogue/withdrawals/{withdrawal_id}/reject", response_model=WithdrawalView)
    async def reject(
        withdrawal_id: UUID, why: WhyNot, caller: Approver, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Từ chối đề nghị, kèm lý do."""
        decision = await withdrawals.decision(withdrawal_id, caller)
        route = f"reject withdrawal {withdrawal_id}"
        return await withdrawals.out(
            lambda uow: reject_withdrawal(decision, why.why, uow, seals), decision.keys(), caller, route, key, body
        )

    @router.post("/v1/catalogue/withdrawals/{withdrawal_id}/take-back", response_model=WithdrawalView)
    async def take_back(
        withdrawal_id: UUID, why: WhyNot, caller: Approver, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Hủy việc bãi bỏ đã duyệt nhầm, kèm lý do: thủ tục lại nhận hồ sơ."""
        decision = await withdrawals.decision(withdrawal_id, caller)
        route = f"take back withdrawal {withdrawal_id}"
        return await withdrawals.out(
            lambda uow: take_back_withdrawal(decision, why.why, uow, seals), decision.keys(), caller, route, key, body
        )

    @router.get("/v1/catalogue/withdrawals")
    async def list_withdrawals(
        _caller: Reader,
        code: Annotated[str | None, Query(max_length=40)] = None,
        state: State | None = None,
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[WithdrawalView]:
        """Các đề nghị bãi bỏ, mới nhất trước."""
        found = await reading.withdrawals(code, state, after_id(cursor), limit + 1)
        return page_of(found, limit, withdrawal_view, lambda one: (str(one.id),))

    @router.get("/v1/catalogue/withdrawals/{withdrawal_id}")
    async def show_withdrawal(withdrawal_id: UUID, caller: Editor) -> WithdrawalView:
        """Một đề nghị bãi bỏ: ai đề nghị, ai quyết định, vì sao."""
        _check_area(caller)
        found = await withdrawals.found(withdrawal_id)
        why = None if found.sealed_why is None else seals.open("form", found.id, found.sealed_why)
        return withdrawal_view(found).model_copy(update={"why": why})

    return router


def withdrawal_view(one: Withdrawal) -> WithdrawalView:
    """A proposal, without why it was rejected."""
    return WithdrawalView(
        id=one.id,
        code=one.code,
        decision=one.decision,
        effective_on=one.effective_on,
        successor_code=one.successor,
        state=one.state,
        proposed_by=one.proposed_by,
        proposed_at=one.proposed_at,
        decided_by=one.decided_by,
        decided_at=one.decided_at,
        taken_back_by=one.taken_back_by,
        taken_back_at=one.taken_back_at,
    )


def _check_area(caller: Caller) -> None:
    if not caller.covers(EVERYWHERE):
        raise not_everywhere()
