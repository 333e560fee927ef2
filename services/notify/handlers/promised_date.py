"""Ngày hẹn trong tin báo đã tiếp nhận: a message that has not gone yet names the date that holds when it goes."""

from datetime import datetime
from uuid import UUID

from services.notify.domain.notices import DutyToInform, Notices
from services.notify.handlers.ports import NotifyWork, Sending
from services.notify.handlers.telling import OVERTAKEN, told_anew
from services.notify.handlers.texts import spoken_date


def acceptance_told(cause: UUID, due_at: datetime | None) -> DutyToInform:
    """Báo đã tiếp nhận, with the date if there is one. `cause`: the fact that gave it."""
    if due_at is None:
        return DutyToInform("accepted", 1, cause, "accepted-undated", {})
    return DutyToInform("accepted", 1, cause, "accepted", {"due": spoken_date(due_at)})


def dated_anew(notices: Notices, cause: UUID, fact_at: datetime, uow: NotifyWork, sending: Sending) -> Notices:
    """With the newest date in what was not told yet of the acceptance; what the supplier may have stays as it is."""
    anew = acceptance_told(cause, notices.due_at)
    told = notices.duties.get(anew.key)
    if told is None or told.told_otherwise or told.state == "sent":
        return notices
    waited = uow.work.take_back(notices.dossier_id, told.key, OVERTAKEN)
    if told.state == "due" and not waited:
        return notices
    anew = told._replace(cause=anew.cause, template=anew.template, fields=anew.fields)
    return notices.changed(told_anew(notices, anew, uow, sending, fact_at) if waited else anew)
