"""Tính ngày hẹn trả kết quả: from a receipt and a term to the minute that stands on the receipt. Pure, no walking.

A moment inside is a pair: the position of its day among the calendar's working days, and microseconds since midnight.
"""

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from math import ceil

from hub_worktime.calendars import Calendar
from hub_worktime.hours import DEFAULT_HOURS, MICROSECONDS_PER_HOUR, WorkingHours, microseconds_of
from hub_worktime.rules import GENERAL, load_rules
from hub_worktime.terms import Reason, Term, Unit

VIETNAM = timezone(timedelta(hours=7))  # Asia/Ho_Chi_Minh has had no other offset since 1975
_DAY_ONE = datetime(1, 1, 1, tzinfo=VIETNAM)
_UNIT_NAMES = {
    Unit.WORKING_DAY: "ngày làm việc",
    Unit.CALENDAR_DAY: "ngày",
    Unit.WORKING_HOUR: "giờ làm việc",
    Unit.MONTH: "tháng",
    Unit.YEAR: "năm",
}


def day_in_vietnam(moment: datetime) -> date:
    """Ngày theo giờ Việt Nam: on which day `moment` (aware) falls here, whatever zone it is told in."""
    return moment.astimezone(VIETNAM).date()


def start_in_vietnam(day: date) -> datetime:
    """Đầu ngày theo giờ Việt Nam: the first moment of `day` here."""
    return datetime.combine(day, time(), VIETNAM)


def span_in_vietnam(first: date, last: date) -> tuple[datetime, datetime]:
    """The days from `first` to `last`, both included: from the first of these moments on, and before the other."""
    return start_in_vietnam(first), start_in_vietnam(last + timedelta(days=1))


