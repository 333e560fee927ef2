"""The dossier that a decision is about."""

from uuid import UUID

from services.intake.domain.desk.life import Life
from services.intake.domain.national_status import standing_of
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import NoSuchDossier
from services.intake.domain.standing import Standing
from services.intake.handlers.ports import IntakeWork


def registered(dossier_id: UUID, uow: IntakeWork) -> Standing:
    """The dossier with what others reported and what happened at the desk. Raises NoSuchDossier."""
    dossier = uow.dossiers.get(dossier_id)
    if dossier is None:
        raise NoSuchDossier
    life: Life | None = uow.lives.get(dossier_id)
    return standing_of(dossier, uow.progress.get(dossier_id) or Progress(dossier_id), life)
