"""dossier.supplement_received.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementReceivedV1
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, owed_no_more, tell


def on_dossier_supplement_received(fact: Fact[DossierSupplementReceivedV1], uow: NotifyWork, sending: Sending) -> None:
    """Đã bổ sung hồ sơ: that papers are wanted is told no more, and the date that was set anew is the promised one."""
    notices, promise = notices_of(uow, fact.dossier_id), fact.data.promise
    if (asked_for := notices.duties.get(f"supplement:{fact.data.request}")) is not None:
        notices = owed_no_more(notices, [asked_for], uow)
    if promise is not None:
        notices = notices._replace(due_at=promise.due_at)
    tell(notices, uow, sending, fact.envelope)
