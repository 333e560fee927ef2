"""dossier.supplement_received.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementReceivedV1
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.promised_date import dated_anew
from services.notify.handlers.telling import notices_of, owed_no_more, tell


def on_dossier_supplement_received(fact: Fact[DossierSupplementReceivedV1], uow: NotifyWork, sending: Sending) -> None:
    """Đã bổ sung hồ sơ: that papers are wanted is told no more, even if that is heard later; the new date holds."""
    notices, promise = notices_of(uow, fact.dossier_id), fact.data.promise
    wanted = f"supplement:{fact.data.request}"
    if (asked_for := notices.duties.get(wanted)) is not None:
        notices = owed_no_more(notices, [asked_for], uow)
    else:
        notices = notices.without(wanted)
    if promise is not None:
        newest = fact.data.request > notices.due_request
        notices = notices.with_date(fact.data.request, promise.due_at).without_letters()
        if newest:
            notices = dated_anew(notices, fact.id, fact.envelope.recorded_at, uow, sending)
    tell(notices, uow, sending, fact.envelope)
