"""Bãi bỏ thủ tục: a procedure ends on a day that a decision names; one person proposes, another confirms.

    proposed → approved (all versions so far end on that day) → taken back (it was a mistake)
             → rejected

Dossiers that were received before that day go on under the version that they are pinned to.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from hub_worktime import day_in_vietnam, start_in_vietnam
from services.intake.domain.refusals import Refusal

State = Literal["proposed", "approved", "rejected", "taken_back"]


class NoSuchWithdrawal(Refusal):
    """Nobody proposed it."""


class ProposedByThemselves(Refusal):
    """Who proposes doesn't confirm."""


class WithdrawalDecided(Refusal):
    """It isn't in the state in which this can be decided."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class DayHasPassed(Refusal):
    """Nothing ends in the past: dossiers were received meanwhile."""

    def __init__(self, today: date) -> None:
        super().__init__("day has passed")
        self.today = today


class WithdrawnAlready(Refusal):
    """The newest version ends already, by another decision."""


class SuccessorUnsound(Refusal):
    """The successor isn't published, has ended itself, or is the procedure itself."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Một đề nghị bãi bỏ. `effective_on`: the first day without the procedure."""

    id: UUID
    code: str
    decision: str
    effective_on: date
    successor: str | None
    state: State
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    taken_back_by: str | None = None
    taken_back_at: datetime | None = None
    sealed_why: str | None = None

    def approve(self, who: str, at: datetime) -> "Withdrawal":
        """Duyệt by a second person, not later than on the day itself. Raises Refusal."""
        self._check("proposed", who)
        check_day(self.effective_on, at)
        return replace(self, state="approved", decided_by=who, decided_at=at)

    def reject(self, who: str, at: datetime, sealed_why: str) -> "Withdrawal":
        """Từ chối, also by who proposed it. Raises WithdrawalDecided."""
        self._check("proposed", None)
        return replace(self, state="rejected", decided_by=who, decided_at=at, sealed_why=sealed_why)

    def take_back(self, who: str, at: datetime, sealed_why: str) -> "Withdrawal":
        """Hủy việc bãi bỏ đã nhập nhầm, by another person than who proposed it. Raises Refusal."""
        self._check("approved", who)
        return replace(self, state="taken_back", taken_back_by=who, taken_back_at=at, sealed_why=sealed_why)

    def _check(self, state: State, who: str | None) -> None:
        if self.state != state:
            raise WithdrawalDecided(self.state)
        if who == self.proposed_by:
            raise ProposedByThemselves


@dataclass(frozen=True, slots=True)
class Ending:
    """What stands of a procedure's end: its versions up to `through` end on `effective_on`; 0: it was taken back.

    `edition`: the reference version of the publication that said so.
    """

    code: str
    withdrawal: UUID
    through: int
    effective_on: date
    decision: str
    successor: str | None
    edition: int

    @property
    def starts(self) -> datetime:
        """The first instant without the procedure."""
        return start_in_vietnam(self.effective_on)

    def ends(self, version: int) -> bool:
        """Whether that version has an end; it may lie ahead."""
        return version <= self.through

    def told(self) -> str:
        """In words, for a person."""
        instead = f", thay bằng {self.successor}" if self.successor else ""
        return f"Bãi bỏ từ {self.effective_on:%d/%m/%Y} theo {self.decision}{instead}."


def check_day(day: date, now: datetime) -> None:
    """Raises DayHasPassed."""
    today = day_in_vietnam(now)
    if day < today:
        raise DayHasPassed(today)
