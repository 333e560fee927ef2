"""Commands from HTTP, run in the next shared transaction."""

from uuid import UUID

from hub_messaging.jobs import Job, once
from hub_messaging.runner import GroupRunner
from services.routing.domain.answers import Answer
from services.routing.domain.transfer import Transfer
from services.routing.handlers.agency_answer import record_answer
from services.routing.handlers.ports import CompetenceNow
from services.routing.handlers.route import retry_routing
from services.routing.store.unit_of_work import TRANSFERS_SHELF, RoutingUnitOfWork

TAKEN = 204


class Commands:
    """What the API asks for; returns once it is committed."""

    def __init__(self, group: GroupRunner[RoutingUnitOfWork], competence: CompetenceNow) -> None:
        self._group = group
        self._competence = competence

    async def retry(self, dossier_id: UUID) -> Transfer | None:
        """Asks the competence table again."""
        job: Job[RoutingUnitOfWork, Transfer | None] = Job(
            run=lambda uow: retry_routing(dossier_id, uow, self._competence), keys={TRANSFERS_SHELF: (dossier_id,)}
        )
        return await self._group.run(job)

    async def answer(
        self, message_id: str, body_sha256: bytes, agency_code: str, dossier_id: UUID, leg: str, answer: Answer
    ) -> None:
        """Records an agency's message once. Raises TransferUnknown (nothing is kept), KeyReused for another body."""

        def command(uow: RoutingUnitOfWork) -> tuple[int, bytes]:
            record_answer(dossier_id, leg, agency_code, answer, uow)
            return TAKEN, b""

        key = f"callback:{agency_code}:{message_id}"
        await self._group.run(once(key, body_sha256, command, {TRANSFERS_SHELF: (dossier_id,)}))
