"""Bản ghi chờ xử lý: the operators' routes to what a service refused: list, show, replay, discard.

The same in every service; each hands in its own refused records (`hub_messaging.refused.RefusedTable`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import Path
from pydantic import BaseModel, ConfigDict

from hub_web.credentials import requires
from hub_web.pages import HIGHEST_NUMBER, USUAL_LIMIT, Limit, Page, after_number, page_of
from hub_web.problems import NOT_FOUND, Problem, problem_type
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_web.waiting_work import Why

State = Literal["waiting", "dead", "replayed", "discarded"]

ALREADY_DECIDED = problem_type("already-decided", 409, "Bản ghi đã được xử lý")

Operator = Annotated[Caller, requires("operations")]
RecordId = Annotated[int, Path(ge=1, le=HIGHEST_NUMBER)]


class DeadLetters(Protocol):
    """The refused records of one service."""

    async def listed(self, state: str, after: int, most: int) -> Sequence[Mapping[str, Any]]:
        """Up to `most` records in `state` with ids above `after`, oldest first, without headers and bodies."""

    async def shown(self, record_id: int) -> Mapping[str, Any] | None:
        """One record with headers and body (sealed parts stay sealed); None: there is none."""

    async def decide(self, record_id: int, state: str, who: str, why: str) -> bool:
        """`waiting`: replay, tried at once; `discarded`: put away. False: no such record is open."""


class DeadLetter(BaseModel):
    """One refused record: where it came from, why it was refused, what was decided about it, by whom and why."""

    id: int
    topic: str
    partition: int
    offset: int
    type: str | None
    state: State
    reason: str
    detail: str
    attempts: int
    refused_at: datetime
    decided_by: str | None
    decided_why: str | None


class DeadLetterInFull(DeadLetter):
    """The record as it was read; bytes that are not UTF-8 are shown escaped."""

    key: str | None
    headers: list[tuple[str, str]]
    body: str | None


class Decision(BaseModel):
    """Why an operator replays or discards."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    why: Why


def dead_letter_router(service: str, records: DeadLetters) -> Router:
    """Routes under /v1/<service>/dead-letters; scope `operations`."""
    router = Router(tags=["dead-letters"])
    place = f"/v1/{service}/dead-letters"

    @router.get(place)
    async def list_dead_letters(
        _caller: Operator,
        state: State = "dead",
        cursor: str | None = None,
        limit: Limit = USUAL_LIMIT,
    ) -> Page[DeadLetter]:
        """Bản ghi không xử lý được, oldest first, without headers and bodies."""
        rows = await records.listed(state, after_number(cursor), limit + 1)
        return page_of(rows, limit, DeadLetter.model_validate, lambda row: (row["id"],))

    @router.get(place + "/{record_id}")
    async def show_dead_letter(_caller: Operator, record_id: RecordId) -> DeadLetterInFull:
        """Một bản ghi với tiêu đề và nội dung; sealed parts stay sealed."""
        return await _shown(records, record_id)

    @router.post(place + "/{record_id}/replay")
    async def replay_dead_letter(caller: Operator, record_id: RecordId, decision: Decision) -> DeadLetterInFull:
        """Tries the record again, inside the service that refused it."""
        return await _decided(records, record_id, "waiting", caller, decision)

    @router.post(place + "/{record_id}/discard")
    async def discard_dead_letter(caller: Operator, record_id: RecordId, decision: Decision) -> DeadLetterInFull:
        """Puts the record away; it stays readable for its retention."""
        return await _decided(records, record_id, "discarded", caller, decision)

    return router


async def _decided(
    records: DeadLetters, record_id: int, state: State, caller: Caller, decision: Decision
) -> DeadLetterInFull:
    decided = await records.decide(record_id, state, caller.subject, decision.why)
    record = await _shown(records, record_id)
    if not decided:
        raise Problem(
            ALREADY_DECIDED,
            "Bản ghi này không còn chờ quyết định.",
            next_step="Xem state, decided_by và decided_why của bản ghi.",
            state=record.state,
        )
    return record


async def _shown(records: DeadLetters, record_id: int) -> DeadLetterInFull:
    row = await records.shown(record_id)
    if row is None:
        raise Problem(NOT_FOUND, "Không có bản ghi này.", next_step="Xem danh sách dead-letters của dịch vụ.")
    return DeadLetterInFull.model_validate(row)
