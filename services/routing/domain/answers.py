"""Trả lời của cơ quan giải quyết: what an agency says of its leg. Twice, late and out of order changes nothing true.

Each function gives the leg with the fact noted, or None when it was known already.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.routing.domain.transfer import Asked, Leg, Outcome, RecallAnswer, Step

CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
"""By so much an agency's clock and the desk's may differ."""
LONG_BEFORE: Final = timedelta(days=31)
"""No clock is wrong by more: nearer to the receipt it may be ours that was, and a refusal would lose a true answer."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Xác nhận tiếp nhận."""

    at: datetime
    foreign_number: str | None


@dataclass(frozen=True, slots=True)
class RecordStep:
    """Cập nhật tiến độ."""

    step: Step

    @property
    def at(self) -> datetime:
        return self.step.at


@dataclass(frozen=True, slots=True)
class AskSupplement:
    """Đề nghị bổ sung; `sealed_reason` holds what the agency wrote."""

    asked: Asked
    sealed_reason: str | None

    @property
    def at(self) -> datetime:
        return self.asked.at


@dataclass(frozen=True, slots=True)
class Complete:
    """Trả kết quả giải quyết."""

    outcome: Outcome

    @property
    def at(self) -> datetime:
        return self.outcome.at


@dataclass(frozen=True, slots=True)
class AnswerRecall:
    """Trả lời yêu cầu dừng giải quyết. `by`: who entered it; None: the agency's system says so."""

    answer: RecallAnswer
    at: datetime
    by: str | None = None
    sealed_why: str | None = None


Answer = Acknowledge | RecordStep | AskSupplement | Complete | AnswerRecall
_RANK: dict[RecallAnswer | None, int] = {None: 0, "unknown": 1, "stopped": 2, "decided": 3}


def before_the_receipt(answer: Answer, received_at: datetime | None) -> bool:
    """Whether it is dated long before the desk received the dossier, on paper perhaps. None: nobody kept when."""
    return received_at is not None and answer.at < received_at - LONG_BEFORE


def note(leg: Leg, answer: Answer) -> Leg | None:
    """The leg with what the agency says; None: that is known."""
    match answer:
        case Acknowledge(at, foreign_number):
            return acknowledge(leg, at, foreign_number)
        case RecordStep(step):
            return record_step(leg, step)
        case AskSupplement(asked):
            return ask_supplement(leg, asked)
        case Complete(outcome):
            return complete(leg, outcome)
        case AnswerRecall():
            return answer_recall(leg, answer)


def acknowledge(leg: Leg, at: datetime, foreign_number: str | None) -> Leg | None:
    """The agency has it in its books. The first acknowledgement counts."""
    if leg.acknowledged_at is not None:
        return None
    return leg._replace(acknowledged_at=at, foreign_number=leg.foreign_number or foreign_number)


def record_step(leg: Leg, step: Step) -> Leg | None:
    """A step of the agency's own process; kept in the order of its time."""
    if any((known.code, known.at) == (step.code, step.at) for known in leg.steps):
        return None
    return leg._replace(steps=tuple(sorted((*leg.steps, step), key=lambda one: (one.at, one.code))))


def ask_supplement(leg: Leg, asked: Asked) -> Leg | None:
    """The agency needs more from the applicant; the desk decides."""
    if asked in leg.asked:
        return None
    return leg._replace(asked=tuple(sorted((*leg.asked, asked), key=lambda one: (one.at, one.components))))


def complete(leg: Leg, outcome: Outcome) -> Leg | None:
    """The first result stands; another one is kept as a contradiction, never in its place."""
    if leg.outcome is None:
        return leg._replace(outcome=outcome)
    known = (leg.outcome, *leg.conflicts)
    if any(outcome.says_the_same(one) for one in known):
        return None
    return leg._replace(conflicts=(*leg.conflicts, outcome))


def answer_recall(leg: Leg, said: AnswerRecall) -> Leg | None:
    """What a person found out is the last word; of an agency's two answers, the one that leaves more to do."""
    known = leg.recall
    if said.by is None and (known.by is not None or _RANK[said.answer] <= _RANK[known.answer]):
        return None
    if said.by is not None and (said.by, said.answer) == (known.by, known.answer):
        return None
    noted = known._replace(answer=said.answer, answered_at=said.at, by=said.by, sealed_why=said.sealed_why)
    return leg._replace(recall=noted)


def hand_over(leg: Leg, at: datetime, foreign_number: str | None, corrections: int = 0) -> Leg:
    """The agency's system took the dossier, with so many corrections in it.

    Its own number from this answer outranks one from a callback.
    """
    return leg._replace(
        handed_over_at=leg.handed_over_at or at,
        foreign_number=foreign_number or leg.foreign_number,
        untold=tuple(number for number in leg.untold if number > corrections),
    )


def refuse(leg: Leg, at: datetime, reason: str) -> Leg:
    """The agency's system did not take the dossier; a person must look."""
    return leg._replace(refused_at=at, refused_reason=reason)
