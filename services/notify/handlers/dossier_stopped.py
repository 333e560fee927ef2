"""dossier.stopped.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierStoppedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import contact_in, notices_of, tell


def on_dossier_stopped(fact: Fact[DossierStoppedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo dừng giải quyết: the reason is told at the desk, never by SMS. Never accepted, it has no code to name."""
    notices = notices_of(uow, fact.dossier_id).at_desk(fact.data.desk.code, fact.data.procedure.name)
    fields = {"procedure": fact.data.procedure.name}
    if fact.data.dossier_code is not None:
        fields["code"] = fact.data.dossier_code
    template = "stopped" if "code" in fields else "stopped-uncoded"
    duty = DutyToInform("stopped", 1, fact.id, template, fields)
    tell(notices.with_contact(contact_in(fact)).with_duty(duty), uow, sending, fact.envelope)
