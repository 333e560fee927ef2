"""Commands from HTTP, run in the next shared transaction."""

from uuid import UUID

from hub_messaging.jobs import Job, once
from hub_messaging.runner import GroupRunner
from services.routing.domain.answers import Answer, AnswerRecall
from services.routing.domain.endpoint import Offers
from services.routing.domain.transfer import Transfer
from services.routing.handlers.agency_answer import record_answer
from services.routing.handlers.dossier_corrected import told_by_a_person
from services.routing.handlers.ports import CompetenceNow
from services.routing.handlers.recall import enter_answer
from services.routing.handlers.route import retry_routing
from services.routing.store.unit_of_work import TRANSFERS_SHELF, RoutingUnitOfWork

TAKEN = 204


class Commands:
    """What the API asks for; returns once it is committed."""

    def __init__(self, group: GroupRunner[RoutingUnitOfWork], competence: CompetenceNow, offers: Offers) -> None:
        self._group = group
        self._competence = competence
        self._offers = offers

    async def retry(self, dossier_id: UUID) -> Transfer | None:
        """Asks the competence table, or the agencies of a stopped dossier, again."""
        job: Job[RoutingUnitOfWork, Transfer | None] = Job(
            run=lambda uow: retry_routing(dossier_id, uow, self._competence, self._offers),
            keys={TRANSFERS_SHELF: (dossier_id,)},
        )
        return await self._group.run(job)

    async def enter_recall(self, dossier_id: UUID, leg: str, answer: AnswerRecall) -> Transfer | None:
        """Notes what a person found out at the agency; None: nothing of that leg is to be recalled."""
        job: Job[RoutingUnitOfWork, Transfer | None] = Job(
            run=lambda uow: enter_answer(dossier_id, leg, answer, uow), keys={TRANSFERS_SHELF: (dossier_id,)}
        )
        return await self._group.run(job)

    async def told(self, dossier_id: UUID, leg: str, up_to: int | None) -> Transfer | None:
        """Notes that a person told the agency what was corrected; None: there is no such leg."""
        job: Job[RoutingUnitOfWork, Transfer | None] = Job(
            run=lambda uow: told_by_a_person(dossier_id, leg, up_to, uow), keys={TRANSFERS_SHELF: (dossier_id,)}
        )
        return await self._group.run(job)

    async def answer(
        self, message_id: str, body_sha256: bytes, agency_code: str, dossier_id: UUID, leg: str, answer: Answer
    ) -> None:
        """Records an agency's message once. Raises KeyReused, and as `record_answer`: nothing is kept then."""

        def command(uow: RoutingUnitOfWork) -> tuple[int, bytes]:
            record_answer(dossier_id, leg, agency_code, answer, uow, self._offers)
            return TAKEN, b""

        key = f"callback:{agency_code}:{message_id}"
        await self._group.run(once(key, body_sha256, command, {TRANSFERS_SHELF: (dossier_id,)}))
