"""dossier.accepted.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierAcceptedV1
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, started, tell


def on_dossier_accepted(fact: Fact[DossierAcceptedV1], uow: SlaWork) -> None:
    """Bắt đầu tính thời hạn: from the date on the receipt, checked by the clock's own computation."""
    clock = clock_of(uow, fact.dossier_id)
    if 0 not in clock.dates:
        tell(started(clock, fact.data), uow, fact.envelope)
