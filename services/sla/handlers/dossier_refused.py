"""dossier.refused.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierRefusedV1
from services.sla.domain.clock import Stop
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell


def on_dossier_refused(fact: Fact[DossierRefusedV1], uow: SlaWork) -> None:
    """Kết thúc tính thời hạn: a refusal after acceptance ends the clock; before it, only the stub knows."""
    clock = clock_of(uow, fact.dossier_id)
    tell(clock.stopped(Stop(fact.data.refused_at, "refused")), uow, fact.envelope)
