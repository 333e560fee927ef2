"""dossier.form_issued.v1"""

from hub_events.event import Fact
from hub_events.intake import DossierFormIssuedV1
from services.notify.domain.notices import DutyToInform
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import never_owed, notices_of, tell
from services.notify.handlers.texts import spoken_date


def on_dossier_form_issued(fact: Fact[DossierFormIssuedV1], uow: NotifyWork, sending: Sending) -> None:
    """Báo ngày hẹn lại (NĐ 61/2018 Đ.19.9): the date that an apology letter gives; other forms bring no duty.

    That the date which it puts off has passed is told no more; nor is the letter's, if that date counts no more by now.
    """
    letter = fact.data
    if letter.new_due_at is None or letter.reappointment is None:
        return
    fields = {"due": spoken_date(letter.new_due_at)}
    duty = DutyToInform("reappointed", letter.reappointment, fact.id, "reappointed", fields)
    notices = notices_of(uow, fact.dossier_id)
    if letter.request is None or letter.request >= notices.newest_request:
        notices = notices.with_duty(duty)
    if letter.request is not None:
        notices = never_owed(notices, f"late:{letter.request + 1}", uow)
    tell(notices, uow, sending, fact.envelope)
