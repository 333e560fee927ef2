"""Lý do không thực hiện được: why a request can't be done, for `api` to turn into problem details.

They hold codes and states only, never what a citizen wrote.
"""

from collections.abc import Sequence
from datetime import datetime


class Refusal(Exception):
    """Base of everything that a request may be refused for."""


class UnknownProcedure(Refusal):
    """No procedure of that code is published, or not in that version; None: in any."""

    def __init__(self, code: str = "", version: int | None = None) -> None:
        super().__init__("unknown procedure")
        self.code = code
        self.version = version


class NoAgencyKind(Refusal):
    """The procedure's published version doesn't tell which kind of agency resolves it: nowhere to hand it over to."""


class UnknownDesk(Refusal):
    """No desk of that code exists."""


class UnknownCase(Refusal):
    """The procedure has no such case (trường hợp)."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__("unknown case")
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


class WrongState(Refusal):
    """What was asked isn't possible in the dossier's state."""

    def __init__(self, state: str, possible: Sequence[str]) -> None:
        super().__init__(state)
        self.state = state
        self.possible = tuple(possible)
