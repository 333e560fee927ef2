"""The supplier gave its final answer about a message."""

from uuid import UUID

from hub_events.ids import derive_id
from hub_events.notify import MessageFailedV1, MessageFailedV2, MessageSentV1, MessageSentV2
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.work import WorkRow
from services.notify.domain.notices import SMS, DutyToInform, told_all_the_same
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, outdated, told_anew, unreached

NO_CHANNEL_LEFT = frozenset({"no-phone", "phone-invalid"})
"""Found out when the contact was opened: not the supplier's refusal; there is none to send to."""


def on_message_overtaken(row: WorkRow, outcome: Sent | Refused, uow: NotifyWork, sending: Sending) -> bool:
    """Liên hệ đã đính chính khi tin đang gửi: tells the citizen nothing, so they are told at the contact known now.

    False: it was not overtaken, what it came to is its duty's end. Where it was taken back while its attempt was under
    way, the newer message is there already, nobody can be told, or the duty is owed no more; a supplier that took it
    has told the citizen all the same.
    """
    notices = notices_of(uow, row.dossier_id)
    duty, contact = notices.duties.get(row.kind), notices.contact
    if duty is None and isinstance(outcome, Refused):
        return True
    if duty is None:
        uow.notices.put(row.dossier_id, notices.changed(told_all_the_same(row.kind, row.id)))
        return False
    if contact is None or not outdated(row, notices):
        return False
    if duty.state == "due" and contact.barrier is None:
        uow.notices.put(row.dossier_id, notices.changed(told_anew(notices, duty, uow, sending, row.fact_at)))
        return True
    return duty.state in ("sent", "unreached")


def on_message_sent(
    dossier_id: UUID, key: str, supplier: str, supplier_reference: str | None, attempts: int, uow: NotifyWork
) -> None:
    """Đã gửi thông báo: the supplier took it, which does not say that the citizen has it."""
    notices = notices_of(uow, dossier_id)
    duty = notices.duties[key]
    sent = duty._replace(
        state="sent",
        ended_at=uow.now,
        reason=None,
        attempts=attempts,
        supplier_reference=supplier_reference,
    )
    what = {
        "duty": duty.duty,
        "occasion": duty.occasion,
        "channel": SMS,
        "supplier": supplier,
        "sent_at": uow.now,
        "attempts": attempts,
        "supplier_reference": supplier_reference,
    }
    event = MessageSentV2(**what) if duty.newer else MessageSentV1(**what)
    uow.publish(event, dossier_id=dossier_id, id=_id(duty, "sent"))
    uow.notices.put(dossier_id, notices.changed(sent))


def on_message_refused(dossier_id: UUID, key: str, supplier: str, reason: str, attempts: int, uow: NotifyWork) -> None:
    """Gửi thông báo không thành công: the supplier will not take it; an operator may mend and send it again."""
    notices = notices_of(uow, dossier_id)
    duty = notices.duties[key]._replace(attempts=attempts)
    if reason in NO_CHANNEL_LEFT:
        uow.notices.put(dossier_id, notices.changed(unreached(dossier_id, duty, reason, uow)))
        return
    what = {
        "duty": duty.duty,
        "occasion": duty.occasion,
        "channel": SMS,
        "supplier": supplier,
        "failed_at": uow.now,
        "reason": reason,
    }
    event = MessageFailedV2(**what) if duty.newer else MessageFailedV1(**what)
    uow.publish(event, dossier_id=dossier_id, id=_id(duty, "failed"))
    failed = duty._replace(state="failed", ended_at=uow.now, reason=reason)
    uow.notices.put(dossier_id, notices.changed(failed))


def _id(duty: DutyToInform, what: str) -> UUID:
    return derive_id(duty.cause, what, duty.key, SMS)
