"""Hồ sơ bị kẹt: accepted some time ago, and yet without a route, a clock or word to the citizen."""

from dataclasses import dataclass
from datetime import timedelta

from services.intake.domain.progress import Progress

STUCK_AFTER = timedelta(minutes=5)
"""Real time from the acceptance after which what is still missing is somebody's affair."""


@dataclass(frozen=True, slots=True)
class StuckDossier:
    """One line of the list; `progress.missing` says what has not been reported."""

    code: str
    desk_code: str
    progress: Progress
