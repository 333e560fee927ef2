"""dossier.corrected.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierCorrectedV1
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import contact_in, notices_of, tell


def on_dossier_corrected(fact: Fact[DossierCorrectedV1], uow: NotifyWork, sending: Sending) -> None:
    """Đính chính liên hệ: whom to tell from now on, and of what still waits. What was sent stays sent.

    Nothing is told about the correction.
    """
    notices = notices_of(uow, fact.dossier_id).at_desk(fact.data.desk.code)
    if "contact" in fact.data.what:
        notices = notices.with_contact(contact_in(fact))
    tell(notices, uow, sending, fact.envelope)
