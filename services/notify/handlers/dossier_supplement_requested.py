"""dossier.supplement_requested.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierSupplementRequestedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import contact_in, notices_of, tell


def on_dossier_supplement_requested(
    fact: Fact[DossierSupplementRequestedV1], uow: NotifyWork, sending: Sending
) -> None:
    """Báo yêu cầu bổ sung: once for each request. Before acceptance the dossier has no code to name."""
    notices = notices_of(uow, fact.dossier_id).at_desk(fact.data.desk.code, fact.data.procedure.name)
    fields = {"procedure": fact.data.procedure.name}
    if fact.data.dossier_code is not None:
        fields["code"] = fact.data.dossier_code
    template = "supplement" if fact.data.after_acceptance else "supplement-uncoded"
    duty = DutyToInform("supplement", fact.data.request, fact.id, template, fields)
    if fact.data.after_acceptance:
        notices = notices.without_letters()
    tell(notices.with_contact(contact_in(fact)).with_duty(duty), uow, sending, fact.envelope)
