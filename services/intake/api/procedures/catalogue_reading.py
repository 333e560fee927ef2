"""The query port of the catalogue: published versions, as the routes read them."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from services.intake.domain.procedures.publication import Citing, Published, VersionLine


class CatalogueReading(Protocol):
    """Reads of what was published."""

    async def version(self, code: str, version: int) -> Published | None: ...
    async def versions(self, code: str, after: int, most: int) -> Sequence[VersionLine]: ...
    async def citing_ended(self, day: date, after: str, most: int) -> Sequence[Citing]: ...
