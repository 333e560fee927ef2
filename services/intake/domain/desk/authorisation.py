"""Ủy quyền: until when, and for what, a paper lets somebody act for the applicant.

BLDS 2015 Đ.563, Đ.148 (R): where nothing is agreed, an authorisation is good for one year from the day it was made,
to the end of the same day of the next year. What a paper doesn't say is not checked: the officer reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.intake.domain.refusals import AuthorisationLacking

Act = Literal["submit", "supplement", "withdraw", "collect"]
Actor = Literal["applicant", "proxy"]
"""Who stands there: the applicant himself, or a person whom he authorised."""
Lack = Literal["not-yet-valid", "expired", "out-of-scope", "unreadable"]


class Authorisation(NamedTuple):
    """What the paper says. `scope`: what it allows; empty: it doesn't say, so all of it."""

    valid_from: date | None = None
    valid_until: date | None = None
    scope: tuple[Act, ...] = ()
    readable: bool = True
    """False: what was written down rests under a seal that can't be opened here."""

    @property
    def last_day(self) -> date | None:
        """The last day on which it is good; None: it tells neither end nor beginning."""
        if self.valid_until is not None or self.valid_from is None:
            return self.valid_until
        return _a_year_later(self.valid_from)

    def lack(self, act: Act, day: date) -> Lack | None:
        """Why it doesn't allow `act` on that day; None: nothing on the paper says so."""
        if not self.readable:
            return "unreadable"
        if self.scope and not self._names(act):
            return "out-of-scope"
        if self.valid_from is not None and day < self.valid_from:
            return "not-yet-valid"
        return "expired" if self.last_day is not None and day > self.last_day else None

    def _names(self, act: Act) -> bool:
        """Bổ sung completes what was submitted: who may submit may do it. Rút hồ sơ gives it up: it must be named."""
        return act in self.scope or (act == "supplement" and "submit" in self.scope)

    def check(self, act: Act, day: date, *, accepted: bool) -> Lack | None:
        """What is wrong with it, where somebody answers for it all the same. Raises AuthorisationLacking."""
        lack = self.lack(act, day)
        if lack is not None and not accepted:
            raise AuthorisationLacking(lack, act, self.valid_from, self.last_day)
        return lack


def written_authorisation(proxy: Mapping[str, Any] | None) -> Authorisation | None:
    """The authorisation of a proxy as it rests in a dossier's form; None: there is no proxy."""
    if proxy is None:
        return None
    begin, end = (date.fromisoformat(text) if (text := proxy.get(name)) else None for name in _DATES)
    return Authorisation(begin, end, tuple(proxy.get("scope") or ()))


_DATES = ("valid_from", "valid_until")


def _a_year_later(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29/02
        return day.replace(year=day.year + 1, day=28)


@dataclass(frozen=True, slots=True)
class ActByProxy:
    """Việc làm theo ủy quyền, as it is kept for whoever asks later. `sealed`: paper shown and reason.

    `lack`: what was wrong with the paper; then `officer` answers for it.
    """

    dossier_id: UUID
    event_id: UUID
    act: Act
    at: datetime
    desk_code: str
    lack: Lack | None
    officer: str | None
    sealed: str
