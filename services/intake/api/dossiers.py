"""Hồ sơ qua HTTP: submit, decide, read. Outside the caller's area a dossier is answered as if it didn't exist."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_web.credentials import requires
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.answers import (
    DossierView,
    RegisteredView,
    TimelineView,
    dossier_view,
    timeline_view,
)
from services.intake.api.areas import desk_in_area, in_area
from services.intake.api.bodies import (
    AcceptanceBody,
    RefusalBody,
    ResultWish,
    Submission,
    SupplementBrought,
    SupplementWish,
)
from services.intake.api.commands import Commands
from services.intake.api.desk.by_proxy import acting, submitting
from services.intake.api.desk.duplicates import similar_view
from services.intake.api.desk.life_reading import LifeReading
from services.intake.api.problems import no_such_desk, problem_of
from services.intake.api.reading import Reading
from services.intake.domain.number_range import NumberRange
from services.intake.domain.refusals import Refusal
from services.intake.handlers.accept_dossier import Acceptance, AcceptDossier, Promised, accept_dossier
from services.intake.handlers.office import Office
from services.intake.handlers.ports import DOSSIERS, NUMBERS
from services.intake.handlers.record_supplement import RecordSupplement, record_supplement
from services.intake.handlers.refuse_dossier import RefuseDossier, refuse_dossier
from services.intake.handlers.request_supplement import RequestSupplement, Superior, request_supplement
from services.intake.handlers.submit_dossier import ResultPlace, SubmitDossier

Submitter = Annotated[Caller, requires("dossiers:submit")]
Decider = Annotated[Caller, requires("dossiers:decide")]
DossierReader = Annotated[Caller, requires("dossiers:read")]


def command_router(commands: Commands, reading: Reading, office: Office, now: Callable[[], datetime]) -> Router:
    """What changes a dossier. `now` is business time."""
    router = Router(tags=["dossiers"])

    @router.post("/v1/dossiers", status_code=201, response_model=RegisteredView)
    async def submit(submission: Submission, caller: Submitter, key: IdempotencyKey, body: RawBody) -> Response:
        """Nộp hồ sơ; with `acceptance` and nothing missing it is accepted in the same step."""
        return await submit_one(submission, commands, office, now(), caller=caller, route="submit", key=key, body=body)

    @router.post("/v1/dossiers/{dossier_id}/accept", response_model=RegisteredView)
    async def accept(
        dossier_id: UUID, acceptance: AcceptanceBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Tiếp nhận hồ sơ."""
        desk_code = await desk_in_area(reading, dossier_id, caller)
        command = AcceptDossier(dossier_id, uuid7(), now(), acceptance_of(acceptance))
        return await commands.carry_out(
            lambda uow: accept_dossier(command, uow, office),
            dossier_id=dossier_id,
            keys={DOSSIERS: (dossier_id,), NUMBERS: (NumberRange.key_for(desk_code, command.at),)},
            caller=caller,
            route=f"{dossier_id} accept",
            key=key,
            body=body,
        )

    @router.post("/v1/dossiers/{dossier_id}/request-supplement", response_model=RegisteredView)
    async def ask_for_supplement(
        dossier_id: UUID, wish: SupplementWish, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Yêu cầu bổ sung giấy tờ."""
        await desk_in_area(reading, dossier_id, caller)
        superior = None if wish.superior is None else Superior(wish.superior.officer, wish.superior.reason)
        command = RequestSupplement(
            dossier_id, uuid7(), now(), wish.officer, tuple(wish.components), wish.reason, wish.leg, superior
        )
        return await commands.carry_out(
            lambda uow: request_supplement(command, uow, office),
            dossier_id=dossier_id,
            keys={DOSSIERS: (dossier_id,)},
            caller=caller,
            route=f"{dossier_id} request-supplement",
            key=key,
            body=body,
        )

    @router.post("/v1/dossiers/{dossier_id}/supplement", response_model=RegisteredView)
    async def take_supplement(
        dossier_id: UUID, brought: SupplementBrought, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Nhận hồ sơ bổ sung; after acceptance the term starts from zero."""
        await desk_in_area(reading, dossier_id, caller)
        command = _supplement(dossier_id, brought, now())
        record = partial(record_supplement, command, office=office)
        return await commands.carry_out(
            acting(record, "supplement", brought, command, command.received_at, office),
            dossier_id=dossier_id,
            keys={DOSSIERS: (dossier_id,)},
            caller=caller,
            route=f"{dossier_id} supplement",
            key=key,
            body=body,
        )

    @router.post("/v1/dossiers/{dossier_id}/refuse", response_model=RegisteredView)
    async def refuse(
        dossier_id: UUID, refusal: RefusalBody, caller: Decider, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Từ chối tiếp nhận."""
        await desk_in_area(reading, dossier_id, caller)
        command = RefuseDossier(dossier_id, uuid7(), now(), refusal.officer, refusal.reason_code, refusal.reason)
        return await commands.carry_out(
            lambda uow: refuse_dossier(command, uow, office),
            dossier_id=dossier_id,
            keys={DOSSIERS: (dossier_id,)},
            caller=caller,
            route=f"{dossier_id} refuse",
            key=key,
            body=body,
        )

    return router


async def submit_one(
    submission: Submission,
    commands: Commands,
    office: Office,
    at: datetime,
    *,
    caller: Caller,
    route: str,
    key: str,
    body: bytes,
) -> Response:
    """Nộp một hồ sơ, alone or as a line among many. Raises Problem."""
    if not office.catalogue.knows(submission.procedure_code):
        await commands.learn(submission.procedure_code)
    command = _submission(submission, office, at)
    if not caller.covers(command.desk.ref.code):
        raise no_such_desk()
    return await commands.carry_out(
        submitting(submission, command, office),
        dossier_id=command.dossier_id,
        keys={NUMBERS: (NumberRange.key_for(command.desk.ref.code, command.received_at),)},
        caller=caller,
        route=route,
        key=key,
        body=body,
        status=201,
    )


def read_router(reading: Reading, lives: LifeReading) -> Router:
    """What shows a dossier."""
    router = Router(tags=["dossiers"])

    @router.get("/v1/dossiers/{dossier_id}")
    async def show(dossier_id: UUID, caller: DossierReader) -> DossierView:
        """Hồ sơ và trạng thái hiện tại."""
        found = await in_area(reading, dossier_id, caller)
        view = dossier_view(*found, await lives.life_of(dossier_id))
        similar = await lives.similar(dossier_id, caller.codes)
        return view.model_copy(update={"possible_duplicates": tuple(map(similar_view, similar))})

    @router.get("/v1/dossiers/{dossier_id}/timeline")
    async def timeline(dossier_id: UUID, caller: DossierReader) -> TimelineView:
        """Dòng thời gian: each step with when, who and where, from all services."""
        await desk_in_area(reading, dossier_id, caller)
        return timeline_view(dossier_id, list(await reading.steps(dossier_id)))

    return router


def acceptance_of(body: AcceptanceBody | SupplementBrought) -> Acceptance:
    promised = body.promised
    return Acceptance(body.officer, None if promised is None else Promised(promised.due_at, promised.reason))


def result_place(wish: ResultWish) -> ResultPlace:
    return ResultPlace(wish.how, wish.desk_code)


def _submission(submission: Submission, office: Office, at: datetime) -> SubmitDossier:
    try:
        procedure = office.catalogue.newest(submission.procedure_code)
        desk = office.catalogue.desk_ever(submission.desk_code)
    except Refusal as refusal:
        problem = problem_of(refusal)
        assert problem is not None
        raise problem from None
    return SubmitDossier(
        dossier_id=uuid7(),
        event_id=uuid7(),
        procedure=procedure,
        desk=desk,
        territory=submission.territory or desk.ref.territory,
        channel=submission.channel,
        case=submission.case,
        at=at,
        received_at=submission.received_at or at,
        components=tuple(part.ref() for part in submission.components),
        contact=submission.personal_contact(),
        form=submission.personal_form(),
        acceptance=None if submission.acceptance is None else acceptance_of(submission.acceptance),
        result=None if submission.result is None else result_place(submission.result),
        why_late=None if submission.late_entry is None else submission.late_entry.why(),
    )


def _supplement(dossier_id: UUID, brought: SupplementBrought, at: datetime) -> RecordSupplement:
    return RecordSupplement(
        dossier_id=dossier_id,
        event_id=uuid7(),
        at=at,
        received_at=brought.received_at or at,
        acceptance=acceptance_of(brought),
        components=tuple(part.ref() for part in brought.components),
        form=brought.form,
        acted_by=brought.acted_by,
    )
