"""The step that ends every handler: what can be told now is put on its way, or ends unreached at once."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import orjson

from hub_events.event import Envelope, Fact
from hub_events.ids import derive_id
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierRefusedV1,
    DossierStoppedV1,
    DossierSupplementRequestedV1,
)
from hub_events.notify import TOLD_OTHERWISE, CitizenUnreachedV1, CitizenUnreachedV2
from hub_messaging.work import NewWork, WorkRow
from services.notify.domain.notices import Contact, DutyToInform, Notices
from services.notify.handlers.ports import NotifyWork, Sending

CONTACT_CHANGED, OVERTAKEN = "contact-changed", "overtaken"
NamingContact = (
    DossierAcceptedV1 | DossierSupplementRequestedV1 | DossierRefusedV1 | DossierStoppedV1 | DossierCorrectedV1
)


def notices_of(uow: NotifyWork, dossier_id: UUID) -> Notices:
    """What is known of the dossier so far."""
    return uow.notices.get(dossier_id) or Notices(dossier_id)


def contact_in(fact: Fact[NamingContact]) -> Contact:
    """Whom the fact says to tell."""
    return Contact(fact.data.sealed_contact, fact.data.contact_channels, fact.envelope.occurred_at, fact.id)


def tell(notices: Notices, uow: NotifyWork, sending: Sending, because: Envelope) -> None:
    """Sends what is ready and keeps the notices.

    What still waits in its lane is sent no more when it is moot, and goes to the contact that is known now.
    """
    notices = owed_no_more(notices, [duty for duty in notices.duties.values() if notices.is_moot(duty)], uow)
    notices = notices.changed(*_readdressed(notices, uow, sending, because))
    told = [_told(notices, duty, uow, sending, because) for duty in notices.ready()]
    uow.notices.put(notices.dossier_id, notices.changed(*told))


def _told(notices: Notices, duty: DutyToInform, uow: NotifyWork, sending: Sending, because: Envelope) -> DutyToInform:
    contact = notices.contact
    assert contact is not None
    if contact.barrier is not None:
        return unreached(notices.dossier_id, duty, contact.barrier, uow, because)
    trace = {} if because.traceparent is None else {"traceparent": because.traceparent}
    uow.work.add(message(notices, duty, duty.message_id, sending, because.recorded_at, **trace))
    return duty._replace(state="due")


def owed_no_more(notices: Notices, duties: Iterable[DutyToInform], uow: NotifyWork) -> Notices:
    """Without those of the duties that the citizen certainly was not told of.

    After a stop nothing is taken back: its lane sends what is on its way before the stop's message, the last word.
    """

    def is_untold(duty: DutyToInform) -> bool:
        waits = duty.state == "waiting_contact"
        return waits or (not notices.stopped and uow.work.take_back(notices.dossier_id, duty.key, OVERTAKEN))

    return notices.without(*[duty.key for duty in duties if is_untold(duty)])


def never_owed(notices: Notices, key: str, uow: NotifyWork) -> Notices:
    """Without the duty of this name, whether its fact was heard or comes only now; one that was told stays."""
    duty = notices.duties.get(key)
    return notices.without(key) if duty is None else owed_no_more(notices, [duty], uow)


def _readdressed(notices: Notices, uow: NotifyWork, sending: Sending, because: Envelope) -> list[DutyToInform]:
    before, now = notices_of(uow, notices.dossier_id).contact, notices.contact
    if before is None or now is None or before.sealed == now.sealed:
        return []
    return [
        told_anew(notices, duty, uow, sending, because.recorded_at)
        for duty in notices.duties.values()
        if uow.work.take_back(notices.dossier_id, duty.key, CONTACT_CHANGED)
    ]


def told_anew(
    notices: Notices, duty: DutyToInform, uow: NotifyWork, sending: Sending, fact_at: datetime
) -> DutyToInform:
    """To the contact that is known now, by a message with a key of its own; unreached when there is no way to."""
    contact = notices.contact
    assert contact is not None
    if contact.barrier is not None:
        return unreached(notices.dossier_id, duty, contact.barrier, uow)
    uow.work.add(message(notices, duty, duty.message_to(contact), sending, fact_at))
    return duty._replace(state="due", ended_at=None, reason=None)


def message(
    notices: Notices, duty: DutyToInform, message_id: UUID, sending: Sending, fact_at: datetime, **more: str
) -> NewWork:
    """The message to the contact that is known now; `more` stands in its body too."""
    assert notices.contact is not None
    body = {
        "sealed_contact": notices.contact.sealed,
        "text": sending.texts.render(duty.template, notices.fields_of(duty)),
        "reference": f"{notices.dossier_id}:{duty.reference}",
        **more,
    }
    return NewWork(message_id, sending.lane, notices.dossier_id, duty.key, fact_at, orjson.dumps(body))


def outdated(row: WorkRow, notices: Notices) -> bool:
    """The message goes to another contact than the one that is known now, or says what its duty says no more."""
    contact, duty = notices.contact, notices.duties[row.kind]
    if contact is None:
        return False
    sealed: str = orjson.loads(row.body)["sealed_contact"]
    return contact.sealed != sealed or row.id not in (duty.message_id, duty.message_to(contact))


def unreached(
    dossier_id: UUID,
    duty: DutyToInform,
    reason: str,
    uow: NotifyWork,
    because: Envelope | None = None,
    **told: str | None,
) -> DutyToInform:
    """No channel is left: says so; the desk must reach the person otherwise, or has: `told` says who and how."""
    what = {"duty": duty.duty, "occasion": duty.occasion, "unreached_at": uow.now, "reason": reason, **told}
    event = CitizenUnreachedV2(**what) if duty.newer else CitizenUnreachedV1(**what)
    otherwise = (reason,) if reason == TOLD_OTHERWISE else ()  # may follow upon another: a fact of its own
    event_id = derive_id(duty.cause, "unreached", duty.key, *otherwise)
    uow.publish(event, dossier_id=dossier_id, id=event_id, because=because)
    return duty._replace(state="unreached", ended_at=uow.now, reason=reason)
