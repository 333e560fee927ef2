"""Kết thúc tại Bộ phận Một cửa."""

from services.intake.domain.standing import Standing
from services.intake.handlers.ports import IntakeWork


def miss_nothing_more(standing: Standing, uow: IntakeWork) -> None:
    """A dossier that was stopped or has its result needs no route, clock or notice any more to be in order."""
    progress = standing.progress
    if progress.watched_since is not None and not progress.settled:
        uow.progress.put(progress.dossier_id, progress._replace(watched_since=None))
