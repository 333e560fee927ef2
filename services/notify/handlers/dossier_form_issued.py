"""dossier.form_issued.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierFormIssuedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import notices_of, tell
from services.notify.handlers.texts import spoken_date


def on_dossier_form_issued(fact: Fact[DossierFormIssuedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo ngày hẹn lại (NĐ 61/2018 Đ.19.9): the date that an apology letter gives; other forms bring no duty."""
    letter = fact.data
    if letter.new_due_at is None or letter.reappointment is None:
        return
    fields = {"due": spoken_date(letter.new_due_at)}
    duty = DutyToInform("reappointed", letter.reappointment, fact.id, "reappointed", fields)
    tell(notices_of(uow, fact.dossier_id).with_duty(duty), uow, sending, fact.envelope)
