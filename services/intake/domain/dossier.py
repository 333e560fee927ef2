"""Hồ sơ: the register's entry of one dossier, and what an officer can decide about it, when.

    submitted ── accept ──> accepted <── supplement ──┐
        │  └─ request-supplement ─> supplement_requested (clock waits when it was accepted before)
        └─ refuse ─> refused
    all of them ── stop ──> stopped (while no decision exists)        accepted ── return-result ──> returned

What other services report (progress) only closes a dossier: once completed, its result alone is left to be returned.
What else happens at the desk: `life.py`; what is possible when: `standing.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from hub_events.intake import Channel, ComponentRef, ContactChannel, DeskRef, Finding, ProcedureRef, Promise
from services.intake.domain.refusals import SecondRequest

State = Literal["submitted", "supplement_requested", "accepted", "refused", "stopped", "returned"]
Action = Literal[
    "accept",
    "request-supplement",
    "supplement",
    "refuse",
    "request-withdrawal",
    "stop",
    "record-step",
    "result-ready",
    "return-result",
    "finish-on-the-spot",
    "ask-fee",
    "correct",
]

OLD_BOOK = "old-book"
"""Why the term of a promise gives no date: it was copied from an old book (old_dossier.py)."""

_BEFORE_ACCEPTANCE: Mapping[State, tuple[Action, ...]] = {
    "submitted": ("accept", "request-supplement", "refuse"),
    "supplement_requested": ("supplement", "refuse"),
}
_AFTER_ACCEPTANCE: Mapping[State, tuple[Action, ...]] = {
    "accepted": ("request-supplement",),
    "supplement_requested": ("supplement",),
}


@dataclass(frozen=True, slots=True)
class Wait:
    """Chờ bổ sung: from a request until the supplement, and the date that it replaced (None: there was none)."""

    number: int
    requested_at: datetime
    received_at: datetime | None
    previous_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class SupplementRequest:
    """Yêu cầu bổ sung that was made last; `number`: the first, second … one to this dossier."""

    number: int
    requested_at: datetime
    requested_by: str
    components: tuple[str, ...]
    received_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many of each kind there were: `desk` before acceptance, `appraisal` or `appraisal:<leg>` after it."""
    superior: str | None = None
    sealed_superior_reason: str | None = None
    previous_due_at: datetime | None = None
    """The date that the supplement replaced."""
    earlier: tuple[Wait, ...] = ()
    """What was waited for before. The database reads these by their names: migration 0017."""

    @property
    def waits(self) -> tuple[Wait, ...]:
        """All of them, in order."""
        last = Wait(self.number, self.requested_at, self.received_at, self.previous_due_at)
        return (*self.earlier, last)


@dataclass(frozen=True, slots=True)
class Agreed:
    """Lãnh đạo đồng ý: a superior's word that the applicant may be asked once more."""

    superior: str
    sealed_reason: str


