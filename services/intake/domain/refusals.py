"""Lý do không thực hiện được: why a request can't be done, for `api` to turn into problem details.

They hold codes and states only, never what a citizen wrote.
"""

from collections.abc import Sequence
from datetime import date, datetime


class Refusal(Exception):
    """Base of everything that a request may be refused for."""


class UnknownProcedure(Refusal):
    """No procedure of that code is published, or not in that version; None: in any."""

    def __init__(self, code: str = "", version: int | None = None) -> None:
        super().__init__("unknown procedure")
        self.code = code
        self.version = version


class ProcedureWithdrawn(Refusal):
    """The procedure had ended on the day of the receipt."""

    def __init__(self, effective_on: date, decision: str, successor: str | None, instead: str | None) -> None:
        super().__init__("procedure withdrawn")
        self.effective_on = effective_on
        self.decision = decision
        self.successor = successor
        self.instead = instead
        """The successor's name."""


class NoAgencyKind(Refusal):
    """The procedure's published version doesn't tell which kind of agency resolves it: nowhere to hand it over to."""


class UnknownDesk(Refusal):
    """No desk of that code exists, or not any more."""


class DeskEnded(Refusal):
    """The desk had ended on the day of the receipt."""

    def __init__(self, last_day: date) -> None:
        super().__init__("desk ended")
        self.last_day = last_day


class UnknownTerritory(Refusal):
    """No commune and no province has that code today."""


class UnknownCase(Refusal):
    """The procedure has no such case (trường hợp)."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__("unknown case")
        self.known = tuple(known)


class UnknownLeg(Refusal):
    """The procedure's version has no such leg."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__("unknown leg")
        self.known = tuple(known)


class UnknownComponent(Refusal):
    """The procedure asks for no such component."""

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__("unknown component")
        self.codes = tuple(codes)


class ReceiptNotBelievable(Refusal):
    """The stated time of receipt lies in the future, or too long ago."""

    def __init__(self, earliest: datetime, latest: datetime) -> None:
        super().__init__("receipt not believable")
        self.earliest = earliest
        self.latest = latest


class TermNeedsAPerson(Refusal):
    """The term gives no date by itself: an officer must set one, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TermIsComputed(Refusal):
    """The term gives the date; an officer can't set another one."""


class PromiseBeforeReceipt(Refusal):
    """The officer's date is not later than the receipt."""


class FormTooLarge(Refusal):
    """The form would not fit into an event."""


class NoSuchDossier(Refusal):
    """There is no dossier of that id."""


class DatesOutOfOrder(Refusal):
    """One date lies after another that it can't be later than."""

    def __init__(self, earlier: str, later: str) -> None:
        super().__init__("dates out of order")
        self.earlier = earlier
        self.later = later


class OldDossierDiffers(Refusal):
    """The number stands for a dossier that was entered with other facts."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__("old dossier differs")
        self.fields = tuple(fields)


class DecisionExists(Refusal):
    """It is too late to withdraw or stop: a decision exists."""


class NoSuchFee(Refusal):
    """No fee of that number was asked."""


class FeeNotBelievable(Refusal):
    """No fee is zero, negative, or more than any that is taken at a desk."""

    def __init__(self, most: int) -> None:
        super().__init__("fee not believable")
        self.most = most


class NoSuchProposal(Refusal):
    """The published version has no such line for the dossier's channel and case."""


class FeeNotProposed(Refusal):
    """The line states no amount beyond doubt: an officer asks it in numbers of their own."""

    def __init__(self, doubt: str) -> None:
        super().__init__(doubt)
        self.doubt = doubt


class FeeAskedAlready(Refusal):
    """That line was asked of this dossier before."""

    def __init__(self, fee: int) -> None:
        super().__init__("fee asked already")
        self.fee = fee


class FeeSettled(Refusal):
    """The fee is paid or waived already."""


class PaymentUsed(Refusal):
    """That payment has paid another fee of the dossier."""


class StepsOutOfOrder(Refusal):
    """Steps of which a later one is said to have been done before an earlier one."""


class NothingCorrected(Refusal):
    """What is said to be right stands already."""


class SecondRequest(Refusal):
    """The applicant was asked before, in the same stage: once more needs a superior's word."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class NoSuchList(Refusal):
    """There is no hand-over list of that id."""


class NothingToSend(Refusal):
    """No result of the list is still at the desk: all were handed out, or sent with another list."""


class ResultUnderWay(Refusal):
    """The result is on its way to another desk, which has not signed for it."""


class ResultHasLeft(Refusal):
    """The receiving desk has given the result away: it is too late to want it elsewhere."""


class SignedAlready(Refusal):
    """That side has signed the hand-over list."""


class AuthorisationLacking(Refusal):
    """The proxy's paper doesn't allow what is to be done, or not on that day."""

    def __init__(self, lack: str, act: str, valid_from: date | None, last_day: date | None) -> None:
        super().__init__(lack)
        self.lack = lack
        self.act = act
        self.valid_from = valid_from
        self.last_day = last_day


class WrongState(Refusal):
    """What was asked isn't possible in the dossier's state."""

    def __init__(self, state: str, possible: Sequence[str]) -> None:
        super().__init__(state)
        self.state = state
        self.possible = tuple(possible)
