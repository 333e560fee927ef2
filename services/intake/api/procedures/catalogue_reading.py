"""The query port of the catalogue: published versions, as the routes read them."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from services.intake.domain.procedures.publication import Citing, Published, VersionLine
from services.intake.domain.procedures.withdrawal import Withdrawal


class CatalogueReading(Protocol):
    """Reads of what was published."""

    async def version(self, code: str, version: int) -> Published | None: ...
    async def versions(self, code: str, after: int, most: int) -> Sequence[VersionLine]: ...
    async def citing_ended(self, day: date, after: str, most: int) -> Sequence[Citing]: ...
    async def withdrawal(self, withdrawal_id: UUID) -> Withdrawal | None: ...
    async def withdrawals(
        self, code: str | None, state: str | None, before: UUID | None, most: int
    ) -> Sequence[Withdrawal]: ...
