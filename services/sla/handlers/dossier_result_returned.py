"""dossier.result_returned.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierResultReturnedV1
from services.sla.domain.clock import Stop
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell


def on_dossier_result_returned(fact: Fact[DossierResultReturnedV1], uow: SlaWork) -> None:
    """Đã trả kết quả: ends the clock of a dossier whose agency never reported its result; else that ended it before."""
    clock = clock_of(uow, fact.dossier_id)
    tell(clock.stopped(Stop(fact.data.returned_at, "completed")), uow, fact.envelope)
