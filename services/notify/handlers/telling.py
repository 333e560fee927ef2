"""The step that ends every handler: what can be told now is put on its way, or ends unreached at once."""

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
from hub_events.notify import CitizenUnreachedV1, CitizenUnreachedV2
from hub_messaging.work import NewWork
from services.notify.domain.notices import Contact, DutyToInform, Notices
from services.notify.handlers.ports import NotifyWork, Sending

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
    """Sends what is ready and keeps the notices."""
    told = [_told(notices, duty, uow, sending, because) for duty in notices.ready()]
    uow.notices.put(notices.dossier_id, notices.changed(*told))


def _told(notices: Notices, duty: DutyToInform, uow: NotifyWork, sending: Sending, because: Envelope) -> DutyToInform:
    contact = notices.contact
    assert contact is not None
    if contact.barrier is not None:
        return unreached(notices.dossier_id, duty, contact.barrier, uow, because)
    body = {
        "sealed_contact": contact.sealed,
        "text": sending.texts.render(duty.template, notices.fields_of(duty)),
        "reference": f"{notices.dossier_id}:{duty.reference}",
    }
    if because.traceparent is not None:
        body["traceparent"] = because.traceparent
    uow.work.add(
        NewWork(
            id=duty.message_id,
            lane=sending.lane,
            dossier_id=notices.dossier_id,
            kind=duty.key,
            fact_at=because.recorded_at,
            body=orjson.dumps(body),
        )
    )
    return duty._replace(state="due")


def unreached(
    dossier_id: UUID, duty: DutyToInform, reason: str, uow: NotifyWork, because: Envelope | None = None
) -> DutyToInform:
    """No channel is left: says so; the desk must reach the person otherwise."""
    what = {"duty": duty.duty, "occasion": duty.occasion, "unreached_at": uow.now, "reason": reason}
    event = CitizenUnreachedV2(**what) if duty.newer else CitizenUnreachedV1(**what)
    uow.publish(event, dossier_id=dossier_id, id=derive_id(duty.cause, "unreached", duty.key), because=because)
    return duty._replace(state="unreached", ended_at=uow.now, reason=reason)
