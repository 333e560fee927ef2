"""dossier.accepted.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierAcceptedV1
from services.sla.domain.check import check
from services.sla.domain.clock import PromisedDate, kept
from services.sla.domain.warning import warn_at
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import alarm_if_different, clock_of, tell


def on_dossier_accepted(fact: Fact[DossierAcceptedV1], uow: SlaWork) -> None:
    """Bắt đầu tính thời hạn: from the date on the receipt, checked by the clock's own computation."""
    clock = clock_of(uow, fact.dossier_id)
    if 0 in clock.dates:
        return
    promise = kept(fact.data.promise)
    date = PromisedDate(0, fact.data.accepted_at, promise, check(promise), warn_at(promise))
    alarm_if_different(fact.dossier_id, date)
    started = clock._replace(
        dossier_code=fact.data.dossier_code,
        procedure=fact.data.procedure.code,
        desk=fact.data.desk.code,
        dates={**clock.dates, 0: date},
    )
    tell(started, uow, fact.envelope)
