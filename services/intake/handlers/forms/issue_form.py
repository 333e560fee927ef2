"""Phát hành biểu mẫu: gives a printed and signed form its place in the register, if all that it says still holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub_events.ids import derive_id
from hub_events.intake import DeskRef, DossierFormIssuedV1
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.forms.forms import KINDS, FactsMoved, IssuedForm, number_key
from services.intake.domain.number_range import NumberRange
from services.intake.domain.progress import Progress
from services.intake.handlers.announcing import announce
from services.intake.handlers.ports import IntakeWork


@dataclass(frozen=True, slots=True)
class DraftedFrom:
    """What the register held of the dossier when the form was drafted."""

    dossier: Dossier
    progress: Progress
    life: Life | None

    def stands(self, uow: IntakeWork) -> bool:
        """Whether it holds the same now."""
        of = self.dossier.id
        life: Life | None = uow.lives.get(of)
        return (uow.dossiers.get(of), uow.progress.get(of) or Progress(of), life) == (
            self.dossier,
            self.progress,
            self.life,
        )


def issue_form(
    form: IssuedForm, drafted_from: DraftedFrom | None, uow: IntakeWork, new_due_at: datetime | None = None
) -> None:
    """Keeps the form, with the date that an apology letter gives, and takes its number. A form is printed before, with
    the number and the facts that it names: if somebody was quicker with either, nothing is kept. Raises FactsMoved.
    """
    if drafted_from is not None and not drafted_from.stands(uow):
        raise FactsMoved
    key = number_key(form.desk_code, form.kind, form.issued_at)
    if next_number(key, uow) != form.number:
        raise FactsMoved
    uow.numbers.put(key, NumberRange(key, form.number))
    uow.forms.add(form)
    if drafted_from is not None:
        dossier = drafted_from.dossier
        letter = {} if new_due_at is None else _reappointed(drafted_from, new_due_at, uow)
        event = _issued(form, dossier.desk, **letter)
        announce(event, uow, dossier_id=dossier.id, event_id=derive_id(form.id, "issued"))


def _reappointed(drafted_from: DraftedFrom, new_due_at: datetime, uow: IntakeWork) -> dict[str, Any]:
    """Ngày hẹn lại becomes the dossier's; what the event says of it."""
    dossier = drafted_from.dossier
    life = (drafted_from.life or Life(dossier.id, dossier.desk.code)).reappoint(dossier.due_at, new_due_at)
    uow.lives.put(dossier.id, life)
    number = None if dossier.from_an_old_book else life.reappointments
    return {"new_due_at": new_due_at, "reappointment": number, "request": dossier.date_number}


def _issued(form: IssuedForm, desk: DeskRef, **letter: Any) -> DossierFormIssuedV1:
    return DossierFormIssuedV1(
        form=form.id,
        kind=form.kind,
        title=KINDS[form.kind].title,
        number=form.number,
        written_number=form.written_number,
        sha256=form.sha256.hex(),
        issued_at=form.issued_at,
        issued_by=form.issued_by,
        replaces=form.replaces,
        desk=desk,
        **letter,
    )


def next_number(key: str, uow: IntakeWork) -> int:
    """The number that the next form of this range gets."""
    return (uow.numbers.get(key) or NumberRange(key)).next().last
