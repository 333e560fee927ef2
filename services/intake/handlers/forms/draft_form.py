"""Dự thảo biểu mẫu: what a form would say now, what is missing, and what the officer should see before issuing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.forms.form_fields import fields_of
from services.intake.domain.forms.forms import (
    Fields,
    FormFacts,
    Given,
    IssuedForm,
    check_given,
    check_possible,
    missing_of,
    notes_on,
)
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import Refusal
from services.intake.domain.timeline import Step
from services.intake.handlers.desk.places import desk_called
from services.intake.handlers.office import Office


@dataclass(frozen=True, slots=True)
class FormDraft:
    """Dự thảo. `fields` hold personal data: they are for the one who decides, and for the printer."""

    kind: str
    fields: Fields
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    replaces: IssuedForm | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A dossier as it is stored, with all that its forms are drafted from."""

    dossier: Dossier
    progress: Progress
    steps: Sequence[Step]
    earlier: Sequence[IssuedForm]
    sealed_reason: str | None
    life: Life | None


def draft_form(kind: str, recorded: Recorded, given: Given, office: Office, now: datetime) -> FormDraft:
    """Drafts; nothing is kept. Raises FormNotPossible, FieldNotOnForm, NewDateNotLater."""
    check_possible(kind, recorded.dossier, recorded.progress, recorded.life, now)
    facts = _opened(recorded, office)
    check_given(kind, given, facts, now)
    fields = fields_of(kind, facts, given)
    replaced = [form for form in recorded.earlier if form.kind == kind]
    return FormDraft(
        kind,
        fields,
        missing_of(kind, fields),
        notes_on(kind, facts, recorded.earlier),
        replaced[-1] if replaced else None,
    )


def _opened(recorded: Recorded, office: Office) -> FormFacts:
    dossier, sealed = recorded.dossier, recorded.sealed_reason
    roles, names = _plan(dossier, office)
    desk = office.catalogue.known_desk(dossier.desk.code)
    contact: Mapping[str, Any] = {}
    if dossier.sealed_contact is not None:
        contact = office.seals.open("contact", dossier.id, dossier.sealed_contact)
    return FormFacts(
        dossier=dossier,
        progress=recorded.progress,
        steps=recorded.steps,
        roles=roles,
        component_names=names,
        desk_phone=desk.phone if desk else "",
        form=office.seals.open("form", dossier.id, dossier.sealed_form),
        contact=contact,
        life=recorded.life,
        result_desk=_other_desk(recorded.life, office),
        reason=None if sealed is None else office.seals.open("contact", dossier.id, sealed),
    )


def _plan(dossier: Dossier, office: Office) -> tuple[dict[str, str], dict[str, str]]:
    """Roles of the legs and names of the papers, as the procedure's version has them, or as the dossier does."""
    own = {part.code: part.name or part.code for part in dossier.components}
    try:
        procedure = office.catalogue.version(dossier.procedure)
    except Refusal:
        return {}, own
    return {leg.leg: leg.role for leg in procedure.legs}, own | {part.code: part.name for part in procedure.components}


def _other_desk(life: Life | None, office: Office) -> str | None:
    """By its code where the directory never had it."""
    if life is None or life.wanted_at is None:
        return None
    desk = desk_called(life.wanted_at, office)
    return desk.name if desk else life.wanted_at
