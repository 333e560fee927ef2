"""The handlers over one unit of work, without a database."""

from typing import Any
from uuid import UUID

from hub_messaging.clock import real_now
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.work import NewWork, WorkRow
from services.routing.domain.answers import Answer
from services.routing.domain.transfer import Transfer
from services.routing.handlers.agency_answer import record_answer
from services.routing.handlers.dossier_accepted import on_dossier_accepted
from services.routing.handlers.dossier_corrected import CORRECTION, on_correction_settled, on_dossier_corrected
from services.routing.handlers.dossier_desk_step_recorded import on_dossier_desk_step_recorded
from services.routing.handlers.dossier_result_returned import on_dossier_result_returned
from services.routing.handlers.dossier_stopped import on_dossier_stopped
from services.routing.handlers.dossier_supplement_received import on_dossier_supplement_received
from services.routing.handlers.hand_over_settled import on_hand_over_settled
from services.routing.handlers.recall import CANCELLATION, on_cancellation_settled
from services.routing.handlers.route import retry_routing
from services.routing.store.unit_of_work import RoutingUnitOfWork
from tests.routing.facts import (
    POLICE,
    a_competence,
    a_uow,
    accepted,
    corrected,
    result_ready,
    result_returned,
    said,
    stopped,
    supplement,
)

DOSSIER = UUID("0195c2f1-7c00-7a31-9d2e-5b1f0c9a4e11")
COMPETENCE = a_competence()


class Desk:
    """The handlers over one unit of work."""

    def __init__(self, competence: Any = COMPETENCE, *offered: str) -> None:
        self.uow: RoutingUnitOfWork = a_uow()
        self.competence = competence
        self.offered = set(offered)

    def offers(self, _agency: str, offer: str) -> bool:
        return offer in self.offered

    def accept(self, dossier_id: UUID = DOSSIER, **changes: Any) -> None:
        on_dossier_accepted(accepted(dossier_id, **changes), self.uow, lambda: self.competence)
        self.uow.keep()

    def supplement(self, request: int = 1, dossier_id: UUID = DOSSIER, **changes: Any) -> None:
        on_dossier_supplement_received(supplement(dossier_id, request, **changes), self.uow)
        self.uow.keep()

    def correct(self, number: int = 1, **changes: Any) -> None:
        on_dossier_corrected(corrected(DOSSIER, number, **changes), self.uow, self.offers)
        self.uow.keep()

    def stop(self) -> None:
        on_dossier_stopped(stopped(DOSSIER), self.uow, self.offers)
        self.uow.keep()

    def step(self, step: str = "result-ready") -> None:
        on_dossier_desk_step_recorded(result_ready(DOSSIER, step), self.uow)
        self.uow.keep()

    def hand_back(self) -> None:
        on_dossier_result_returned(result_returned(DOSSIER), self.uow)
        self.uow.keep()

    def retry(self, competence: Any) -> None:
        retry_routing(DOSSIER, self.uow, lambda: competence, self.offers)
        self.uow.keep()

    def answer(self, answer: Answer, leg: str = "lead", agency: str = POLICE.code) -> str:
        heard = record_answer(DOSSIER, leg, agency, answer, self.uow, self.offers)
        self.uow.keep()
        return heard

    def settle(self, work: NewWork, outcome: Sent | Refused, attempts: int = 1) -> None:
        row = WorkRow(
            work.id, work.lane, work.dossier_id, work.kind, work.fact_at, real_now(), attempts - 1, 0, work.body
        )
        if work.kind == CANCELLATION:
            on_cancellation_settled(row, outcome, self.uow)
        elif work.kind == CORRECTION:
            on_correction_settled(row, outcome, self.uow)
        else:
            on_hand_over_settled(row, outcome, attempts, self.uow, self.offers)
        self.uow.keep()

    @property
    def transfer(self) -> Transfer:
        found = self.uow.transfers.get(DOSSIER)
        assert found is not None
        return found

    @property
    def work(self) -> list[NewWork]:
        return self.uow.work.kept

    @property
    def said(self) -> list[str]:
        return said(self.uow)