class Dossier(NamedTuple):
    """Hồ sơ. Personal data only sealed: `sealed_contact` (whom to tell), `sealed_form` (applicant and request)."""

    id: UUID
    state: State
    procedure: ProcedureRef
    desk: DeskRef
    territory: str
    channel: Channel
    case: str | None
    received_at: datetime
    components: tuple[ComponentRef, ...]
    findings: tuple[Finding, ...]
    contact_channels: tuple[ContactChannel, ...]
    sealed_contact: str | None
    sealed_form: str
    code: str | None = None
    accepted_at: datetime | None = None
    accepted_by: str | None = None
    promise: Promise | None = None
    supplement: SupplementRequest | None = None
    refused_at: datetime | None = None
    refused_by: str | None = None
    refused_reason: str | None = None

    @property
    def accepted(self) -> bool:
        """An officer accepted it at some time, whatever came afterwards."""
        return self.accepted_at is not None

    @property
    def complete_since(self) -> datetime:
        """When it was complete at its acceptance, or is so far: nothing that is entered later was done before that."""
        if self.promise is not None and self.accepted_at is not None:
            return min(self.promise.counted_from, self.accepted_at)
        brought_at = self.supplement.received_at if self.supplement else None
        return brought_at or self.received_at

    def counted_on_the_spot(self, appraised_at: datetime) -> datetime:
        """Bốn tại chỗ: from when its term counts. What nobody brought to a desk was looked at when it was appraised."""
        at_a_desk = self.channel == "counter" or self.supplement is not None
        return self.complete_since if at_a_desk else max(appraised_at, self.complete_since)

    @property
    def due_at(self) -> datetime | None:
        """Ngày hẹn trả that holds: the register's own; a clock elsewhere only repeats it, and may lag behind."""
        return self.promise.due_at if self.promise else None

    @property
    def restarted(self) -> bool:
        """Tính lại từ đầu: the date that holds counts from a supplement, asked for after the acceptance."""
        return any(wait.received_at is not None for wait in self.waits_after_acceptance)

    @property
    def date_number(self) -> int:
        """Which date holds: 0 the acceptance's, n the one that the n-th supplement brought."""
        return self.supplement.number if self.supplement is not None and self.restarted else 0

    @property
    def waits_after_acceptance(self) -> Sequence[Wait]:
        """Waits for a supplement that the clock stood still for, in their order."""
        if self.supplement is None or self.accepted_at is None:
            return ()
        return [wait for wait in self.supplement.waits if self.accepted_at <= wait.requested_at]

    @property
    def from_an_old_book(self) -> bool:
        """Entered afterwards: no other service knows it, so nothing can be decided that they would have to hear of."""
        return self.promise is not None and self.promise.term.reason == OLD_BOOK

    def possible(self, completed: bool) -> tuple[Action, ...]:
        """What can be decided about acceptance and supplements. `completed`: a decision exists."""
        if completed:
            return ()
        return (_AFTER_ACCEPTANCE if self.accepted else _BEFORE_ACCEPTANCE).get(self.state, ())

    def accept(self, code: str, at: datetime, officer: str, promise: Promise) -> "Dossier":
        """Tiếp nhận: the receipt with code and date exists from now on."""
        return self._replace(state="accepted", code=code, accepted_at=at, accepted_by=officer, promise=promise)

    def request_supplement(
        self, at: datetime, officer: str, components: Sequence[str], leg: str | None, agreed: Agreed | None
    ) -> "Dossier":
        """Yêu cầu bổ sung: the next request to the applicant; of each kind one, or more where a superior agreed.

        Raises SecondRequest.
        """
        number = 1 if self.supplement is None else self.supplement.number + 1
        counts = dict(self.supplement.counts) if self.supplement else {}
        kind = "desk" if not self.accepted else f"appraisal:{leg}" if leg else "appraisal"
        if kind in counts and agreed is None:
            raise SecondRequest(kind)
        counts[kind] = counts.get(kind, 0) + 1
        who, why = (agreed.superior, agreed.sealed_reason) if agreed else (None, None)
        earlier = self.supplement.waits if self.supplement else ()
        request = SupplementRequest(
            number, at, officer, tuple(components), counts=counts, superior=who, sealed_superior_reason=why,
            earlier=earlier,
        )  # fmt: skip
        return self._replace(state="supplement_requested", supplement=request)

    def receive_supplement(
        self,
        at: datetime,
        components: tuple[ComponentRef, ...],
        findings: tuple[Finding, ...],
        promise: Promise | None,
        sealed_form: str,
    ) -> "Dossier":
        """Đã bổ sung: all components as they are now, and after acceptance the restarted date."""
        assert self.supplement is not None
        return self._replace(
            state="accepted" if self.accepted else "submitted",
            components=components,
            findings=findings,
            promise=promise or self.promise,
            sealed_form=sealed_form,
            supplement=replace(self.supplement, received_at=at, previous_due_at=self.due_at),
        )

    def refuse(self, at: datetime, officer: str, reason: str) -> "Dossier":
        """Từ chối tiếp nhận."""
        return self._replace(state="refused", refused_at=at, refused_by=officer, refused_reason=reason)

    def stop(self) -> "Dossier":
        """Dừng giải quyết."""
        return self._replace(state="stopped")

    def hand_back(self) -> "Dossier":
        """Đã trả kết quả: closed."""
        return self._replace(state="returned")


def merged(there: Sequence[ComponentRef], new: Sequence[ComponentRef]) -> tuple[ComponentRef, ...]:
    """Components by code: new ones replace or follow those that were there."""
    return tuple({part.code: part for part in (*there, *new)}.values())
