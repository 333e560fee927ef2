"""Hồ sơ đang ở đâu: the dossier, what others reported and what happened at the desk; what can be done now."""

from datetime import datetime
from typing import NamedTuple

from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Action, Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import WrongState

CLOSED = frozenset({"refused", "stopped", "returned"})


def is_decided(progress: Progress, life: Life | None) -> bool:
    """A decision exists: the agencies have finished, or their result is at the desk."""
    return progress.completed_at is not None or (life is not None and life.result_ready_at is not None)


class Standing(NamedTuple):
    """Everything that decides what an officer can do with a dossier."""

    dossier: Dossier
    progress: Progress
    life: Life

    @property
    def decided(self) -> bool:
        """Whether a decision exists."""
        return is_decided(self.progress, self.life)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended: the result, or the stop. None: it hasn't."""
        ends = (self.progress.completed_at, self.life.result_ready_at, self.life.stopped_at)
        return min((at for at in ends if at is not None), default=None)

    @property
    def waits(self) -> bool:
        """Đang chờ bổ sung: the clock stands still, and no date counts."""
        return self.dossier.state == "supplement_requested" and not self.decided

    @property
    def reappointed_to(self) -> datetime | None:
        """Ngày hẹn lại, where an apology letter has put off the date that holds. It is judged by the first one."""
        return None if self.waits else self.life.reappointed(self.dossier.due_at)

    @property
    def to_be_returned(self) -> bool:
        """There is a result, and nobody has it yet; also one that came while a supplement was waited for."""
        return self.decided and self.dossier.state not in CLOSED

    @property
    def phase(self) -> str:
        """Where it stands, as fine as it is known; later versions may name more."""
        if self.dossier.state in CLOSED:
            return self.dossier.state
        if self.life.result_ready_at is not None:
            return "result_ready"
        if self.progress.completed_at is not None:
            return "completed"
        return "withdrawal_requested" if self.life.withdrawal_requested_at is not None else self.dossier.state

    @property
    def possible(self) -> tuple[Action, ...]:
        """What an officer can do now."""
        if self.dossier.state in CLOSED or self.dossier.from_an_old_book:
            return ()
        return (*self.dossier.possible(self.decided), *self._at_the_desk())

    def _at_the_desk(self) -> tuple[Action, ...]:
        if self.decided:
            ready: tuple[Action, ...] = () if self.life.result_ready_at else ("result-ready",)
            return (*ready, "return-result", "ask-fee", "correct")
        asked = self.life.withdrawal_requested_at is not None
        leaving: tuple[Action, ...] = ("stop",) if asked else ("request-withdrawal", "stop")
        here: tuple[Action, ...] = ("ask-fee", "correct")
        if self.waits:
            return (*leaving, *here)
        if self.dossier.accepted:
            return (*leaving, "record-step", "result-ready", *here)
        return (*leaving, "finish-on-the-spot", *here)

    def check(self, action: Action) -> Dossier:
        """The dossier, to which that can be done. Raises WrongState."""
        if action not in self.possible:
            raise WrongState(self.phase, self.possible)
        return self.dossier
