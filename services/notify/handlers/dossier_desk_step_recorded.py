"""dossier.desk_step_recorded.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierDeskStepRecordedV1
from services.notify.domain.notices import result_told
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, tell

RESULT_READY = "result-ready"


def on_dossier_desk_step_recorded(fact: Fact[DossierDeskStepRecordedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo đã có kết quả, where the desk says it and no agency does. Other steps of the desk are nobody's news."""
    if fact.data.step != RESULT_READY:
        return
    notices = notices_of(uow, fact.dossier_id).at_desk(fact.data.desk.code)
    tell(notices.with_duty(result_told(fact.dossier_id)), uow, sending, fact.envelope)
