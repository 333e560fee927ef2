"""A person sends again: the same message, or one to the contact that is known by now."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from hub_messaging.work import DONE, READY, Decided, WorkRow
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import CONTACT_CHANGED, notices_of, outdated, told_anew


class Wish(NamedTuple):
    """Who sends what again, and why. `not_sent`: it was found out that the supplier has none. `now`: real time."""

    dossier_id: UUID
    key: str
    by: str
    why: str
    not_sent: bool
    now: datetime


def redo_message(wish: Wish, old: WorkRow | None, uow: NotifyWork, sending: Sending) -> bool:
    """Báo lại: under the old key, or to a newer contact by a message with a key of its own, for the supplier knows the
    old one by the old number.

    `old`: the message that waits for a person; None: of what reached nobody. False: there is nothing to send again.
    """
    notices = notices_of(uow, wish.dossier_id)
    duty, contact = notices.duties.get(wish.key), notices.contact
    if duty is None or contact is None or duty.told_otherwise or notices.is_moot(duty):
        return False
    if old is None:
        if duty.state != "unreached" or contact.barrier is not None:
            return False
    elif outdated(old, notices):
        uow.work.decide(Decided(old, DONE, CONTACT_CHANGED, wish.by, wish.why))
        if duty.state == "sent":  # at the newer contact
            return True
    else:
        _send(old, wish, uow)
        uow.notices.put(wish.dossier_id, notices.changed(duty._replace(state="due", ended_at=None, reason=None)))
        return True
    uow.notices.put(wish.dossier_id, notices.changed(told_anew(notices, duty, uow, sending, wish.now)))
    return True


def _send(row: WorkRow, wish: Wish, uow: NotifyWork) -> None:
    if wish.not_sent:
        uow.work.decide(Decided(row, READY, "not-sent", wish.by, wish.why))
    else:
        uow.work.send_again(row)
