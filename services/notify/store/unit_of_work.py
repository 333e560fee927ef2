"""What a batch of the service works on: the notices of its dossiers."""

from datetime import datetime
from uuid import UUID

from hub_messaging.unit_of_work import Shelf, UnitOfWork
from services.notify.domain.notices import Notices
from services.notify.store.notices import STORE

NOTICES_SHELF = "notices"


class NotifyUnitOfWork(UnitOfWork):
    """A unit of work with the shelf of notices, by dossier id."""

    def __init__(self, now: datetime) -> None:
        super().__init__("notify", now)
        self.notices: Shelf[UUID, Notices] = self.shelf(NOTICES_SHELF, STORE)
