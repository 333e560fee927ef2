"""Ngày hẹn trả kết quả: the date that a receipt names, with everything that explains it.

A term that can be counted gives the date; a term that a person must read needs an officer's date and reason; a term
that gives none (immediate, unstated, not applicable) leaves the date open, and says so.
"""

from dataclasses import dataclass
from datetime import datetime

from hub_events.intake import Promise, StatedTerm
from hub_worktime import DEFAULT_HOURS, Calendar, NoDueDate, Reason, Term, WorkingHours, compute_due
from services.intake.domain.refusals import PromiseBeforeReceipt, TermIsComputed, TermNeedsAPerson

WITHOUT_DATE = frozenset({Reason.IMMEDIATE, Reason.UNSTATED, Reason.NOT_APPLICABLE})
"""Terms that lawfully end without a date on the receipt."""


@dataclass(frozen=True, slots=True)
class OfficersDate:
    """Ngày do cán bộ ấn định, where the term gives none by itself."""

    due_at: datetime
    officer: str
    sealed_reason: str


def promise_for(
    term: Term, complete_at: datetime, calendar: Calendar, hours: WorkingHours, given: OfficersDate | None
) -> Promise:
    """The promise of a dossier that was complete at `complete_at` (aware), by the working `hours` of its desk.

    It counts from that minute, as it is shown. Raises TermNeedsAPerson, TermIsComputed (a date was given although the
    term has one), PromiseBeforeReceipt.
    """
    counted_from = complete_at.replace(second=0, microsecond=0)
    own_hours = None if hours == DEFAULT_HOURS else str(hours)
    try:
        due = compute_due(counted_from, term, calendar=calendar, hours=hours)
    except NoDueDate as none:
        return _without_computation(term, counted_from, none.reason, given, own_hours)
    if given is not None:
        raise TermIsComputed
    return Promise(
        due_at=due.due_at,
        counted_from=counted_from,
        term=_stated(term, None),
        rule=due.rule,
        calendar=due.calendar,
        hours=own_hours,
        provisional=due.provisional,
    )


def _without_computation(
    term: Term, counted_from: datetime, reason: Reason, given: OfficersDate | None, own_hours: str | None
) -> Promise:
    stated = _stated(term, reason)
    if given is None:
        if reason not in WITHOUT_DATE:
            raise TermNeedsAPerson(reason.value)
        return Promise(due_at=None, counted_from=counted_from, term=stated)
    if given.due_at <= counted_from:
        raise PromiseBeforeReceipt
    return Promise(
        due_at=given.due_at,
        counted_from=counted_from,
        term=stated,
        hours=own_hours,
        set_by="officer",
        officer=given.officer,
        sealed_reason=given.sealed_reason,
    )


def _stated(term: Term, reason: Reason | None) -> StatedTerm:
    return StatedTerm(
        text=term.text[:500],
        unit=None if reason else term.unit,
        amount=None if reason else term.amount,
        reason=reason.value if reason else None,
        cut_off=term.cut_off.strftime("%H:%M") if term.cut_off else None,
    )
