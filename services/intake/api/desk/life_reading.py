"""The query port for what happens at the desk."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.intake.domain.desk.correction import Correction
from services.intake.domain.desk.duplicates import Similar
from services.intake.domain.desk.late_entry import LateEntry
from services.intake.domain.desk.life import Life
from services.intake.domain.desk.on_the_spot import OnTheSpot


class LifeReading(Protocol):
    """Reads of what happened at the desk. `desks` None: at all."""

    async def life_of(self, dossier_id: UUID) -> Life | None: ...
    async def corrections(self, dossier_id: UUID) -> Sequence[Correction]: ...
    async def late_entries(
        self, after: UUID | None, most: int, *, unexplained: bool, desks: Sequence[str] | None
    ) -> Sequence[LateEntry]: ...
    async def similar(self, dossier_id: UUID, desks: Sequence[str] | None) -> Sequence[Similar]: ...
    async def duplicates(
        self, now: datetime, after: UUID | None, most: int, desks: Sequence[str] | None
    ) -> Sequence[Similar]: ...
    async def on_the_spot(
        self, since: datetime, until: datetime, desks: Sequence[str] | None
    ) -> Sequence[OnTheSpot]: ...
