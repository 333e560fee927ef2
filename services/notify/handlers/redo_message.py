"""A person sends again, and the contact is another than when the message was made."""

from datetime import datetime
from uuid import UUID

from hub_messaging.work import DONE, Decided, WorkRow
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import CONTACT_CHANGED, notices_of, told_anew


def redo_message(
    dossier_id: UUID, key: str, old: WorkRow | None, by: str, why: str, now: datetime, uow: NotifyWork, sending: Sending
) -> bool:
    """Báo lại theo liên hệ mới: a new message with a key of its own, for the supplier knows `old` by the old number.

    `old`: the message that waits for a person, which ends; None: of what reached nobody. `now`: real time. False: there
    is nothing to send again.
    """
    notices = notices_of(uow, dossier_id)
    duty, contact = notices.duties.get(key), notices.contact
    if duty is None or contact is None or duty.told_otherwise or notices.is_moot(duty):
        return False
    if old is not None:
        uow.work.decide(Decided(old, DONE, CONTACT_CHANGED, by, why))
    elif duty.state != "unreached" or contact.barrier is not None:
        return False
    uow.notices.put(dossier_id, notices.changed(told_anew(notices, duty, uow, sending, now)))
    return True
