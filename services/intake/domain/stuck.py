"""Hồ sơ bị kẹt: accepted some time ago, and yet without a route, a clock or word to the citizen."""

from dataclasses import dataclass

from services.intake.domain.progress import Progress


@dataclass(frozen=True, slots=True)
class StuckDossier:
    """One line of the list; `progress.missing` says what has not been reported."""

    code: str
    desk_code: str
    progress: Progress
