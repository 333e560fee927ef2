"""Chuyển hồ sơ: what `routing` says about a dossier's way through the agencies (topic `routing-dossier-events`)."""

from typing import ClassVar, Literal

from pydantic import Field

from hub_events.event import Event, Part
from hub_events.values import AgencyCode, Moment, OfficerCode, SealedText, Slug, Text


class AgencyRef(Part):
    """Cơ quan giải quyết."""

    code: AgencyCode
    name: Text


class RoutedLeg(Part):
    """One agency's part, and the rule that chose it."""

    leg: Slug
    agency: AgencyRef
    order: int = Field(default=1, ge=1)
    role: Literal["lead", "cooperating"] = "lead"


class DossierRoutedV1(Event):
    """Chuyển hồ sơ đến cơ quan có thẩm quyền giải quyết: it is decided who gets it; the hand-over follows.

    Said again, whole, when a leg that nobody was competent for has found its agency later.
    """

    type: ClassVar[str] = "dossier.routed.v1"
    legs: tuple[RoutedLeg, ...] = Field(min_length=1)
    competence: str
    """Version of the competence table that decided, e.g. `competence@2026-03-01`."""
    added: tuple[Slug, ...] | None = None
    """The legs that found their agency later; the others were said before. Absent: all are new."""


class DossierRoutingFailedV1(Event):
    """Chưa xác định được cơ quan có thẩm quyền: a person must mend the data; it is tried again then."""

    type: ClassVar[str] = "dossier.routing_failed.v1"
    reason: Slug
    leg: Slug
    competence: str
    role: Literal["lead", "cooperating"] = "lead"
    """`lead`: the dossier is held whole. `cooperating`: this leg alone, the others go their way."""


class DossierHandedOverV1(Event):
    """Cơ quan giải quyết đã nhận hồ sơ: the agency's system answered 2xx. National status 4, Đang xử lý."""

    type: ClassVar[str] = "dossier.handed_over.v1"
    leg: Slug
    agency: AgencyRef
    what: Literal["dossier", "supplement"] = "dossier"
    handed_over_at: Moment
    attempts: int = Field(ge=1)
    foreign_number: str | None = Field(default=None, max_length=100)
    """The agency's own number for the dossier."""


class DossierHandOverRefusedV1(Event):
    """Cơ quan không nhận chuyển giao: the agency's system refused the hand-over; a person must look."""

    type: ClassVar[str] = "dossier.hand_over_refused.v1"
    leg: Slug
    agency: AgencyRef
    what: Literal["dossier", "supplement"] = "dossier"
    refused_at: Moment
    reason: Slug


class DossierAcknowledgedV1(Event):
    """Cơ quan giải quyết xác nhận tiếp nhận (callback)."""

    type: ClassVar[str] = "dossier.acknowledged.v1"
    leg: Slug
    agency: AgencyRef
    acknowledged_at: Moment
    foreign_number: str | None = Field(default=None, max_length=100)


class DossierStepRecordedV1(Event):
    """Cập nhật tiến độ: the agency reports a step of its process (callback)."""

    type: ClassVar[str] = "dossier.step_recorded.v1"
    leg: Slug
    agency: AgencyRef
    step: Slug
    step_name: Text
    officer: OfficerCode | None = None
    recorded_at: Moment


class DossierSupplementAskedV1(Event):
    """Cơ quan giải quyết đề nghị bổ sung: the desk must decide whether to request it from the applicant (callback)."""

    type: ClassVar[str] = "dossier.supplement_asked.v1"
    leg: Slug
    agency: AgencyRef
    asked_at: Moment
    components: tuple[Slug, ...] = ()
    sealed_reason: SealedText | None = None


class DossierCorrectionHandedOverV1(Event):
    """Cơ quan giải quyết đã nhận đính chính."""

    type: ClassVar[str] = "dossier.correction_handed_over.v1"
    leg: Slug
    agency: AgencyRef
    correction: int = Field(ge=1)
    handed_over_at: Moment


class DossierRecalledV1(Event):
    """Cơ quan đã dừng giải quyết: told that the desk stopped the dossier, the agency stopped too."""

    type: ClassVar[str] = "dossier.recalled.v1"
    leg: Slug
    agency: AgencyRef
    stopped_at: Moment


class DossierRecallRefusedV1(Event):
    """Cơ quan không dừng giải quyết được: `decided`, its decision exists; `unknown`, it says it has no such dossier."""

    type: ClassVar[str] = "dossier.recall_refused.v1"
    leg: Slug
    agency: AgencyRef
    refused_at: Moment
    reason: Slug


class DossierLegCompletedV1(Event):
    """Cơ quan đã xử lý xong phần việc của mình: one leg of several has its result.

    Not said of a leg that decides alone: `dossier.completed` says its result.
    """

    type: ClassVar[str] = "dossier.leg_completed.v1"
    leg: Slug
    agency: AgencyRef
    role: Literal["lead", "cooperating"] = "lead"
    completed_at: Moment
    result: Literal["approved", "rejected"]
    result_number: str | None = Field(default=None, max_length=100)


class DossierCompletedV1(Event):
    """Cơ quan giải quyết đã xử lý xong: every leg that decides has its result. National status 9.

    Agencies that cooperate beside the lead may still be heard, and be looked for.
    """

    type: ClassVar[str] = "dossier.completed.v1"
    leg: Slug
    agency: AgencyRef
    completed_at: Moment
    result: Literal["approved", "rejected"]
    result_number: str | None = Field(default=None, max_length=100)
