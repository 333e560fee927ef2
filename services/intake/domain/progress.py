"""Tiến độ: what routing, sla and notify reported about a dossier; and what has not come yet.

The order in which facts arrive doesn't matter, nor how often: every field is an earliest, a latest, or the value that
belongs to the highest number. A dossier that isn't registered here (yet) has its progress kept all the same.
"""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from hub_events.event import Event
from hub_events.notify import (
    CitizenUnreachedV1,
    CitizenUnreachedV2,
    MessageFailedV1,
    MessageFailedV2,
    MessageSentV1,
    MessageSentV2,
)
from hub_events.routing import (
    DossierAcknowledgedV1,
    DossierCompletedV1,
    DossierCorrectionHandedOverV1,
    DossierHandedOverV1,
    DossierHandOverRefusedV1,
    DossierLegCompletedV1,
    DossierRecalledV1,
    DossierRecallRefusedV1,
    DossierRoutedV1,
    DossierRoutingFailedV1,
    DossierStepRecordedV1,
    DossierSupplementAskedV1,
)
from hub_events.sla import (
    DeadlineClockPausedV1,
    DeadlineClockRestartedV1,
    DeadlineClockStartedV1,
    DeadlineClockStoppedV1,
    DeadlineMissedV1,
    DeadlineWarningRaisedV1,
)

Notice = Literal["failed", "unreached", "sent"]
Missing = Literal["route", "clock", "notice"]
MISSING: tuple[Missing, ...] = ("route", "clock", "notice")

_RANK: dict[str | None, int] = {None: 0, "failed": 1, "unreached": 2, "sent": 3}


