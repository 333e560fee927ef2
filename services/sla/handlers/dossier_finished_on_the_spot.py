"""dossier.finished_on_the_spot.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierFinishedOnTheSpotV1
from services.sla.domain.check import check
from services.sla.domain.clock import PromisedDate, Stop, kept
from services.sla.domain.warning import warn_at
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import alarm_if_different, clock_of, tell


def on_dossier_finished_on_the_spot(fact: Fact[DossierFinishedOnTheSpotV1], uow: SlaWork) -> None:
    """Bốn tại chỗ: the clock starts and ends with one fact."""
    clock = clock_of(uow, fact.dossier_id)
    if 0 in clock.dates:
        return
    promise = kept(fact.data.promise)
    date = PromisedDate(0, fact.data.accepted_at, promise, check(promise), warn_at(promise))
    alarm_if_different(fact.dossier_id, date)
    finished = clock._replace(
        dossier_code=fact.data.dossier_code,
        procedure=fact.data.procedure.code,
        desk=fact.data.desk.code,
        dates={**clock.dates, 0: date},
    )
    tell(finished.stopped(Stop(fact.data.returned_at, "completed")), uow, fact.envelope)
