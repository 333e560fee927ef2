"""What the handlers need of a unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_messaging.outbox import Publish
from services.sla.domain.clock import DossierClock


class Clocks(Protocol):
    """The clocks of the batch, by dossier id."""

    def get(self, key: UUID) -> DossierClock | None: ...
    def put(self, key: UUID, aggregate: DossierClock) -> None: ...


class Timers(Protocol):
    """One timer of each kind per dossier."""

    def set(self, dossier_id: UUID, kind: str, due_at: datetime) -> None: ...
    def cancel(self, dossier_id: UUID, kind: str) -> None: ...


class SlaWork(Protocol):
    """One job's view of the database."""

    @property
    def now(self) -> datetime: ...
    @property
    def clocks(self) -> Clocks: ...
    @property
    def timers(self) -> Timers: ...
    @property
    def publish(self) -> Publish: ...


@dataclass(frozen=True, slots=True)
class DeadlineWish:
    """Which clocks a list is to show. `after`: the last dossier of the page before; `area` None: everywhere."""

    state: str | None = None
    differs: bool | None = None
    after: UUID | None = None
    area: Sequence[str] | None = None


class DeadlineQueries(Protocol):
    """How the API reads; business time decides what is overdue."""

    async def one(self, dossier_id: UUID) -> DossierClock | None: ...
    async def page(self, wish: DeadlineWish, now: datetime, most: int) -> Sequence[DossierClock]: ...
