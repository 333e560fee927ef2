"""Biểu mẫu qua HTTP, hỏi và đáp: what an officer gives, what is shown of drafts and of issued forms."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hub_events.values import DossierCode, OfficerCode
from services.intake.api.answers import Local
from services.intake.api.bodies import Line, PromisableAt, Prose
from services.intake.domain.forms.forms import KINDS, Given, IssuedForm
from services.intake.domain.forms.register import LONGEST_DAYS
from services.intake.handlers.forms.draft_form import FormDraft

Title = Annotated[Line, StringConstraints(max_length=150)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SignerBody(_Body):
    """Người ký: name and office as they are printed."""

    name: Title
    title: Title


class FormBody(_Body):
    """Phần của cán bộ: who drafts, who signs, and what only a person can say. Each form takes what it prints."""

    officer: OfficerCode
    signer: SignerBody | None = None
    reason: Prose | None = None
    """Lý do (02, 03, 04, 05); of 02 and 03 the reason of the decision stands where none is given."""
    new_due_at: PromisableAt | None = None
    """Ngày hẹn lại (04)."""
    stopped_at: PromisableAt | None = None
    """Thời điểm dừng (05)."""
    requested_by: Title | None = None
    """Người hoặc cơ quan đề nghị dừng (05)."""
    sets: int | None = Field(default=None, ge=1, le=100)
    """Số bộ hồ sơ (01)."""
    result_place: Line | None = None
    """Nơi, cách nhận kết quả (01)."""
    authoriser: Title | None = None
    """Người ủy quyền (01)."""

    def given(self) -> Given:
        """The same for the handlers."""
        signer = self.signer
        return Given(
            officer=self.officer,
            signer_name=signer.name if signer else None,
            signer_title=signer.title if signer else None,
            reason=self.reason,
            new_due_at=self.new_due_at,
            stopped_at=self.stopped_at,
            requested_by=self.requested_by,
            sets=self.sets,
            result_place=self.result_place,
            authoriser=self.authoriser,
        )


class RegisterBody(_Body):
    """Sổ của một kỳ: the dossiers of these days, both counted; `after`: the number that ended the part before."""

    officer: OfficerCode
    signer: SignerBody
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    after: DossierCode | None = None

    @model_validator(mode="after")
    def _a_period(self) -> Self:
        if not 2000 <= self.first.year <= self.last.year <= 2099:
            raise ValueError("a period lies in the years 2000 to 2099")
        if not 0 <= (self.last - self.first).days < LONGEST_DAYS:
            raise ValueError("a period ends on or after its first day, and within a year")
        return self


class FormDraftView(BaseModel):
    """Dự thảo. `fields` as they would be printed, personal data too; `missing`: without these nothing is issued."""

    kind: str
    title: str
    fields: dict[str, Any]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    replaces: str | None


class FormView(BaseModel):
    """Biểu mẫu đã phát hành."""

    form_id: UUID
    dossier_id: UUID | None
    kind: str
    title: str
    number: str
    year: int
    issued_at: Local
    issued_by: str
    replaces: UUID | None
    sha256: str
    signature: str
    """How it was signed: `paper`, `sandbox-ed25519`."""
    pdf: str


class FormList(BaseModel):
    """Các biểu mẫu của một hồ sơ, in the order of issue."""

    items: list[FormView]


class RegisterView(FormView):
    """Sổ đã lập. `lines` of this part; `next_after`: where the next part begins, null at the end of the period."""

    lines: int
    next_after: str | None


def draft_view(draft: FormDraft) -> FormDraftView:
    """A draft from outside."""
    return FormDraftView(
        kind=draft.kind,
        title=KINDS[draft.kind].title,
        fields=draft.fields,
        missing=draft.missing,
        notes=draft.notes,
        replaces=draft.replaces.written_number if draft.replaces else None,
    )


def form_view(form: IssuedForm, method: str) -> FormView:
    """An issued form from outside: no personal data."""
    return FormView(
        form_id=form.id,
        dossier_id=form.dossier_id,
        kind=form.kind,
        title=KINDS[form.kind].title,
        number=form.written_number,
        year=form.year,
        issued_at=form.issued_at,
        issued_by=form.issued_by,
        replaces=form.replaces,
        sha256=form.sha256.hex(),
        signature=method,
        pdf=f"/v1/forms/{form.id}.pdf",
    )


def file_name(form: IssuedForm, day: datetime) -> str:
    """Of a download: form, number and day; no name of a person, no code of a dossier."""
    return f"mau-{form.kind}-{form.written_number.replace('/', '-')}-{day:%Y%m%d}.pdf"
