"""Tin nhắn còn chờ: messages that wait in a supplier's lane can be taken back, as long as the supplier has none."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from hub_messaging.database import Connection, Writes
from hub_messaging.outcomes import MAY_BE_TAKEN
from hub_messaging.work import AlreadySettled, WorkRow, WorkRows, bell_of, redo

_WAITING = """
SELECT work.id, dossier_id, kind FROM unnest($1::text[], $2::uuid[]) AS given(lane, dossier_id)
JOIN work USING (lane, dossier_id)
WHERE state IN ('ready', 'behind', 'set_aside') AND started_at IS NULL AND coalesce(outcome !~ $3, true)
ORDER BY work.id FOR UPDATE OF work
"""
_TAKE_BACK = """
UPDATE work SET state = 'done', outcome = given.outcome, finished_at = now()
FROM unnest($1::uuid[], $2::text[]) AS given(id, outcome) WHERE work.id = given.id
"""


class WaitingMessages(WorkRows):
    """The work rows of a batch of messages, and those of its dossiers that the supplier certainly did not take.

    An attempt may be under way all the same: what it comes to is heard as that of a message taken back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[tuple[UUID, str], UUID] = {}
        self._staged_back: dict[tuple[UUID, str], str] = {}
        self.taken_back: dict[UUID, str] = {}
        self._staged_again: list[WorkRow] = []
        self._again: list[WorkRow] = []

    async def load(self, connection: Connection, messages: Iterable[tuple[str, UUID]]) -> None:
        """Reads and locks, in the order of the rows' ids; `messages`: lanes and dossiers."""
        if wanted := sorted(set(messages)):
            lanes, dossiers = [lane for lane, _ in wanted], [dossier for _, dossier in wanted]
            rows = await connection.fetch(_WAITING, lanes, dossiers, MAY_BE_TAKEN)
            self.found({(row["dossier_id"], row["kind"]): row["id"] for row in rows})

    def found(self, waiting: Mapping[tuple[UUID, str], UUID]) -> None:
        """The ids of the rows that wait, by dossier and kind."""
        self._waiting.update(waiting)

    def take_back(self, dossier_id: UUID, kind: str, why: str) -> bool:
        """Ends the message unsent; `why` becomes its outcome. False: the supplier may have it, or there is none."""
        key = dossier_id, kind
        waits = key in self._waiting or any((new.dossier_id, new.kind) == key for new in self.kept)
        if waits:
            self._staged_back[key] = why
        return waits

    def send_again(self, row: WorkRow) -> None:
        """A person sends again what was refused or set aside; if it isn't any more, the flush raises AlreadySettled."""
        self._staged_again.append(row)

    def keep(self) -> None:
        self._again += self._staged_again
        self._staged_again.clear()
        for key, why in self._staged_back.items():
            if key in self._waiting:
                self.taken_back[self._waiting.pop(key)] = why
        if self._staged_back:
            self.kept = [new for new in self.kept if (new.dossier_id, new.kind) not in self._staged_back]
            self._staged_back.clear()
        super().keep()

    def discard(self) -> None:
        self._staged_back.clear()
        self._staged_again.clear()
        super().discard()

    def bells(self) -> Iterable[str]:
        return {*super().bells(), *(bell_of(row.lane) for row in self._again)}

    async def flush(self, connection: Connection, writes: Writes) -> None:
        """At once: what is added in the place of a message must not stand behind it."""
        if self.taken_back:
            await connection.execute(_TAKE_BACK, [*self.taken_back], [*self.taken_back.values()])
        for row in self._again:
            if await redo(connection, row.id) is None:
                raise AlreadySettled
        await super().flush(connection, writes)
