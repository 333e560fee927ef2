"""Nội dung trả lời: what a dossier looks like from outside. Times are local (+07:00); no personal data."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, PlainSerializer, WithJsonSchema

from hub_events.intake import ComponentRef, DeskRef, Finding, ProcedureRef, Promise
from hub_worktime import VIETNAM
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier, SupplementRequest
from services.intake.domain.national_status import (
    NationalStatus,
    PublishedState,
    national_status,
    standing_of,
    state_of,
)
from services.intake.domain.progress import Progress
from services.intake.domain.stuck import StuckDossier
from services.intake.domain.timeline import Step, place_of, shape_of


def _written(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).isoformat()


Local = Annotated[
    datetime, PlainSerializer(_written, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


class TermView(BaseModel):
    """Thời hạn giải quyết as published, and as read; `reason`: why it gives no date."""

    text: str
    unit: str | None
    amount: float | None
    reason: str | None
    cut_off: str | None


class PromiseView(BaseModel):
    """Ngày hẹn trả kết quả, with what explains it."""

    due_at: Local | None
    counted_from: Local
    term: TermView
    rule: str | None
    calendar: str | None
    hours: str | None
    provisional: bool
    set_by: Literal["rule", "officer"]
    officer: str | None
    reappointed_to: Local | None = None
    """Ngày hẹn lại of the apology letter, where one has put off `due_at`; early, on time, late go by `due_at`."""


class SupplementView(BaseModel):
    """Yêu cầu bổ sung that was made last; open while nothing was received."""

    request: int
    requested_at: Local
    requested_by: str
    components: tuple[str, ...]
    received_at: Local | None
    counts: dict[str, int] = {}
    """How many there were: `desk` before acceptance, `appraisal` or `appraisal:<leg>` after it."""
    superior: str | None = None


class AgencyView(BaseModel):
    """Cơ quan giải quyết."""

    code: str
    name: str


class FeeView(BaseModel):
    """Phí, lệ phí in đồng; open until it is paid or waived."""

    number: int
    purpose: str
    amount: int
    open: bool
    asked_at: Local
    asked_by: str
    paid_at: Local | None
    paid_by: str | None
    waived_at: Local | None
    waived_by: str | None
    waived_reason: str | None
    line: str | None = None
    basis: str | None = None
    """The line of the catalogue that it was asked by; None: an officer's own amount."""


class LifeView(BaseModel):
    """Quá trình tại Bộ phận Một cửa."""

    withdrawal_requested_at: Local | None
    stopped_at: Local | None
    stopped_by: str | None
    stop_reason: str | None
    result_ready_at: Local | None
    returned_at: Local | None
    returned_by: str | None
    collected_by: str | None
    on_the_spot: bool
    fees: tuple[FeeView, ...]
    corrections: int
    result_by: str | None
    result_desk: str | None
    result_sent_at: Local | None = None
    result_arrived_at: Local | None = None


class RegisteredView(BaseModel):
    """What every command answers: where the dossier stands now.

    `state` keeps to the five words that it was published with; `phase` says all: `withdrawal_requested`, `stopped`,
    `result_ready`, `returned` too, and later ones.
    """

    dossier_id: UUID
    state: PublishedState
    phase: str
    national_status: NationalStatus
    dossier_code: str | None
    received_at: Local
    accepted_at: Local | None
    promise: PromiseView | None
    supplement: SupplementView | None
    findings: tuple[Finding, ...]
    life: LifeView | None = None
    """What happened at the desk besides; None: nothing."""


class SimilarView(BaseModel):
    """Hồ sơ có thể trùng."""

    dossier_id: UUID
    dossier_code: str | None
    desk_code: str
    received_at: Local


class DossierView(RegisteredView):
    """Hồ sơ in full, without personal data."""

    procedure: ProcedureRef
    desk: DeskRef
    territory: str
    channel: str
    case: str | None
    components: tuple[ComponentRef, ...]
    accepted_by: str | None
    refused_at: Local | None
    refused_by: str | None
    refused_reason: str | None
    agency: AgencyView | None
    handed_over_at: Local | None
    supplement_asked_at: Local | None
    completed_at: Local | None
    result: str | None
    possible: tuple[str, ...]
    """What an officer can decide now."""
    possible_duplicates: tuple[SimilarView, ...] = ()
    """Of the same person and procedure, within some weeks, in the caller's area; an officer decides what they are."""


