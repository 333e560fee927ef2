"""What the handlers need: a view of the database, texts, and the supplier that messages go to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_messaging.outbox import Publish
from hub_messaging.outcomes import Sent
from hub_messaging.unknown import NotSent
from hub_messaging.work import Aside, Decided, NewWork, WorkRow
from services.notify.domain.notices import Notices, State, Told


class NoticesShelf(Protocol):
    """The notices of the batch, by dossier id."""

    def get(self, key: UUID) -> Notices | None: ...
    def put(self, key: UUID, aggregate: Notices) -> None: ...


class Work(Protocol):
    """Messages to be sent."""

    def add(self, work: NewWork) -> None: ...
    def decide(self, decided: Decided) -> None: ...
    def send_again(self, row: WorkRow) -> None: ...
    def take_back(self, dossier_id: UUID, kind: str, why: str) -> bool:
        """Ends the dossier's message of this kind unsent. False: the supplier may have it, or there is none."""


class NotifyWork(Protocol):
    """One job's view of the database."""

    @property
    def now(self) -> datetime: ...
    @property
    def notices(self) -> NoticesShelf: ...
    @property
    def work(self) -> Work: ...
    @property
    def publish(self) -> Publish: ...


class Texts(Protocol):
    """The messages' wording."""

    def render(self, template: str, fields: Mapping[str, str]) -> str:
        """The text of one message. Raises CannotProcess when the template asks for what is not known."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How messages leave: their wording and the SMS supplier (a slug)."""

    texts: Texts
    supplier: str

    @property
    def lane(self) -> str:
        return f"sms:{self.supplier}"


@dataclass(frozen=True, slots=True)
class LaneState:
    """Làn của nhà cung cấp: what waits, what a person must look at, and the last trouble of what waits."""

    lane: str
    due: int
    set_aside: int
    unknown: int
    oldest_at: datetime | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class NoticeWish:
    """Which dossiers a list is to show. `after`: the last one of the page before; `area` None: everywhere."""

    state: State | None = None
    after: UUID | None = None
    area: Sequence[str] | None = None


class NoticeQueries(Protocol):
    """How the API reads."""

    async def one(self, dossier_id: UUID) -> Notices | None: ...
    async def page(self, wish: NoticeWish, most: int) -> Sequence[Notices]: ...
    async def lane(self, lane: str) -> LaneState: ...
    async def aside(
        self, lane: str, after: int, area: Sequence[str] | None, most: int, states: Sequence[str]
    ) -> Sequence[Aside]: ...


class Messages(Protocol):
    """Messages that a person looks after. `key`: the duty's name within its dossier."""

    async def redo(self, notices: Notices, key: str, by: str) -> bool:
        """Sends what failed or was set aside again, or what reached nobody to the contact known now; False: nothing."""

    async def settle(self, notices: Notices, key: str, found: Sent | NotSent, by: str, why: str) -> bool:
        """Ends the duty's message, or sends it again; False: none waits for a person."""

    async def tell_otherwise(self, notices: Notices, key: str, told: Told, why: str) -> bool:
        """A person told the citizen: ends the duty, with its message if one waits; False: there is nothing to end."""
