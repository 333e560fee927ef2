"""dossier.supplement_received.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementReceivedV1
from services.sla.domain.check import check
from services.sla.domain.clock import PromisedDate, kept
from services.sla.domain.warning import warn_at
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import alarm_if_different, clock_of, tell


def on_dossier_supplement_received(fact: Fact[DossierSupplementReceivedV1], uow: SlaWork) -> None:
    """Tính lại thời hạn từ đầu: the complete dossier is here, with a new date. Before acceptance there is none."""
    clock, request = clock_of(uow, fact.dossier_id), fact.data.request
    if fact.data.promise is None or request in clock.dates:
        return
    promise = kept(fact.data.promise)
    date = PromisedDate(
        request, fact.data.received_at, promise, check(promise), warn_at(promise), fact.data.previous_due_at
    )
    alarm_if_different(fact.dossier_id, date)
    tell(clock._replace(dates={**clock.dates, request: date}), uow, fact.envelope)
