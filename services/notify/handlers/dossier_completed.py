"""dossier.completed.v1"""

from hub_events.event import Fact
from hub_events.routing import DossierCompletedV1
from services.notify.domain.notices import result_told
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, tell


def on_dossier_completed(fact: Fact[DossierCompletedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo đã có kết quả."""
    notices = notices_of(uow, fact.dossier_id)
    tell(notices.with_duty(result_told(fact.dossier_id)), uow, sending, fact.envelope)
