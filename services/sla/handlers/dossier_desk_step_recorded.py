"""dossier.desk_step_recorded.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierDeskStepRecordedV1
from services.sla.domain.clock import Stop
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell

RESULT_READY = "result-ready"


def on_dossier_desk_step_recorded(fact: Fact[DossierDeskStepRecordedV1], uow: SlaWork) -> None:
    """Kết quả đã về Bộ phận Một cửa ends the clock where no agency reports it: waiting to be collected is not late."""
    if fact.data.step != RESULT_READY:
        return
    tell(clock_of(uow, fact.dossier_id).stopped(Stop(fact.data.recorded_at, "completed")), uow, fact.envelope)
