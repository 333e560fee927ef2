"""Đổi nơi, cách nhận kết quả: the citizen says so after all; possible until the result has left the desk."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import ResultHasLeft
from services.intake.handlers.desk.desk_steps import announce_step
from services.intake.handlers.office import Office
from services.intake.handlers.ports import IntakeWork
from services.intake.handlers.registered import registered
from services.intake.handlers.submit_dossier import ResultPlace, sealed_form


@dataclass(frozen=True, slots=True)
class ChangeResultPlace:
    """`address`: for the post; personal, it leaves this command sealed only."""

    dossier_id: UUID
    event_id: UUID
    at: datetime
    officer: str
    place: ResultPlace
    address: str | None


def change_result_place(command: ChangeResultPlace, uow: IntakeWork, office: Office) -> Dossier:
    """Ghi nhận nơi nhận kết quả mới. Raises NoSuchDossier, WrongState, UnknownDesk, ResultHasLeft, FormTooLarge."""
    command.place.check(office)
    standing = registered(command.dossier_id, uow)
    dossier, life = standing.check("correct"), standing.life
    if life.result_sent_at is not None:
        raise ResultHasLeft
    changed = dossier._replace(sealed_form=_with_address(dossier, command.address, office))
    uow.dossiers.put(changed.id, changed)
    uow.lives.put(changed.id, life._replace(result_by=command.place.by, result_desk=command.place.desk))
    announce_step(changed, "result-place-changed", command.officer, command.at, uow, event_id=command.event_id)
    return changed


def _with_address(dossier: Dossier, address: str | None, office: Office) -> str:
    form = office.seals.open("form", dossier.id, dossier.sealed_form)
    form.pop("result_address", None)
    if address is not None:
        form["result_address"] = address
    return sealed_form(dossier.id, form, dossier.components, office)
