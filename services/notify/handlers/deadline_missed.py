"""deadline.missed.v1"""

from hub_events.event import Fact
from hub_events.sla import DeadlineMissedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, tell
from services.notify.handlers.texts import spoken_date


def on_deadline_missed(fact: Fact[DeadlineMissedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo trễ hẹn: that the promised minute passed without a result; once for each date that was promised.

    Of a dossier that has ended by now nobody is told.
    """
    if fact.data.ended_at is not None:
        return
    fields = {"due": spoken_date(fact.data.due_at)}
    duty = DutyToInform("late", fact.data.request + 1, fact.id, "late", fields)
    tell(notices_of(uow, fact.dossier_id).with_duty(duty), uow, sending, fact.envelope)
