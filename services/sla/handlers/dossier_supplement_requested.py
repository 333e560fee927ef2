"""dossier.supplement_requested.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementRequestedV1
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell


def on_dossier_supplement_requested(fact: Fact[DossierSupplementRequestedV1], uow: SlaWork) -> None:
    """Tạm dừng tính thời hạn: after acceptance the dossier waits for the applicant. Before it, no clock runs yet."""
    clock = clock_of(uow, fact.dossier_id)
    if not fact.data.after_acceptance or fact.data.request in clock.pauses:
        return
    pauses = {**clock.pauses, fact.data.request: fact.data.requested_at}
    tell(clock._replace(pauses=pauses, desk=clock.desk or fact.data.desk.code), uow, fact.envelope)