class StepView(BaseModel):
    """One step: when, what (event type), in plain Vietnamese, who, where, and the event's public fields."""

    at: Local
    type: str
    text: str
    who: str | None
    where: dict[str, str]
    facts: dict[str, Any]


class TimelineView(BaseModel):
    """Dòng thời gian hồ sơ."""

    dossier_id: UUID
    steps: list[StepView]


class StuckView(BaseModel):
    """A dossier that got stuck, and what is missing."""

    dossier_id: UUID
    dossier_code: str
    desk_code: str
    since: Local
    missing: tuple[str, ...]
    routing_failed: str | None


def registered_view(dossier: Dossier, progress: Progress, life: Life | None = None) -> bytes:
    """The answer to a command, as the bytes that are kept for a repeated request."""
    return RegisteredView.model_construct(**_registered(dossier, progress, life)).model_dump_json().encode()


def dossier_view(dossier: Dossier, progress: Progress, life: Life | None = None) -> DossierView:
    """The dossier with what others reported and what happened at the desk."""
    agency = AgencyView(code=progress.agency_code, name=progress.agency_name or "") if progress.agency_code else None
    return DossierView(
        **_registered(dossier, progress, life),
        procedure=dossier.procedure,
        desk=dossier.desk,
        territory=dossier.territory,
        channel=dossier.channel,
        case=dossier.case,
        components=dossier.components,
        accepted_by=dossier.accepted_by,
        refused_at=dossier.refused_at,
        refused_by=dossier.refused_by,
        refused_reason=dossier.refused_reason,
        agency=agency,
        handed_over_at=progress.handed_over_at,
        supplement_asked_at=progress.supplement_asked_at,
        completed_at=progress.completed_at,
        result=progress.result,
        possible=standing_of(dossier, progress, life).possible,
    )


def _registered(dossier: Dossier, progress: Progress, life: Life | None) -> dict[str, Any]:
    standing = standing_of(dossier, progress, life)
    return {
        "dossier_id": dossier.id,
        "state": state_of(*standing),
        "phase": standing.phase,
        "national_status": national_status(*standing),
        "dossier_code": dossier.code,
        "received_at": dossier.received_at,
        "accepted_at": dossier.accepted_at,
        "promise": _promise(dossier.promise, standing.reappointed_to),
        "supplement": _supplement(dossier.supplement),
        "findings": dossier.findings,
        "life": None if life is None else LifeView.model_validate(life, from_attributes=True),
    }


def _promise(promise: Promise | None, reappointed_to: datetime | None) -> PromiseView | None:
    if promise is None:
        return None
    term = promise.term
    amount = None if term.amount is None else float(term.amount)
    return PromiseView.model_construct(
        due_at=promise.due_at,
        counted_from=promise.counted_from,
        term=TermView.model_construct(
            text=term.text, unit=term.unit, amount=amount, reason=term.reason, cut_off=term.cut_off
        ),
        rule=promise.rule,
        calendar=promise.calendar,
        hours=promise.hours,
        provisional=promise.provisional,
        set_by=promise.set_by,
        officer=promise.officer,
        reappointed_to=reappointed_to,
    )


def _supplement(request: SupplementRequest | None) -> SupplementView | None:
    if request is None:
        return None
    return SupplementView(
        request=request.number,
        requested_at=request.requested_at,
        requested_by=request.requested_by,
        components=request.components,
        received_at=request.received_at,
        counts=dict(request.counts),
        superior=request.superior,
    )


def timeline_view(dossier_id: UUID, steps: list[Step]) -> TimelineView:
    """The timeline; the same fact told twice under two ids is one step."""
    shown: dict[tuple[str, datetime, str], Step] = {}
    for step in steps:
        shown.setdefault((step.type, step.at, step.facts), step)
    return TimelineView(dossier_id=dossier_id, steps=[_step(step) for step in shown.values()])


def _step(step: Step) -> StepView:
    shape = shape_of(step.type)
    facts = orjson.loads(step.facts)
    return StepView(
        at=step.at,
        type=step.type,
        text=shape.text(facts),
        who=facts.get(shape.who) if shape.who else None,
        where=place_of(step.type, facts),
        facts=facts,
    )


def stuck_view(line: StuckDossier) -> StuckView:
    """One line of the list of stuck dossiers."""
    progress = line.progress
    assert progress.watched_since is not None
    return StuckView(
        dossier_id=progress.dossier_id,
        dossier_code=line.code,
        desk_code=line.desk_code,
        since=progress.watched_since,
        missing=progress.missing,
        routing_failed=progress.routing_failed_reason if progress.routed_at is None else None,
    )
