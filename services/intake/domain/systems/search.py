"""Tra cứu hồ sơ: what a list or a count asks for. A dossier must fit all that is asked; what is None asks nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from hub_events.intake import Channel
from services.intake.domain.national_status import RegisterStatus

Order = Literal["newest", "due"]
"""`newest`: received last, first. `due`: what is under way and has a date, soonest first."""


class Span(NamedTuple):
    """A span of time, half open: from `since` on, before `until`; either may be missing."""

    since: datetime | None = None
    until: datetime | None = None


ANY_TIME = Span()


class Place(NamedTuple):
    """Where in an ordered list a dossier stands."""

    at: datetime
    dossier_id: UUID


@dataclass(frozen=True, slots=True)
class Search:
    """`desks`: those asked for that lie in the caller's area; None: all. `as_of`: business time, for `late`."""

    desks: tuple[str, ...] | None
    as_of: datetime
    code: str | None = None
    procedure: str | None = None
    agency: str | None = None
    channel: Channel | None = None
    statuses: frozenset[RegisterStatus] | None = None
    received: Span = ANY_TIME
    accepted: Span = ANY_TIME
    due: Span = ANY_TIME
    late: bool | None = None


class Count(NamedTuple):
    """How many fit; `more`: counting stopped there, it is the least."""

    number: int
    more: bool
