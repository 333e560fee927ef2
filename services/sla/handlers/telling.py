"""The step that ends every handler: say what became true, set the timers, keep the clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from prometheus_client import Counter

from hub_events.event import Envelope
from hub_events.ids import derive_id
from hub_events.intake import DossierAcceptedV1, DossierFinishedOnTheSpotV1
from services.sla.domain.check import check
from services.sla.domain.clock import DossierClock, PromisedDate, kept
from services.sla.domain.news import News, alarms, news_of_facts, news_of_time
from services.sla.domain.warning import warn_at
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


def started(clock: DossierClock, data: DossierAcceptedV1 | DossierFinishedOnTheSpotV1) -> DossierClock:
    """The clock with the date on the receipt, checked by the clock's own computation; an alarm if that differs."""
    promise = kept(data.promise)
    date = PromisedDate(0, data.accepted_at, promise, check(promise), warn_at(promise))
    alarm_if_different(clock.dossier_id, date)
    return clock._replace(
        dossier_code=data.dossier_code,
        procedure=data.procedure.code,
        desk=data.desk.code,
        dates={**clock.dates, 0: date},
    )


def tell(clock: DossierClock, uow: SlaWork, because: Envelope) -> None:
    """Announces what a fact changed, moves the timers and stages the clock.

    That a minute has passed is never said here, even if it has: another fact that is on its way may deny it. The timer
    says it, once everything up to now has been read.
    """
    known = alarms(clock_of(uow, clock.dossier_id))
    _stage(clock, news_of_facts(clock), known, uow, because)


def tell_time(clock: DossierClock, uow: SlaWork) -> None:
    """Announces what has become true by now. What rang is written anew, so that none rings for nothing for ever."""
    _stage(clock, news_of_time(clock, uow.now), {}, uow, None)


def alarm_if_different(dossier_id: UUID, date: PromisedDate) -> None:
    """A date that the clock does not confirm: counted, logged, and listed until a person has looked."""
    if not date.check.agrees:
        DIFFERENCES.labels(date.check.reason).inc()
        log.error("promised_date_differs", dossier_id=str(dossier_id), request=date.request, reason=date.check.reason)


def _stage(
    clock: DossierClock,
    news: Sequence[News],
    known: Mapping[str, datetime | None],
    uow: SlaWork,
    because: Envelope | None,
) -> None:
    """Publishes; an event's id follows from dossier and word, so that no redo and no other order says it twice."""
    said = clock.said
    for item in news:
        event_id = derive_id(clock.dossier_id, item.event.type, item.word, str(said.count(item.word)))
        uow.publish(item.event, dossier_id=clock.dossier_id, id=event_id, because=because, occurred_at=item.at)
        said = (*said, item.word)
    after = clock._replace(said=said)
    _set_timers(after, uow, known)
    uow.clocks.put(clock.dossier_id, after)


def _set_timers(after: DossierClock, uow: SlaWork, known: Mapping[str, datetime | None]) -> None:
    """Writes the timers that differ from the `known` ones."""
    for kind, at in alarms(after).items():
        if kind in known and known[kind] == at:
            continue
        if at is None:
            uow.timers.cancel(after.dossier_id, kind)
        else:
            uow.timers.set(after.dossier_id, kind, at)
