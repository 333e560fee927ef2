"""What every decision at the desk rests on: the catalogue, the calendar and the seals."""

from dataclasses import dataclass

from hub_worktime import Calendar
from services.intake.handlers.live_catalogue import LiveCatalogue
from services.intake.handlers.ports import Seals


@dataclass(frozen=True, slots=True)
class Office:
    """The fixed surroundings of the commands."""

    catalogue: LiveCatalogue
    calendar: Calendar
    seals: Seals