class NoDueDate(Exception):
    """Không có ngày hẹn: the term has no countable length, or its end lies outside what the calendar knows."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class DueDate:
    """Ngày hẹn trả kết quả, stamped with everything that it was computed from.

    All times are aware, +07:00. `provisional`: a day it walked lies in a year whose official swaps aren't entered.
    `rules` are the ids of the rules applied, of the rule set `rule`.
    """

    due_at: datetime
    unit: Unit
    amount: Decimal
    calendar: str
    rule: str
    provisional: bool
    received_at: datetime
    counted_from: datetime
    hours: WorkingHours
    rules: tuple[str, ...]
    _days: Calendar = field(repr=False, compare=False)

    @property
    def steps(self) -> tuple[str, ...]:
        """Diễn giải ngày hẹn: why this date, for the citizen who asks, by the law in force on the day of receipt."""
        return self.explained(restarted=False)

    def explained(self, *, restarted: bool) -> tuple[str, ...]:
        """The same of a term that began again from zero when a supplement had come, where `restarted`."""
        known = load_rules(self.rule).rules
        first, last = self.received_at.date(), self.due_at.date()
        off = sorted((day, name) for day, name in self._days.days_off.items() if first <= day <= last)
        made_up = sorted(day for day in self._days.make_up_days if first <= day <= last)
        began = "Hồ sơ đầy đủ" if restarted else "Nhận hồ sơ"
        rules = (*(["supplement-restarts"] if restarted else []), *self.rules)
        doubt = "Ngày tạm tính: lịch hoán đổi ngày nghỉ chính thức của một năm liên quan chưa được nhập."
        return (
            f"{began} lúc {_spoken(self.received_at)}; tính từ {_spoken(self.counted_from)}.",
            f"Thời hạn {self.amount:f} {_UNIT_NAMES[self.unit]}, theo lịch {self.calendar}, quy tắc {self.rule}.",
            *([f"Giờ làm việc của đơn vị: {self.hours}."] if self.hours != DEFAULT_HOURS else []),
            *(known[rule].quoted_on(first) for rule in rules),
            *(f"Nghỉ {day:%d/%m/%Y}: {name}." for day, name in off),
            *(f"Làm bù {day:%d/%m/%Y}." for day in made_up),
            f"Hạn trả kết quả: {_spoken(self.due_at)}.",
            *([doubt] if self.provisional else []),
        )


def _spoken(moment: datetime) -> str:
    return f"{moment:%H:%M} ngày {moment:%d/%m/%Y}"


def compute_due(
    received_at: datetime,
    term: Term,
    *,
    calendar: Calendar,
    hours: WorkingHours = DEFAULT_HOURS,
    cut_off: time | None = None,
) -> DueDate:
    """Ngày hẹn trả kết quả của hồ sơ nhận lúc `received_at` (aware; ValueError otherwise).

    `cut_off` is the procedure's own rule, before the one that the term's text states. Raises `NoDueDate` with the
    term's reason; `bad-input` for a receipt outside the calendar; `needs-a-person` for an end outside it, or for a
    fraction of a month.
    """
    if received_at.tzinfo is None:
        raise ValueError("received_at needs an offset: give an aware datetime")
    if term.unit is None or term.amount is None:
        raise NoDueDate(term.reason or Reason.NEEDS_A_PERSON)
    try:
        received = received_at.astimezone(VIETNAM)
    except OverflowError:
        raise NoDueDate(Reason.BAD_INPUT) from None
    if not calendar.first <= received.date() <= calendar.last:
        raise NoDueDate(Reason.BAD_INPUT)
    try:
        day, at, shifts = _counted_from(received, calendar, hours, cut_off or term.cut_off)
        due_day, due_at, rules = _end(day, at, term.unit, term.amount, calendar, hours)
        due = _moment(calendar.working[due_day], due_at)
        counted_from = _moment(calendar.working[day], at)
    except IndexError:  # past the last working day that the calendar knows
        raise NoDueDate(Reason.NEEDS_A_PERSON) from None
    return DueDate(
        due_at=due,
        unit=term.unit,
        amount=term.amount,
        calendar=calendar.id,
        rule=GENERAL,
        provisional=not all(map(calendar.official, range(received.year, due.year + 1))),
        received_at=received,
        counted_from=counted_from,
        hours=hours,
        rules=shifts + rules,
        _days=calendar,
    )


def _counted_from(
    received: datetime, calendar: Calendar, hours: WorkingHours, cut_off: time | None
) -> tuple[int, int, tuple[str, ...]]:
    """When the receipt counts as made: at once, at the next opening, or after the cut-off on the next working day."""
    ordinal = received.toordinal()
    at = microseconds_of(received.time())
    day = bisect_left(calendar.working, ordinal)
    if calendar.working[day] != ordinal:
        return day, hours.opens, ("receipt-out-of-hours",)
    opening = hours.next_open(at)
    if opening is None:
        return day + 1, hours.opens, ("receipt-out-of-hours",)
    if cut_off is not None and at > microseconds_of(cut_off):
        return day + 1, hours.opens, ("cut-off",)
    return day, opening, () if opening == at else ("receipt-out-of-hours",)


def _end(
    day: int, at: int, unit: Unit, amount: Decimal, calendar: Calendar, hours: WorkingHours
) -> tuple[int, int, tuple[str, ...]]:
    """The moment a term ends, with the rules applied."""
    whole = int(amount)
    fraction = amount - whole
    if unit is Unit.WORKING_HOUR:
        return *_after_working_time(day, at, _share(amount, MICROSECONDS_PER_HOUR), hours), ("working-minutes",)
    if unit in (Unit.WORKING_DAY, Unit.CALENDAR_DAY) and whole == 0 and fraction:
        return *_after_working_time(day, at, _share(fraction, hours.per_day), hours), ("working-minutes",)
    if unit is Unit.WORKING_DAY:
        if fraction:
            moment = hours.moment_when(_share(fraction, hours.per_day))
            return day + whole + 1, moment, ("receipt-day-not-counted", "fraction-of-a-day")
        rules = ("receipt-day-not-counted", "whole-working-days") if whole else ("same-day",)
        return day + whole, hours.closes, rules
    if unit is Unit.CALENDAR_DAY:
        last, rules = calendar.working[day] + ceil(amount), ("receipt-day-not-counted", "calendar-days")
    else:
        last = _months_later(calendar.working[day], amount * 12 if unit is Unit.YEAR else amount)
        rules = ("receipt-day-not-counted", "months-and-years")
    if last > calendar.last.toordinal():
        raise NoDueDate(Reason.NEEDS_A_PERSON)
    due_day = bisect_left(calendar.working, last)
    return due_day, hours.closes, rules if calendar.working[due_day] == last else (*rules, "last-day-off")


def _share(amount: Decimal, whole: int) -> int:
    return round(amount * whole)


def _after_working_time(day: int, at: int, length: int, hours: WorkingHours) -> tuple[int, int]:
    if length == 0:
        return day, at
    days, rest = divmod(hours.worked_before(at) + length, hours.per_day)
    if rest == 0:  # ends when a day closes, not when the next one opens
        return day + days - 1, hours.closes
    return day + days, hours.moment_when(rest)


def _months_later(ordinal: int, months: Decimal) -> int:
    """The corresponding day of the last month, or that month's last day where there is none."""
    if months % 1:
        raise NoDueDate(Reason.NEEDS_A_PERSON)
    start = date.fromordinal(ordinal)
    years, month = divmod(start.month - 1 + int(months), 12)
    year = start.year + years
    if year > date.max.year:
        raise NoDueDate(Reason.NEEDS_A_PERSON)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])).toordinal()


def _moment(ordinal: int, at: int) -> datetime:
    return _DAY_ONE + timedelta(days=ordinal - 1, microseconds=at)
