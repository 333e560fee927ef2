"""dossier.finished_on_the_spot.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierFinishedOnTheSpotV1
from services.sla.domain.clock import Stop
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, started, tell


def on_dossier_finished_on_the_spot(fact: Fact[DossierFinishedOnTheSpotV1], uow: SlaWork) -> None:
    """Bốn tại chỗ: the clock starts and ends with one fact; a result that waits to be collected is not late."""
    clock = clock_of(uow, fact.dossier_id)
    if 0 not in clock.dates:
        finished = started(clock, fact.data).ended_at_once(Stop(fact.data.approved_at, "completed"))
        tell(finished, uow, fact.envelope)
