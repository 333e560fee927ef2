"""The query port: what the routes read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.stuck import StuckDossier
from services.intake.domain.timeline import Step


class Reading(Protocol):
    """Reads of the register."""

    async def desk_of(self, dossier_id: UUID) -> str | None: ...
    async def by_id(self, dossier_id: UUID) -> tuple[Dossier, Progress] | None: ...
    async def by_code(self, code: str) -> tuple[Dossier, Progress] | None: ...
    async def steps(self, dossier_id: UUID) -> Sequence[Step]: ...
    async def stuck(self, after: tuple[datetime, UUID], most: int) -> Sequence[StuckDossier]: ...
