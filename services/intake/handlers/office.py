"""What every decision at the desk rests on: the catalogue, the calendar, the seals and the map."""

from collections.abc import Callable, Container
from dataclasses import dataclass

from hub_worktime import Calendar
from services.intake.domain.refusals import UnknownTerritory
from services.intake.handlers.live_catalogue import LiveCatalogue
from services.intake.handlers.ports import Seals


@dataclass(frozen=True, slots=True)
class Office:
    """The fixed surroundings of the commands."""

    catalogue: LiveCatalogue
    calendar: Calendar
    seals: Seals
    territories: Callable[[], Container[str]]
    """Communes and provinces of today, by code."""

    def check_territory(self, code: str) -> None:
        """Raises UnknownTerritory: no rule of competence could ever fit."""
        if code not in self.territories():
            raise UnknownTerritory
