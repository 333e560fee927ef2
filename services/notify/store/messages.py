"""Messages that a person looks after: refused by the supplier, set aside after many failures, of unknown outcome."""

from collections.abc import Callable
from uuid import UUID

from hub_messaging import work
from hub_messaging.clock import real_now
from hub_messaging.jobs import Done, Failed, Job
from hub_messaging.outcomes import Sent
from hub_messaging.runner import Runner
from hub_messaging.unknown import NotSent, Settle, UnknownOutcomes
from hub_messaging.work import AlreadySettled, WorkRow
from services.notify.domain.notices import Notices, Told
from services.notify.handlers.ports import Sending
from services.notify.handlers.redo_message import Wish, redo_message
from services.notify.handlers.tell_otherwise import tell_otherwise
from services.notify.store.unit_of_work import NOTICES_SHELF, NotifyUnitOfWork


class StoredMessages:
    """The work rows of messages. Returns once what was asked for is committed."""

    def __init__(self, runner: Runner[NotifyUnitOfWork], sending: Sending, settle: Settle[NotifyUnitOfWork]) -> None:
        self._runner = runner
        self._sending = sending
        self._outcomes = UnknownOutcomes(runner, settle)

    async def redo(self, notices: Notices, key: str, by: str) -> bool:
        """Under the old key, unless the contact is another now, or nobody was written to. Nothing of what is moot."""
        row = await work.looked_after(self._runner.pool, notices.dossier_id, key)
        return await self._again(Wish(notices.dossier_id, key, by, "redo", False, real_now()), row)

    async def settle(self, notices: Notices, key: str, found: Sent | NotSent, by: str, why: str) -> bool:
        """What goes out again goes to the contact that is known now; what is moot does not."""
        row = await work.looked_after(self._runner.pool, notices.dossier_id, key)
        if row is None:
            return False
        if found == NotSent():
            return await self._again(Wish(notices.dossier_id, key, by, why, True, real_now()), row)
        return await self._outcomes.settle(row, found, by, why)

    async def tell_otherwise(self, notices: Notices, key: str, told: Told, why: str) -> bool:
        """Ends the duty, with the message that waits for a person if there is one."""
        dossier_id = notices.dossier_id
        row = await work.looked_after(self._runner.pool, dossier_id, key)
        return await self._run(dossier_id, lambda uow: tell_otherwise(dossier_id, key, row, told, why, uow))

    async def _again(self, wish: Wish, old: WorkRow | None) -> bool:
        return await self._run(wish.dossier_id, lambda uow: redo_message(wish, old, uow, self._sending))

    async def _run(self, dossier_id: UUID, run: Callable[[NotifyUnitOfWork], bool]) -> bool:
        try:
            (result,) = await self._runner.run([Job(run=run, keys={NOTICES_SHELF: (dossier_id,)})])
        except AlreadySettled:
            return False
        if isinstance(result, Failed):
            raise result.error
        return result == Done(True)
