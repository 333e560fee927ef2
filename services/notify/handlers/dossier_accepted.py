"""dossier.accepted.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierAcceptedV1
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.promised_date import acceptance_told
from services.notify.handlers.telling import contact_in, notices_of, tell


def on_dossier_accepted(fact: Fact[DossierAcceptedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo đã tiếp nhận: dossier code and promised date. What waited for the code or the contact is told too."""
    known = notices_of(uow, fact.dossier_id).with_date(0, fact.data.promise.due_at)
    notices = known._replace(
        dossier_code=fact.data.dossier_code,
        procedure=fact.data.procedure.name,
        desk=fact.data.desk.code,
    )
    duty = acceptance_told(fact.id, notices.due_at)
    tell(notices.with_contact(contact_in(fact)).with_duty(duty), uow, sending, fact.envelope)
