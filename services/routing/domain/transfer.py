"""Chuyển hồ sơ: a dossier's way to its agencies. Facts are noted in whatever order they come; states follow from them.

Nothing here is ever taken back: what a repeat or a late message says again changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from hub_events.event import Envelope
from services.routing.domain.competence import Agency, Competence

Kind = Literal["dossier", "supplement", "correction"]
Role = Literal["lead", "cooperating"]
LegState = Literal["planned", "routed", "refused", "handed_over", "acknowledged", "in_progress", "completed"]
TransferState = Literal["unknown", "routing_failed", "routed", "refused", "handed_over", "completed"]
ENDED: Final = "ended-by-a-person"
"""Why a hand-over is not made: somebody deals with it in another way."""


@dataclass(frozen=True, slots=True)
class Component:
    """Thành phần hồ sơ, as an agency is told of it."""

    code: str
    name: str
    originals: int
    copies: int


class Consignment(NamedTuple):
    """What an agency gets: the dossier, a supplement or a correction to it. Kept only until every leg has its work row.

    `cause` is the envelope of the event that brought it; `request`: first, second … supplement or correction.
    """

    cause: Envelope
    kind: Kind
    request: int
    received_at: datetime
    promised_at: datetime | None
    components: tuple[Component, ...]
    sealed_form: str | None
    what: tuple[str, ...] = ()
    """What was corrected."""
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Bước xử lý that an agency reported."""

    code: str
    name: str
    officer: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Đề nghị bổ sung by an agency. What it wrote is in the event, sealed."""

    at: datetime
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Kết quả giải quyết."""

    result: Literal["approved", "rejected"]
    number: str | None
    at: datetime

    def says_the_same(self, other: "Outcome") -> bool:
        """A repeat may name another minute; the result is what counts."""
        return (self.result, self.number) == (other.result, other.number)


RecallAnswer = Literal["stopped", "decided", "unknown"]


class Recall(NamedTuple):
    """Thu hồi: telling an agency to stop. `asked_at` None: it offers no such call, or hasn't been asked yet.

    `decided`: it can't stop, its decision exists; `unknown`: it says that it doesn't have the dossier.
    """

    asked_at: datetime | None = None
    answer: RecallAnswer | None = None
    answered_at: datetime | None = None
    by: str | None = None
    """Who entered the answer; None: the agency's system gave it."""
    sealed_why: str | None = None


class Leg(NamedTuple):
    """One agency's part of a dossier. `agency` is None until somebody competent was found."""

    leg: str
    role: Role
    order: int
    agency_kind: str
    agency: Agency | None = None
    started: bool = False
    """Its work rows exist."""
    handed_over_at: datetime | None = None
    refused_at: datetime | None = None
    refused_reason: str | None = None
    foreign_number: str | None = None
    acknowledged_at: datetime | None = None
    steps: tuple[Step, ...] = ()
    asked: tuple[Asked, ...] = ()
    outcome: Outcome | None = None
    conflicts: tuple[Outcome, ...] = ()
    """Results that contradict the first one: a person must ask the agency."""
    recall: Recall = Recall()
    untold: tuple[int, ...] = ()
    """Corrections that no call could tell its agency of: a person must."""
    anew: tuple[UUID, ...] = ()
    """Events of the corrections by which the refused dossier was handed over anew."""

    @property
    def turned_away(self) -> bool:
        """The agency doesn't have the dossier: it refused it, or a person ended it. A conflict may say that it has."""
        return self.refused_at is not None and not self.taken and self.refused_reason != "http-409"

    @property
    def mendable(self) -> bool:
        """The agency refused the dossier for what it was."""
        return self.turned_away and self.refused_reason != ENDED

    @property
    def in_hand(self) -> bool:
        """The agency has the dossier, and hasn't said that it is done with it."""
        return self.taken and self.outcome is None and self.recall.answer != "stopped"

    @property
    def taken(self) -> bool:
        """The agency has the dossier, by its 2xx or by its own words."""
        return bool(self.handed_over_at or self.heard_of)

    @property
    def heard_of(self) -> bool:
        """The agency has spoken of the dossier, so it has it."""
        return bool(self.acknowledged_at or self.steps or self.asked or self.outcome)

    @property
    def state(self) -> LegState:
        if self.outcome is not None:
            return "completed"
        if self.steps or self.asked:
            return "in_progress"
        if self.acknowledged_at is not None:
            return "acknowledged"
        if self.handed_over_at is not None:
            return "handed_over"
        if self.refused_at is not None:
            return "refused"
        return "routed" if self.started else "planned"


