"""What a batch of the service works on: the notices of its dossiers, and messages of theirs that wait."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from hub_messaging.database import Connection
from hub_messaging.unit_of_work import Shelf, UnitOfWork
from services.notify.domain.notices import Notices
from services.notify.store.notices import STORE
from services.notify.store.waiting import WaitingMessages

NOTICES_SHELF = "notices"
WAITING = "waiting"
"""Keys are lane and dossier id. Only facts name them: no other job takes a message back."""


class NotifyUnitOfWork(UnitOfWork):
    """A unit of work with the shelf of notices, by dossier id."""

    def __init__(self, now: datetime) -> None:
        super().__init__("notify", now)
        self.work: WaitingMessages = WaitingMessages()
        self.notices: Shelf[UUID, Notices] = self.shelf(NOTICES_SHELF, STORE)

    async def load(self, connection: Connection, keys: Mapping[str, Iterable[Any]]) -> None:
        """No message waits of a dossier that was not heard of."""
        await super().load(connection, keys)
        heard_of = [(lane, dossier) for lane, dossier in keys.get(WAITING, ()) if self.notices.get(dossier)]
        await self.work.load(connection, heard_of)
