"""dossier.supplement_received.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementReceivedV1
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.promised_date import dated_anew
from services.notify.handlers.telling import never_owed, notices_of, tell


def on_dossier_supplement_received(fact: Fact[DossierSupplementReceivedV1], uow: NotifyWork, sending: Sending) -> None:
    """Đã bổ sung hồ sơ: that papers are wanted is told no more, even if that is heard later; the new date holds."""
    request, promise = fact.data.request, fact.data.promise
    notices = never_owed(notices_of(uow, fact.dossier_id), f"supplement:{request}", uow)
    if promise is not None:
        newest = request > notices.due_request
        notices = notices.with_date(request, promise.due_at).without_letters()
        if newest:
            notices = dated_anew(notices, fact.id, fact.envelope.recorded_at, uow, sending)
    tell(notices, uow, sending, fact.envelope)