class Progress(NamedTuple):
    """What is known of a dossier's way. Business time, but `watched_since`: real time of the acceptance.

    A tuple: each of a dossier's facts makes a new one, which costs a frozen dataclass of this width eight times more.
    """

    dossier_id: UUID
    watched_since: datetime | None = None
    expects_clock: bool = True
    routed_at: datetime | None = None
    agency_code: str | None = None
    agency_name: str | None = None
    routing_failed_at: datetime | None = None
    routing_failed_reason: str | None = None
    handed_over_at: datetime | None = None
    hand_over_refused_at: datetime | None = None
    acknowledged_at: datetime | None = None
    supplement_asked_at: datetime | None = None
    completed_at: datetime | None = None
    result: str | None = None
    clock_started_at: datetime | None = None
    clock_number: int = -1
    """0: the first start; n: restarted by the n-th supplement. `clock_due_at` and `clock_agrees` are of this one."""
    clock_due_at: datetime | None = None
    clock_agrees: bool | None = None
    clock_paused_number: int = 0
    clock_stopped_at: datetime | None = None
    clock_outcome: str | None = None
    """Of two ends at one moment the first by name, so that facts commute: who judges goes by judgement.py instead."""
    warned_due_at: datetime | None = None
    missed_due_at: datetime | None = None
    notice: Notice | None = None
    """What became of telling the citizen that the dossier was accepted."""

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Which of the three that follow an acceptance have not been reported."""
        absent = {
            "route": self.routed_at is None,
            "clock": self.expects_clock and self.clock_started_at is None,
            "notice": self.notice is None,
        }
        return tuple(what for what in MISSING if absent[what])

    @property
    def settled(self) -> bool:
        return not self.missing

    @property
    def at_an_agency(self) -> bool:
        """An agency's system took the dossier, or the agency speaks of it: that may be heard earlier."""
        return any((self.handed_over_at, self.acknowledged_at, self.supplement_asked_at))

    def watch(self, since: datetime, expects_clock: bool) -> "Progress":
        """The dossier was accepted: route, clock and notice are expected from now on."""
        return self._replace(watched_since=since, expects_clock=expects_clock)

    def after(self, event: Event, occurred_at: datetime) -> "Progress":
        """The progress with one more fact; `occurred_at` is the envelope's business time."""
        match event:
            case DossierRoutedV1():
                return self._routed(event, occurred_at)
            case DossierRoutingFailedV1(role="lead"):
                last = max((self.routing_failed_at, self.routing_failed_reason), (occurred_at, event.reason), key=_late)
                return self._replace(routing_failed_at=last[0], routing_failed_reason=last[1])
            case DossierHandedOverV1():
                return self._replace(handed_over_at=_earliest(self.handed_over_at, event.handed_over_at))
            case DossierHandOverRefusedV1():
                return self._replace(hand_over_refused_at=_latest(self.hand_over_refused_at, event.refused_at))
            case DossierAcknowledgedV1():
                return self._replace(acknowledged_at=_earliest(self.acknowledged_at, event.acknowledged_at))
            case DossierSupplementAskedV1():
                return self._replace(supplement_asked_at=_latest(self.supplement_asked_at, event.asked_at))
            case DossierCompletedV1():
                first = min((self.completed_at, self.result), (event.completed_at, event.result), key=_early)
                return self._replace(completed_at=first[0], result=first[1])
            case DossierRoutingFailedV1() | DossierStepRecordedV1() | DossierCorrectionHandedOverV1():
                return self
            case DossierLegCompletedV1() | DossierRecalledV1() | DossierRecallRefusedV1():
                return self
            case MessageSentV2() | MessageFailedV2() | CitizenUnreachedV2():
                return self
            case MessageSentV1() | MessageFailedV1() | CitizenUnreachedV1():
                return self._told(event)
            case _:
                return self._clock(event, occurred_at)

    def _routed(self, event: DossierRoutedV1, at: datetime) -> "Progress":
        first = min(event.legs, key=lambda leg: (leg.role != "lead", leg.order, leg.leg)).agency
        chosen = max(
            (self.routed_at, self.agency_code or "", self.agency_name or ""), (at, first.code, first.name), key=_late
        )
        return self._replace(routed_at=chosen[0], agency_code=chosen[1], agency_name=chosen[2])

    def _told(self, event: MessageSentV1 | MessageFailedV1 | CitizenUnreachedV1) -> "Progress":
        if event.duty != "accepted":
            return self
        notice: Notice = (
            "sent"
            if isinstance(event, MessageSentV1)
            else "failed"
            if isinstance(event, MessageFailedV1)
            else "unreached"
        )
        return self._replace(notice=max(self.notice, notice, key=_RANK.__getitem__))

    def _clock(self, event: Event, at: datetime) -> "Progress":
        match event:
            case DeadlineClockStartedV1():
                started = self._replace(clock_started_at=_earliest(self.clock_started_at, at))
                return started._due(0, event.due_at, event.agrees)
            case DeadlineClockRestartedV1():
                return self._due(event.request, event.due_at, event.agrees)
            case DeadlineClockPausedV1():
                return self._replace(clock_paused_number=max(self.clock_paused_number, event.request))
            case DeadlineClockStoppedV1():
                first = min((self.clock_stopped_at, self.clock_outcome), (event.stopped_at, event.outcome), key=_early)
                return self._replace(clock_stopped_at=first[0], clock_outcome=first[1])
            case DeadlineWarningRaisedV1():
                return self._replace(warned_due_at=_latest(self.warned_due_at, event.due_at))
            case DeadlineMissedV1():
                return self._replace(missed_due_at=_latest(self.missed_due_at, event.due_at))
            case _:
                raise TypeError(f"{event.type} is no event that intake reads")

    def _due(self, number: int, due_at: datetime | None, agrees: bool) -> "Progress":
        known = (self.clock_number, self.clock_due_at, self.clock_agrees)
        newest = max(known, (number, due_at, agrees), key=lambda clock: (clock[0], _late(clock[1:2]), not clock[2]))
        return self._replace(clock_number=newest[0], clock_due_at=newest[1], clock_agrees=newest[2])


def _earliest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _latest(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _late(fact: tuple[datetime | None, *tuple[str | None, ...]]) -> tuple[bool, float, tuple[str, ...]]:
    """Sorts facts by their time, an absent one first."""
    at, *rest = fact
    return at is not None, at.timestamp() if at else 0.0, tuple(text or "" for text in rest)


def _early(fact: tuple[datetime | None, *tuple[str | None, ...]]) -> tuple[bool, float, tuple[str, ...]]:
    """Sorts facts by their time, an absent one last."""
    at, *rest = fact
    return at is None, at.timestamp() if at else 0.0, tuple(text or "" for text in rest)
