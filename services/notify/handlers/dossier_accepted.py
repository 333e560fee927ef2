"""dossier.accepted.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierAcceptedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import contact_in, notices_of, tell
from services.notify.handlers.texts import spoken_date


def on_dossier_accepted(fact: Fact[DossierAcceptedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo đã tiếp nhận: dossier code and promised date. What waited for the code or the contact is told too."""
    due_at = fact.data.promise.due_at
    known = notices_of(uow, fact.dossier_id).with_date(0, due_at)
    notices = known._replace(
        dossier_code=fact.data.dossier_code,
        procedure=fact.data.procedure.name,
        desk=fact.data.desk.code,
    )
    if due_at is None:
        duty = DutyToInform("accepted", 1, fact.id, "accepted-undated", {})
    else:
        duty = DutyToInform("accepted", 1, fact.id, "accepted", {"due": spoken_date(due_at)})
    tell(notices.with_contact(contact_in(fact)).with_duty(duty), uow, sending, fact.envelope)
