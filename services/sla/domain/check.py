"""Kiểm tra ngày hẹn trả: the promised date, computed once more from what the receipt says it rests on."""

from dataclasses import replace
from datetime import UTC, datetime, time

from hub_events.intake import Promise, StatedTerm
from hub_worktime import DueDate, NoDueDate, Reason, Term, Unit, compute_due, load_calendar, parse_term, read_hours
from services.sla.domain.clock import Check, DossierClock

SET_BY_OFFICER = "set-by-officer"
NO_TERM = "no-term"
CALENDAR_UNKNOWN, RULE_UNKNOWN = "calendar-unknown", "rule-unknown"
_KEPT = "Ngày hẹn trên giấy vẫn giữ nguyên."
NOT_HERE_YET = frozenset({CALENDAR_UNKNOWN, RULE_UNKNOWN})
"""Why nothing could be confirmed: the receipt names a version that this build did not have."""


def check(promise: Promise) -> Check:
    """Compares the promised minute with the computed one.

    A date that an officer set is a person's decision: it is not compared, and says so. Where the calendar's or the
    rules' version is not here nothing can be confirmed, so it does not agree either.
    """
    if promise.set_by == "officer":
        return Check(agrees=True, reason=SET_BY_OFFICER)
    if promise.term.unit is None:
        agrees = promise.due_at is None
        return Check(agrees=agrees, reason=NO_TERM if agrees else "date-without-term")
    try:
        computed = recompute(promise)
    except LookupError:
        return Check(agrees=False, reason=CALENDAR_UNKNOWN)
    except NoDueDate as none:
        return Check(agrees=False, reason=f"not-computable.{none.reason.value}")
    difference = _difference(promise, computed)
    return Check(difference is None, computed.due_at.astimezone(UTC), difference)


def checked_again(clock: DossierClock) -> DossierClock:
    """The clock with what could not be confirmed when it came checked once more: a newer build may know the version."""
    waiting = {number: date for number, date in clock.dates.items() if date.check.reason in NOT_HERE_YET}
    again = {number: replace(date, check=check(date.promise)) for number, date in waiting.items()}
    return clock._replace(dates={**clock.dates, **again})


def recompute(promise: Promise) -> DueDate:
    """The date by the clock's own computation. Raises LookupError (calendar) and NoDueDate."""
    term = term_of(promise.term)
    calendar = load_calendar(promise.calendar or "")
    return compute_due(promise.counted_from, term, calendar=calendar, hours=read_hours(promise.hours))


def term_of(stated: StatedTerm) -> Term:
    """The term as the receipt states it."""
    if stated.unit is None or stated.amount is None:
        return Term(stated.text, reason=Reason.NEEDS_A_PERSON)
    cut_off = time.fromisoformat(stated.cut_off) if stated.cut_off else None
    return Term(stated.text, Unit(stated.unit), stated.amount, cut_off=cut_off)


def _difference(promise: Promise, computed: DueDate) -> str | None:
    if promise.rule != computed.rule:
        return RULE_UNKNOWN
    reading = parse_term(promise.term.text)
    if reading.unit is not None and (reading.unit, reading.amount) != (computed.unit, computed.amount):
        return "term-reads-otherwise"
    if promise.due_at is None or _minute(promise.due_at) != _minute(computed.due_at):
        return "another-minute"
    return None


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def explain(promise: Promise, *, restarted: bool) -> tuple[str, ...]:
    """Diễn giải ngày hẹn, in words for the person who asks, by the calendar and rules of its receipt or not at all.

    `restarted`: it was set when a supplement had come.
    """
    if promise.set_by == "officer":
        return (f"Ngày hẹn do cán bộ {promise.officer} ấn định, có lý do kèm theo; không tính theo quy tắc.",)
    if promise.due_at is None:
        return (f"Thủ tục không ấn định thời hạn ({promise.term.reason}); không có ngày hẹn.",)
    try:
        computed = recompute(promise)
    except LookupError:
        return _not_here("lịch", promise.calendar)
    except NoDueDate as none:
        why = f"lịch {promise.calendar} không đến ngày đó, hoặc thời hạn không đếm được ({none.reason.value})"
        return (f"Không tính lại được ngày hẹn: {why}. {_KEPT}",)
    if computed.rule != promise.rule:
        return _not_here("bộ quy tắc", promise.rule)
    return computed.explained(restarted=restarted)


def _not_here(what: str, version: str | None) -> tuple[str, ...]:
    named = f"{what} {version or '(giấy tiếp nhận không nêu)'}"
    return (
        f"Không tính lại được ngày hẹn. Ở đây không có {named}, mà giấy tiếp nhận dựa vào. {_KEPT}",
        "Cần làm: nâng cấp sla lên bản có phiên bản đó, như intake, rồi xem lại; giấy không nêu thì hỏi nơi tiếp nhận.",
    )