class Plan(NamedTuple):
    """What the accepted dossier says of itself, as far as routing needs it."""

    dossier_code: str
    procedure_code: str
    procedure_name: str
    desk: str
    territory: str
    cause: Envelope
    """The event that said so: what follows at the agencies goes back to it."""
    received_at: datetime | None = None
    """When the desk got the dossier. None: planned by a version that didn't keep it."""
    promised_at: datetime | None = None
    """The latest date that the applicant was promised. None: there is none if it is `undated`, else as above."""
    undated: bool = False
    """It was accepted without a promised date."""

    def promised(self, *consignments: Consignment) -> "Plan":
        """With the dates that these bring."""
        dates = [date for date in (self.promised_at, *(one.promised_at for one in consignments)) if date is not None]
        return self._replace(promised_at=max(dates, default=None))


class Stop(NamedTuple):
    """Dừng giải quyết, as agencies are told of it."""

    at: datetime
    reason: str
    withdrawn: bool
    cause: Envelope


class Transfer(NamedTuple):
    """A dossier's legs, and what became of them. Without a plan it is a stub: its acceptance has not been read yet."""

    dossier_id: UUID
    plan: Plan | None = None
    legs: tuple[Leg, ...] = ()
    waiting: tuple[Consignment, ...] = ()
    """What some leg has still to be given."""
    supplements: tuple[int, ...] = ()
    """Numbers of the supplements that were read."""
    corrections: tuple[int, ...] = ()
    edition: str | None = None
    """Edition of the competence table that was asked last."""
    failed_leg: str | None = None
    """The first leg that nobody is competent for; a leading one before any that cooperates."""
    failed_at: datetime | None = None
    routed_at: datetime | None = None
    """Every leg has its agency."""
    stopped_at: datetime | None = None
    """The desk stopped the dossier: nothing is sent from then on but that."""
    stop: Stop | None = None
    """None though stopped: a version kept it that told no agency."""
    done_at: datetime | None = None
    """The result was at the desk before every agency that decides had the dossier: it went by hand."""

    @property
    def over(self) -> bool:
        """Stopped or done by hand: who hasn't got the dossier never does, and nobody is told more than the stop."""
        return self.stopped_at is not None or self.done_at is not None

    @property
    def to_recall(self) -> bool:
        """Stopped, and yet in an agency's hands."""
        return self.stopped_at is not None and any(leg.in_hand for leg in self.legs)

    @property
    def to_correct(self) -> bool:
        """An agency works by something that was corrected, and nobody has told it."""
        return not self.over and any(leg.untold for leg in self.legs)

    @property
    def deciding(self) -> tuple[Leg, ...]:
        """The legs whose results end the dossier. Whoever cooperates beside the lead is heard, and holds nothing up."""
        last = max((leg.order for leg in self.legs if leg.role == "lead"), default=0)
        return tuple(leg for leg in self.legs if leg.role == "lead" or leg.order > last)

    @property
    def unplaced(self) -> tuple[Leg, ...]:
        """The legs that nobody is competent for. A dossier that is held whole is held for one of them.

        One that is over wants no agency beside those that have it.
        """
        if self.failed_leg is None or self.over:
            return ()
        if all(leg.agency is None for leg in self.legs):
            return (self.named(self.failed_leg),)
        return tuple(leg for leg in self.legs if leg.agency is None)

    @property
    def completed(self) -> bool:
        return bool(self.legs) and all(leg.outcome is not None for leg in self.deciding)

    @property
    def state(self) -> TransferState:
        states = {leg.state for leg in self.legs}
        if self.plan is None:
            return "unknown"
        if self.unplaced:
            return "routing_failed"
        if self.completed:
            return "completed"
        if "refused" in states:
            return "refused"
        return "routed" if states <= {"planned", "routed"} else "handed_over"

    @property
    def offices(self) -> tuple[str, ...]:
        """Codes of the desk and the agencies whose people may see it."""
        desk = () if self.plan is None else (self.plan.desk,)
        return (*desk, *(leg.agency.code for leg in self.legs if leg.agency is not None))

    @property
    def contradicted(self) -> bool:
        """Whether an agency gave two results that can't both be true."""
        return any(leg.conflicts for leg in self.legs)

    def leg_of(self, leg: str, agency_code: str) -> Leg | None:
        """The leg of that name, if it is this agency's."""
        return next(
            (one for one in self.legs if one.leg == leg and one.agency and one.agency.code == agency_code), None
        )

    def named(self, leg: str) -> Leg:
        """The leg of that name. Raises KeyError."""
        if (found := self.find(leg)) is None:
            raise KeyError(leg)
        return found

    def find(self, leg: str) -> Leg | None:
        """The leg of that name, if there is one."""
        return next((one for one in self.legs if one.leg == leg), None)

    def with_leg(self, changed: Leg) -> "Transfer":
        return self._replace(legs=tuple(changed if leg.leg == changed.leg else leg for leg in self.legs))


