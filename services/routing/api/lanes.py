"""/v1/lanes: one lane per agency; operators see what is due, set aside, open, paused, and may pause, resume, redo."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict

from hub_messaging.outcomes import Sent
from hub_messaging.unknown import NotSent
from hub_web.credentials import requires
from hub_web.pages import USUAL_LIMIT, Limit, Page, after_number
from hub_web.problems import NOT_FOUND, NOTHING_TO_REDO, NOTHING_TO_SETTLE, Problem
from hub_web.routes import Router
from hub_web.tokens import Caller
from hub_web.waiting_work import Settle, Why, WorkView, work_page
from services.routing.domain.endpoint import EndpointOf, Offer
from services.routing.domain.transfer import ENDED
from services.routing.handlers.ports import CompetenceNow, Lanes, LaneState, UnknownHandOvers

log = structlog.get_logger(__name__)

Reader = Annotated[Caller, requires("transfers:read")]
Manager = Annotated[Caller, requires("lanes:manage")]


class LaneView(BaseModel):
    """Làn of one agency. `due`: hand-overs still to be made; `set_aside`: those refused or set aside.

    `unknown`: those that the agency may or may not have; only one that is not `repeat_safe` has such.
    `offers`: what it takes besides hand-overs; of anything else a person must tell it.
    """

    name: str
    agency: str | None
    has_endpoint: bool
    repeat_safe: bool
    offers: list[Offer]
    due: int
    set_aside: int
    unknown: int
    open_why: str | None
    open_since: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    paused_why: str | None


class Pause(BaseModel):
    """Why a lane is paused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    why: Why


def lanes_router(lanes: Lanes, unknown: UnknownHandOvers, competence: CompetenceNow, endpoint_of: EndpointOf) -> Router:
    """Reads with `transfers:read`, commands with `lanes:manage`, both for the agencies in the caller's area."""
    router = Router(tags=["lanes"])

    async def lane(caller: Caller, name: str) -> LaneView:
        states = await lanes.states()
        if not caller.covers(name) or (name not in states and name not in competence().agencies):
            raise Problem(NOT_FOUND, "Không có làn này trong phạm vi của bạn.", next_step="Xem GET /v1/lanes.")
        return view(name, states.get(name))

    def view(name: str, state: LaneState | None) -> LaneView:
        agency, endpoint = competence().agencies.get(name), endpoint_of(name)
        return LaneView(
            agency=agency.name if agency else None,
            has_endpoint=endpoint is not None,
            repeat_safe=endpoint is None or endpoint.repeat_safe,
            offers=sorted(endpoint.offers) if endpoint else [],
            **asdict(state or LaneState(name, 0, 0, 0, None, None, None, None, None)),
        )

    @router.get("/v1/lanes")
    async def list_lanes(caller: Reader) -> Page[LaneView]:
        """Làn của các cơ quan: what waits, what is paused and why."""
        states = await lanes.states()
        names = sorted(name for name in {*states, *competence().agencies} if caller.covers(name))
        return Page(items=[view(name, states.get(name)) for name in names])

    @router.post("/v1/lanes/{name}/pause")
    async def pause_lane(caller: Manager, name: str, pause: Pause) -> LaneView:
        """Within 2 s nothing more is sent; what is due waits. Repeating it changes nothing."""
        await lane(caller, name)
        await lanes.pause(name, caller.subject, pause.why)
        log.warning("lane_paused", lane=name, by=caller.subject)
        return await lane(caller, name)

    @router.post("/v1/lanes/{name}/resume")
    async def resume_lane(caller: Manager, name: str) -> LaneView:
        """Sending goes on within 2 s. Repeating it changes nothing."""
        await lane(caller, name)
        await lanes.resume(name)
        log.warning("lane_resumed", lane=name, by=caller.subject)
        return await lane(caller, name)

    @router.get("/v1/lanes/{name}/work")
    async def list_work(
        caller: Reader, name: str, cursor: str | None = None, limit: Limit = USUAL_LIMIT
    ) -> Page[WorkView]:
        """Hand-overs of this lane that wait for a person, oldest first."""
        after = after_number(cursor)
        await lane(caller, name)
        return work_page(await lanes.aside(name, after, limit + 1), limit)

    @router.post("/v1/lanes/{name}/work/{work_id}/redo")
    async def redo_work(caller: Manager, name: str, work_id: UUID) -> LaneView:
        """Sends a refused or set-aside hand-over again, unless its dossier is over.

        Under its old Idempotency-Key and as it was: what the desk corrects replaces a dossier that was refused by a new
        hand-over, and else is a call of its own.
        """
        await lane(caller, name)
        if not await lanes.redo(name, work_id):
            raise Problem(
                NOTHING_TO_REDO,
                "Việc này không thuộc làn, không chờ người xử lý, hoặc hồ sơ đã dừng hay đã có kết quả.",
                next_step="Xem GET /v1/lanes/{name}/work.",
            )
        log.warning("work_redone", lane=name, work_id=str(work_id), by=caller.subject)
        return await lane(caller, name)

    @router.post("/v1/lanes/{name}/work/{work_id}/settle")
    async def settle_work(caller: Manager, name: str, work_id: UUID, settle: Settle) -> LaneView:
        """Xác định kết quả bàn giao: decides a hand-over that waits for a person, of whatever state.

        What is sent again is what `redo` would send; what was `withdrawn` is over instead.
        """
        await lane(caller, name)
        found = Sent() if settle.sent else NotSent(None if settle.again else ENDED)
        nothing = Problem(
            NOTHING_TO_SETTLE,
            "Việc này không thuộc làn, không chờ người xử lý, hoặc không gửi lại được: hồ sơ đã dừng hay có kết quả.",
            next_step="Xem GET /v1/lanes/{name}/work; kết thúc mà không gửi lại: again là false.",
        )
        if not await lanes.has(name, work_id) or (found == NotSent(None) and await lanes.wanted_no_more(work_id)):
            raise nothing
        if not await unknown.decide(work_id, found, caller.subject, settle.why):
            raise nothing
        return await lane(caller, name)

    return router
