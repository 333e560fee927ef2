"""dossier.completed.v1"""

from hub_events.event import Fact
from hub_events.routing import DossierCompletedV1
from services.sla.domain.clock import Stop
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell


def on_dossier_completed(fact: Fact[DossierCompletedV1], uow: SlaWork) -> None:
    """Kết thúc tính thời hạn: judged by when the agency was done, not by when its answer arrived here."""
    clock = clock_of(uow, fact.dossier_id)
    tell(clock.stopped(Stop(fact.data.completed_at, "completed")), uow, fact.envelope)
