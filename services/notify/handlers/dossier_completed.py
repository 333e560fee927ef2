"""dossier.completed.v1"""

from hub_events.event import Fact
from hub_events.routing import DossierCompletedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, tell


def on_dossier_completed(fact: Fact[DossierCompletedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo đã có kết quả."""
    duty = DutyToInform("completed", 1, fact.id, "completed", {})
    tell(notices_of(uow, fact.dossier_id).with_duty(duty), uow, sending, fact.envelope)
