"""dossier.stopped.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierStoppedV1
from services.sla.domain.clock import Stop
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell


def on_dossier_stopped(fact: Fact[DossierStoppedV1], uow: SlaWork) -> None:
    """Dừng giải quyết hồ sơ: the clock ends with the stop notice; no warning, no miss from then on."""
    clock = clock_of(uow, fact.dossier_id)
    tell(clock.stopped(Stop(fact.data.stopped_at, "stopped")), uow, fact.envelope)
