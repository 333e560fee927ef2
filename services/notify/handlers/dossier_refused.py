"""dossier.refused.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierRefusedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import contact_in, notices_of, tell


def on_dossier_refused(fact: Fact[DossierRefusedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo không tiếp nhận: that an officer refused; the reason is told at the desk, never by SMS."""
    notices = notices_of(uow, fact.dossier_id).at_desk(fact.data.desk.code, fact.data.procedure.name)
    duty = DutyToInform("refusal", 1, fact.id, "refusal", {"procedure": fact.data.procedure.name})
    tell(notices.with_contact(contact_in(fact)).with_duty(duty), uow, sending, fact.envelope)
