"""Theo dõi thời hạn: what `sla` says about a dossier's clock (topic `sla-deadline-events`)."""

from typing import ClassVar, Literal

from pydantic import Field

from hub_events.event import Event
from hub_events.values import Moment, Slug


class DeadlineClockStartedV1(Event):
    """Bắt đầu tính thời hạn giải quyết; `due_at` None: the term is none and nothing will ring."""

    type: ClassVar[str] = "deadline.clock_started.v1"
    due_at: Moment | None = None
    warn_at: Moment | None = None
    agrees: bool
    """The clock's own computation gives the promised minute too. False: an alarm, a person must look."""
    computed_due_at: Moment | None = None


class DeadlineClockPausedV1(Event):
    """Tạm dừng tính thời hạn: the dossier waits for the applicant."""

    type: ClassVar[str] = "deadline.clock_paused.v1"
    paused_at: Moment
    cause: Literal["supplement"] = "supplement"
    request: int = Field(ge=1)


class DeadlineClockRestartedV1(Event):
    """Tính lại thời hạn từ đầu: the complete dossier is here; the date moved."""

    type: ClassVar[str] = "deadline.clock_restarted.v1"
    due_at: Moment | None = None
    warn_at: Moment | None = None
    previous_due_at: Moment | None = None
    request: int = Field(ge=1)
    agrees: bool
    computed_due_at: Moment | None = None


class DeadlineClockStoppedV1(Event):
    """Kết thúc tính thời hạn: the result is there; early, on time or late against the date that then held."""

    type: ClassVar[str] = "deadline.clock_stopped.v1"
    stopped_at: Moment
    due_at: Moment | None = None
    outcome: Literal["early", "on_time", "late", "no_term"]
    """How it stood against the date when it ended, whatever ended it."""
    cause: Slug | None = None
    """What ended it: `completed`, `refused`, `stopped`; figures of how work was done leave out the last."""


class DeadlineWarningRaisedV1(Event):
    """Hồ sơ sắp đến hạn."""

    type: ClassVar[str] = "deadline.warning_raised.v1"
    due_at: Moment
    warned_at: Moment


class DeadlineMissedV1(Event):
    """Hồ sơ quá hạn: the promised minute has passed without a result."""

    type: ClassVar[str] = "deadline.missed.v1"
    due_at: Moment
    missed_at: Moment
    request: int = Field(default=0, ge=0)
    """Which date was missed: 0 the first one, n the one set after the n-th supplement."""
    ended_at: Moment | None = None
    """When the dossier had ended after all, where that was known when the miss was said: nobody waits any more."""
