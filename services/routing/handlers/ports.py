"""What the handlers need of the world outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_messaging.outbox import Publish
from hub_messaging.outcomes import Sent
from hub_messaging.unknown import NotSent
from hub_messaging.work import Aside, NewWork, WorkRow
from services.routing.domain.answers import Answer, AnswerRecall
from services.routing.domain.competence import Competence
from services.routing.domain.succession import AgencyVersion
from services.routing.domain.transfer import Transfer, TransferState

CompetenceNow = Callable[[], Competence]
"""The competence table in its current edition."""


class Transfers(Protocol):
    """The transfers that the job named in its keys, by dossier id."""

    def get(self, key: UUID) -> Transfer | None: ...
    def put(self, key: UUID, aggregate: Transfer) -> None: ...


class Agencies(Protocol):
    """The agencies' versions that the job named in its keys, by kind/code@first day."""

    def get(self, key: str) -> AgencyVersion | None: ...
    def put(self, key: str, aggregate: AgencyVersion) -> None: ...


class Work(Protocol):
    """The work rows of the lanes."""

    def add(self, work: NewWork) -> None: ...
    def withdraw(self, lane: str, dossier_id: UUID) -> None: ...


class RoutingUow(Protocol):
    """Đơn vị công việc of routing. `now` is business time."""

    @property
    def now(self) -> datetime: ...
    @property
    def transfers(self) -> Transfers: ...
    @property
    def agencies(self) -> Agencies: ...
    @property
    def work(self) -> Work: ...
    @property
    def publish(self) -> Publish: ...


@dataclass(frozen=True, slots=True)
class LaneState:
    """Làn of one agency: how much is due, how much a person must look at, whether it is open or paused and why."""

    name: str
    due: int
    set_aside: int
    unknown: int
    open_why: str | None
    open_since: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    paused_why: str | None


class TransferCommands(Protocol):
    """What the API asks to be done; returns once it is committed."""

    async def retry(self, dossier_id: UUID) -> Transfer | None: ...
    async def told(self, dossier_id: UUID, leg: str, up_to: int | None) -> Transfer | None: ...
    async def enter_recall(self, dossier_id: UUID, leg: str, answer: AnswerRecall) -> Transfer | None: ...
    async def answer(
        self, message_id: str, body_sha256: bytes, agency_code: str, dossier_id: UUID, leg: str, answer: Answer
    ) -> None: ...


class TransferQueries(Protocol):
    """Reading transfers, without locks."""

    async def find(self, dossier_id: UUID) -> Transfer | None: ...
    async def page(
        self,
        after: UUID | None,
        most: int,
        *,
        state: TransferState | None,
        contradicted: bool,
        to_recall: bool = False,
        to_correct: bool = False,
        offices: Sequence[str] | None,
    ) -> Sequence[Transfer]: ...


class Lanes(Protocol):
    """Seeing and steering lanes."""

    async def states(self) -> Mapping[str, LaneState]: ...
    async def pause(self, lane: str, who: str, why: str) -> None: ...
    async def resume(self, lane: str) -> None: ...
    async def aside(self, lane: str, after: int, most: int) -> Sequence[Aside]: ...
    async def has(self, lane: str, work_id: UUID) -> bool: ...
    async def wanted_no_more(self, work_id: UUID) -> bool: ...
    async def redo(self, lane: str, work_id: UUID) -> bool: ...


class HandOverQuestions(Protocol):
    """Asking an agency's system about a hand-over, without handing over."""

    async def ask(self, row: WorkRow) -> Sent | NotSent | None: ...


class UnknownHandOvers(Protocol):
    """Hand-overs of which nobody knows whether the agency has them."""

    async def decide(self, work_id: UUID, found: Sent | NotSent, by: str, why: str) -> bool: ...