def plan_transfer(stub: Transfer, plan: Plan, legs: Sequence[Leg], dossier: Consignment) -> Transfer:
    """The dossier is accepted. Supplements that were read before it stand behind it."""
    waiting = () if stub.over else (dossier, *stub.waiting)
    return stub._replace(plan=plan.promised(dossier, *stub.waiting), legs=tuple(legs), waiting=waiting)


def stop(transfer: Transfer, told: Stop) -> Transfer:
    """Dừng giải quyết: nobody else gets it."""
    return _begun_no_more(transfer)._replace(stopped_at=told.at, stop=told)


def finish(transfer: Transfer, at: datetime) -> Transfer:
    """Đã có kết quả tại quầy: where an agency that decides hasn't the dossier it went by hand, and nobody else gets it.

    Else nothing changes: a partner is still to hear of it.
    """
    if transfer.legs and all(leg.taken for leg in transfer.deciding):
        return transfer
    return _begun_no_more(transfer)._replace(done_at=min(at, transfer.done_at or at))


def _begun_no_more(transfer: Transfer) -> Transfer:
    """Legs that nobody has are not begun, what waited for them is forgotten."""
    legs = tuple(leg if leg.taken or leg.refused_at else leg._replace(started=False) for leg in transfer.legs)
    return transfer._replace(legs=legs, waiting=())


def recall(transfer: Transfer, offered: Callable[[str], bool], now: datetime) -> tuple[Transfer, list[Leg]]:
    """The legs whose agencies are told to stop now: once each, as soon as they are known to have it and take the call.

    `offered`: whether the agency of that code takes it.
    """
    if transfer.stop is None:
        return transfer, []
    asking = [
        leg
        for leg in transfer.legs
        if leg.in_hand and leg.recall == Recall() and leg.agency is not None and offered(leg.agency.code)
    ]
    for leg in asking:
        transfer = transfer.with_leg(leg._replace(recall=Recall(asked_at=now)))
    return transfer, asking


def find_agencies(transfer: Transfer, competence: Competence, now: datetime) -> Transfer:
    """The competent agency of each leg that has none. Without one to lead, no leg gets any: it is held whole."""
    plan = transfer.plan
    assert plan is not None

    def placed(leg: Leg) -> Leg:
        return leg._replace(agency=competence.competent(leg.agency_kind, plan.procedure_code, plan.territory))

    legs = tuple(leg if leg.agency else placed(leg) for leg in transfer.legs)
    missing = [leg for leg in legs if leg.agency is None]
    if not missing:
        return transfer._replace(legs=legs, failed_leg=None, routed_at=now, edition=competence.edition)
    leaderless = [leg for leg in missing if leg.role == "lead"]
    return transfer._replace(
        legs=transfer.legs if leaderless else legs,
        failed_leg=(leaderless or missing)[0].leg,
        failed_at=transfer.failed_at or now,
        edition=competence.edition,
    )
