"""Tiếp nhận hồ sơ: what `intake` says about a dossier (topic `intake-dossier-events`)."""

from decimal import Decimal
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from hub_events.event import Event, Part
from hub_events.values import (
    AgencyCode,
    DossierCode,
    Moment,
    OfficerCode,
    ProcedureCode,
    SealedText,
    Slug,
    TerritoryCode,
    Text,
    WrittenHours,
)

Channel = Literal["counter", "online", "post"]
ContactChannel = Literal["sms", "email"]
TermUnit = Literal["working_day", "calendar_day", "working_hour", "month", "year"]


class ProcedureRef(Part):
    """Thủ tục hành chính, in the published version under which the dossier was received."""

    code: ProcedureCode
    version: int = Field(ge=1)
    name: Text
    field: Slug | None = None


class DeskRef(Part):
    """Bộ phận Một cửa that received the dossier, and the unit whose number range its code is from."""

    code: AgencyCode
    name: Text
    territory: TerritoryCode


class StatedTerm(Part):
    """Thời hạn giải quyết as the procedure states it, and as it was read. No unit: `reason` says why none counts."""

    text: str = Field(max_length=500)
    unit: TermUnit | None = None
    amount: Decimal | None = Field(default=None, ge=0)
    reason: Slug | None = None
    cut_off: str | None = Field(default=None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    """Receipts later than this local time (15:00 sharp is not) count from the next working day."""


class Promise(Part):
    """Ngày hẹn trả: the date on the receipt, and all that explains it."""

    due_at: Moment | None = None
    """None: the term is none (`term.reason` says which kind)."""
    counted_from: Moment
    """When the complete dossier arrived: the receipt, or the last supplement."""
    term: StatedTerm
    rule: str | None = None
    """Rule id and version, e.g. `general@2025-07-01`."""
    calendar: str | None = None
    """Calendar and version, e.g. `vn@2026.1`."""
    hours: WrittenHours | None = None
    """Of the desk, by which the date is counted and warned of; None: the rule's default."""
    provisional: bool = False
    """A day on the way lies in a year whose official swaps were not entered."""
    set_by: Literal["rule", "officer"] = "rule"
    officer: OfficerCode | None = None
    sealed_reason: SealedText | None = None


class LegPlan(Part):
    """One agency's part of the dossier: who by kind, in what order; `routing` finds the agency itself."""

    leg: Slug
    role: Literal["lead", "cooperating"] = "lead"
    order: int = Field(default=1, ge=1)
    agency_kind: Slug


class ComponentRef(Part):
    """Thành phần hồ sơ that was handed in."""

    code: Slug
    name: Text | None = None
    """As the procedure's published version calls it, for agencies that do not know our codes."""
    originals: int = Field(default=0, ge=0, le=1000)
    copies: int = Field(default=0, ge=0, le=1000)
    electronic: bool = False


class Finding(Part):
    """What the check against the procedure's published version found."""

    code: Slug
    component: Slug | None = None


class DossierSubmittedV1(Event):
    """Hồ sơ đã nộp: a dossier was sent in and waits for an officer. National status 1, Mới đăng ký."""

    type: ClassVar[str] = "dossier.submitted.v1"
    procedure: ProcedureRef
    desk: DeskRef
    channel: Channel
    received_at: Moment
    findings: tuple[Finding, ...] = ()
    contact_channels: tuple[ContactChannel, ...] = ()
    sealed_contact: SealedText | None = None
    """Name, phone, e-mail of whom to tell; for `notify`."""


class DossierAcceptedV1(Event):
    """Hồ sơ được tiếp nhận: an officer accepted; the receipt with the promised date exists. National status 2."""

    type: ClassVar[str] = "dossier.accepted.v1"
    dossier_code: DossierCode
    procedure: ProcedureRef
    desk: DeskRef
    territory: TerritoryCode
    """Where the matter lies: decides who is competent; not always where it was received."""
    channel: Channel
    case: Slug | None = None
    """Which of the procedure's cases (trường hợp) it is."""
    received_at: Moment
    accepted_at: Moment
    accepted_by: OfficerCode
    promise: Promise
    legs: tuple[LegPlan, ...] = Field(min_length=1)
    components: tuple[ComponentRef, ...] = ()
    contact_channels: tuple[ContactChannel, ...] = ()
    sealed_contact: SealedText | None = None
    sealed_form: SealedText | None = None
    """The applicant and the request, for the agencies; opened by `routing` alone."""


class DossierSupplementRequestedV1(Event):
    """Yêu cầu bổ sung giấy tờ: the applicant must complete the dossier; the clock waits. National status 5."""

    type: ClassVar[str] = "dossier.supplement_requested.v1"
    request: int = Field(ge=1)
    """First, second … request to this dossier."""
    requested_at: Moment
    requested_by: OfficerCode
    after_acceptance: bool
    components: tuple[Slug, ...] = ()
    sealed_reason: SealedText
    leg: Slug | None = None
    """Which agency's part asked for it, after appraisal."""
    superior: OfficerCode | None = None
    """Who agreed to a second request of the same kind."""
    dossier_code: DossierCode | None = None
    procedure: ProcedureRef
    desk: DeskRef
    contact_channels: tuple[ContactChannel, ...] = ()
    sealed_contact: SealedText | None = None


class DossierSupplementReceivedV1(Event):
    """Đã bổ sung hồ sơ: the applicant answered. After acceptance the term starts from zero (NĐ 61/2018 Đ.19.4 kept)."""

    type: ClassVar[str] = "dossier.supplement_received.v1"
    request: int = Field(ge=1)
    received_at: Moment
    received_by: OfficerCode
    acted_by: Literal["applicant", "proxy"] | None = None
    """Who brought it; None: it wasn't said."""
    components: tuple[ComponentRef, ...] = ()
    promise: Promise | None = None
    """The restarted date; None when the dossier was not accepted yet."""
    previous_due_at: Moment | None = None
    sealed_form: SealedText | None = None


class DossierRefusedV1(Event):
    """Hồ sơ không được tiếp nhận: an officer refused, with the reason. National status 3."""

    type: ClassVar[str] = "dossier.refused.v1"
    refused_at: Moment
    refused_by: OfficerCode
    reason: Slug
    sealed_reason: SealedText
    procedure: ProcedureRef
    desk: DeskRef
    contact_channels: tuple[ContactChannel, ...] = ()
    sealed_contact: SealedText | None = None


class DossierWithdrawalRequestedV1(Event):
    """Công dân yêu cầu rút hồ sơ: the desk checks whether a decision exists, then stops it. National status 7."""

    type: ClassVar[str] = "dossier.withdrawal_requested.v1"
    requested_at: Moment
    recorded_by: OfficerCode
    acted_by: Literal["applicant", "proxy"] | None = None
    """Who asked; None: it wasn't said."""
    desk: DeskRef


class DossierStoppedV1(Event):
    """Dừng giải quyết hồ sơ: the stop notice is issued; nothing more is done, the clock ends. National status 8."""

    type: ClassVar[str] = "dossier.stopped.v1"
    stopped_at: Moment
    stopped_by: OfficerCode
    reason: Slug
    withdrawn: bool
    """The applicant asked for it."""
    sealed_reason: SealedText
    dossier_code: DossierCode | None = None
    """None: it was never accepted."""
    procedure: ProcedureRef
    desk: DeskRef
    contact_channels: tuple[ContactChannel, ...] = ()
    sealed_contact: SealedText | None = None


class DossierDeskStepRecordedV1(Event):
    """Bước xử lý tại Bộ phận Một cửa: submitted for signature, signed, result here, late entry, fee asked …"""

    type: ClassVar[str] = "dossier.desk_step_recorded.v1"
    step: Slug
    recorded_at: Moment
    officer: OfficerCode | None = None
    """None: a system entered it by itself."""
    desk: DeskRef
    reason: Slug | None = None
    amount: int | None = Field(default=None, ge=0)
    """In đồng, where the step is about a fee."""


class DossierFeePaidV1(Event):
    """Đã nộp phí, lệ phí."""

    type: ClassVar[str] = "dossier.fee_paid.v1"
    fee: int = Field(ge=1)
    """First, second … fee that was asked of this dossier."""
    purpose: Slug
    amount: int = Field(ge=1)
    """In đồng."""
    paid_at: Moment
    by: Slug
    recorded_by: OfficerCode
    desk: DeskRef
    all_settled: bool
    """No other fee is open."""


class DossierResultReturnedV1(Event):
    """Đã trả kết quả: handed to the citizen; the dossier is closed. National status 10."""

    type: ClassVar[str] = "dossier.result_returned.v1"
    returned_at: Moment
    returned_by: OfficerCode
    collected_by: Literal["applicant", "proxy", "post"]
    dossier_code: DossierCode
    desk: DeskRef


class DossierFinishedOnTheSpotV1(Event):
    """Bốn tại chỗ: received, appraised, approved and returned at the desk. No agency gets it."""

    type: ClassVar[str] = "dossier.finished_on_the_spot.v1"
    dossier_code: DossierCode
    procedure: ProcedureRef
    desk: DeskRef
    channel: Channel
    received_at: Moment
    accepted_at: Moment
    accepted_by: OfficerCode
    promise: Promise
    appraised_at: Moment
    appraised_by: OfficerCode
    approved_at: Moment
    approved_by: OfficerCode
    returned_at: Moment
    returned_by: OfficerCode
    collected_by: Literal["applicant", "proxy", "post"]


class DossierCorrectedV1(Event):
    """Đính chính hồ sơ: something that was written down wrong. The promised date doesn't move by itself."""

    type: ClassVar[str] = "dossier.corrected.v1"
    corrected_at: Moment
    corrected_by: OfficerCode
    correction: int = Field(ge=1)
    """First, second … correction of this dossier."""
    what: tuple[Literal["contact", "applicant", "case", "components"], ...] = Field(min_length=1)
    desk: DeskRef
    contact_channels: tuple[ContactChannel, ...] = ()
    sealed_contact: SealedText | None = None
    """Whom to tell from now on; said when the contact was corrected."""
    dossier_code: DossierCode | None = None
    """None: it is not accepted yet (or an older version says it), so that no agency has it."""
    case: Slug | None = None
    components: tuple[ComponentRef, ...] = ()
    sealed_form: SealedText | None = None
    """For the agencies, with case and components as they stand: said when any of these or the applicant changed."""


class DossierFormIssuedV1(Event):
    """Biểu mẫu đã phát hành: one of the official forms 01 to 06 about this dossier; the register, 07, is of a desk."""

    type: ClassVar[str] = "dossier.form_issued.v1"
    form: UUID
    kind: Literal["01", "02", "03", "04", "05", "06"]
    title: Text
    number: int = Field(ge=1)
    """Of this kind at this desk in this year."""
    written_number: str = Field(max_length=40)
    """As it is printed: `12/PXL`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the PDF as it was issued: whoever holds a copy can tell whether it is that."""
    issued_at: Moment
    issued_by: OfficerCode
    replaces: UUID | None = None
    """The form of this kind that it takes the place of."""
    desk: DeskRef
    new_due_at: Moment | None = None
    """Ngày hẹn lại, which an apology letter (04) gives in the place of the promised one."""
    reappointment: int | None = Field(default=None, ge=1)
    """First, second … letter that gave this dossier a new date; None: of an old book, nobody is told."""
    request: int | None = Field(default=None, ge=0)
    """Which date the new one puts off: 0 the first, n the one set after the n-th supplement; None: it was not said."""
