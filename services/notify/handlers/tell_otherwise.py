"""A person has told the citizen, by telephone or at the counter: nothing is left to send."""

from uuid import UUID

from hub_events.notify import TOLD_OTHERWISE
from hub_messaging.work import DONE, Decided, WorkRow
from services.notify.domain.notices import Told
from services.notify.handlers.ports import NotifyWork
from services.notify.handlers.telling import notices_of, unreached


def tell_otherwise(dossier_id: UUID, key: str, old: WorkRow | None, told: Told, why: str, uow: NotifyWork) -> bool:
    """Đã báo bằng cách khác: ends the duty, and `old`, its message that waits for a person.

    None: nothing waits, which is right of what reached nobody alone. False: there is nothing to end.
    """
    notices = notices_of(uow, dossier_id)
    duty = notices.duties.get(key)
    if duty is None:
        return False
    if old is not None:
        uow.work.decide(Decided(old, DONE, TOLD_OTHERWISE, told.entered_by, why))
        if duty.state == "sent":  # at a newer contact
            return True
        duty = duty._replace(attempts=old.attempts)
    elif duty.state != "unreached" or duty.told_otherwise:
        return False
    ended = unreached(
        dossier_id, duty._replace(told=told), TOLD_OTHERWISE, uow, told_by=told.officer, told_how=told.how
    )
    uow.notices.put(dossier_id, notices.changed(ended))
    return True
