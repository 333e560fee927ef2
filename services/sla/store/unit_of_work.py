"""What a batch of the service works on: the clocks of its dossiers."""

from datetime import datetime
from uuid import UUID

from hub_messaging.unit_of_work import Shelf, UnitOfWork
from services.sla.domain.clock import DossierClock
from services.sla.store.clocks import CLOCKS

CLOCKS_SHELF = "clocks"


class SlaUnitOfWork(UnitOfWork):
    """A unit of work with the shelf of clocks, by dossier id."""

    def __init__(self, now: datetime) -> None:
        super().__init__("sla", now)
        self.clocks: Shelf[UUID, DossierClock] = self.shelf(CLOCKS_SHELF, CLOCKS)
