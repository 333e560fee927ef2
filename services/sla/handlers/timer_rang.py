"""A timer of a clock rang."""

from uuid import UUID

from services.sla.domain.check import checked_again
from services.sla.handlers.ports import SlaWork
from services.sla.handlers.telling import clock_of, tell_time


def on_timer_rang(dossier_id: UUID, uow: SlaWork) -> None:
    """Đến giờ: says what has become true, and sets or clears the timers by what the clock knows."""
    tell_time(checked_again(clock_of(uow, dossier_id)), uow)
