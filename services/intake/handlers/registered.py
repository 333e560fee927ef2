"""The dossier that a decision is about."""

from uuid import UUID

from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import NoSuchDossier
from services.intake.handlers.ports import IntakeWork


def registered(dossier_id: UUID, uow: IntakeWork) -> tuple[Dossier, Progress]:
    """The dossier with what others reported about it. Raises NoSuchDossier."""
    dossier = uow.dossiers.get(dossier_id)
    if dossier is None:
        raise NoSuchDossier
    return dossier, uow.progress.get(dossier_id) or Progress(dossier_id)
