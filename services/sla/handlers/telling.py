"""The step that ends every handler: say what became true, set the timers, keep the clock."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from prometheus_client import Counter

from hub_events.event import Envelope, derive_id
from services.sla.domain.clock import DossierClock, PromisedDate
from services.sla.domain.news import alarms, news
from services.sla.handlers.ports import SlaWork

log = structlog.get_logger(__name__)
DIFFERENCES = Counter(
    "hub_sla_date_differences_total",
    "Promised dates that the clock's own computation does not confirm. See GET /v1/deadlines?differs=true.",
    ["reason"],
)


def clock_of(uow: SlaWork, dossier_id: UUID) -> DossierClock:
    """The dossier's clock, or a stub: a fact may come before the acceptance."""
    return uow.clocks.get(dossier_id) or DossierClock(dossier_id)


def tell(clock: DossierClock, uow: SlaWork, because: Envelope | None) -> None:
    """Publishes the clock's news, moves its timers and stages it. `because`: the fact; None: a timer rang.

    An event's id follows from the dossier and from what is said, so that no redo and no other order says it twice.
    """
    # A timer that rang is written anew, whatever the clock thinks of it: none may ring for nothing for ever.
    known = alarms(clock_of(uow, clock.dossier_id)) if because is not None else {}
    said = clock.said
    for word, event, at in news(clock, uow.now):
        event_id = derive_id(clock.dossier_id, event.type, word, str(said.count(word)))
        uow.publish(event, dossier_id=clock.dossier_id, id=event_id, because=because, occurred_at=at)
        said = (*said, word)
    after = replace(clock, said=said)
    _set_timers(after, uow, known)
    uow.clocks.put(clock.dossier_id, after)


def alarm_if_different(dossier_id: UUID, date: PromisedDate) -> None:
    """A date that the clock does not confirm: counted, logged, and listed until a person has looked."""
    if not date.check.agrees:
        DIFFERENCES.labels(date.check.reason).inc()
        log.error("promised_date_differs", dossier_id=str(dossier_id), request=date.request, reason=date.check.reason)


def _set_timers(after: DossierClock, uow: SlaWork, known: Mapping[str, datetime | None]) -> None:
    """Writes the timers that differ from the `known` ones."""
    for kind, at in alarms(after).items():
        if kind in known and known[kind] == at:
            continue
        if at is None:
            uow.timers.cancel(after.dossier_id, kind)
        else:
            uow.timers.set(after.dossier_id, kind, at)
