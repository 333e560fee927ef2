"""Messages that a person looks after: refused by the supplier, or set aside after many failures."""

from uuid import UUID

from hub_messaging import work
from hub_messaging.bells import Bells
from hub_messaging.database import Pool


class StoredMessages:
    """The work rows of messages."""

    def __init__(self, pool: Pool, bells: Bells) -> None:
        self._pool = pool
        self._bells = bells

    async def redo(self, work_id: UUID) -> bool:
        lane = await work.redo(self._pool, work_id)
        if lane is not None:
            self._bells.ring([work.bell_of(lane)])
        return lane is not None
