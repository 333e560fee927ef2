"""What every decision at the desk rests on: the catalogue, the calendar and the seals."""

from dataclasses import dataclass

from hub_worktime import Calendar
from services.intake.domain.catalogue import Catalogue
from services.intake.handlers.ports import Seals


@dataclass(frozen=True, slots=True)
class Office:
    """The fixed surroundings of the commands."""

    catalogue: Catalogue
    calendar: Calendar
    seals: Seals
