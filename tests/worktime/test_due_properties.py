"""Ngày hẹn trả kết quả: another way of counting agrees, and a longer term is never due earlier."""

import random
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from hub_worktime import DEFAULT_HOURS, VIETNAM, Term, Unit, WorkingHours, compute_due, load_calendar

CALENDAR = load_calendar()
HOURS = [
    DEFAULT_HOURS,
    WorkingHours(((time(8), time(12)), (time(13), time(16, 30)))),
    WorkingHours(((time(7, 30), time(19)),)),
]


# --- the walker: day after day, opening after opening, knowing nothing of how the package counts ---


def _is_worked(day: date) -> bool:
    return day in CALENDAR.make_up_days or (day.weekday() < 5 and day not in CALENDAR.days_off)


def _next_worked(day: date) -> date:
    while True:
        day += timedelta(days=1)
        if _is_worked(day):
            return day


def _openings(start: datetime, hours: WorkingHours) -> Iterator[tuple[datetime, datetime]]:
    day = start.date()
    while True:
        if _is_worked(day):
            for opens, closes in hours.intervals:
                begin, end = (datetime.combine(day, edge, VIETNAM) for edge in (opens, closes))
                if end > start:
                    yield max(begin, start), end
        day += timedelta(days=1)


def _walk_time(start: datetime, length: timedelta, hours: WorkingHours) -> datetime:
    for begin, end in _openings(start, hours):
        if length <= end - begin:
            return begin + length
        length -= end - begin
    raise AssertionError


def _day_length(hours: WorkingHours) -> timedelta:
    monday = date(2026, 3, 2)
    ends = [(datetime.combine(monday, opens), datetime.combine(monday, closes)) for opens, closes in hours.intervals]
    return sum((end - begin for begin, end in ends), timedelta())


def _walk(received: datetime, unit: Unit, amount: Decimal, hours: WorkingHours, cut_off: time | None) -> datetime:
    counted, _ = next(_openings(received, hours))
    if cut_off and received.date() == counted.date() and received.time() > cut_off:
        counted = datetime.combine(_next_worked(counted.date()), hours.intervals[0][0], VIETNAM)
    whole, fraction = divmod(Fraction(amount), 1)
    if unit is Unit.WORKING_HOUR:
        return _walk_time(counted, timedelta(hours=1) * float(amount), hours) if amount else counted
    day = counted.date()
    if unit in (Unit.WORKING_DAY, Unit.CALENDAR_DAY) and 0 < amount < 1:
        return _walk_time(counted, _day_length(hours) * float(amount), hours)
    if unit is Unit.WORKING_DAY:
        for _ in range(whole + (1 if fraction else 0)):
            day = _next_worked(day)
        if fraction:
            opening = datetime.combine(day, hours.intervals[0][0], VIETNAM)
            return _walk_time(opening, _day_length(hours) * float(fraction), hours)
    elif unit is Unit.CALENDAR_DAY:
        for _ in range(whole + (1 if fraction else 0)):
            day += timedelta(days=1)
    else:
        wanted, year, month = day.day, day.year, day.month
        for _ in range(whole * (12 if unit is Unit.YEAR else 1)):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        day = date(year, month, min(wanted, monthrange(year, month)[1]))
    if not _is_worked(day):
        day = _next_worked(day)
    return datetime.combine(day, hours.intervals[-1][1], VIETNAM)


def _random_moment(dice: random.Random) -> datetime:
    year = dice.choice([2024, 2025, 2026, 2026, dice.randint(2000, 2090)])
    day = datetime(year, 1, 1, tzinfo=VIETNAM) + timedelta(days=dice.randint(0, 364))
    edges = ["06:59", "07:00", "11:29", "11:30", "13:29", "13:30", "15:00", "16:59", "17:00", "23:59", "00:00"]
    at = time.fromisoformat(dice.choice(edges)) if dice.random() < 0.4 else time(dice.randrange(24), dice.randrange(60))
    return datetime.combine(day, at, VIETNAM)


def _random_length(dice: random.Random) -> tuple[Unit, Decimal]:
    unit = dice.choice(list(Unit))
    most = {Unit.WORKING_DAY: 130, Unit.CALENDAR_DAY: 400, Unit.WORKING_HOUR: 300, Unit.MONTH: 40, Unit.YEAR: 5}[unit]
    amount = Decimal(dice.randint(0, dice.choice([3, most])))
    if unit not in (Unit.MONTH, Unit.YEAR) and dice.random() < 0.4:
        amount += Decimal(dice.choice(["0.25", "0.5", "0.75", "0.125"]))
    return unit, amount


def test_an_independent_walk_agrees_on_3000_random_cases() -> None:
    dice = random.Random(20260302)
    for _ in range(3_000):
        received, (unit, amount), hours = _random_moment(dice), _random_length(dice), dice.choice(HOURS)
        cut_off = dice.choice([None, None, time(15), time(11), time(12, 30)])
        due = compute_due(received, Term("", unit, amount), calendar=CALENDAR, hours=hours, cut_off=cut_off)
        expected = _walk(received, unit, amount, hours, cut_off)
        assert due.due_at == expected, (received, unit, amount, hours, cut_off)


# Zero is no length but "within the day", so it is compared with whole amounts only (docs/decisions/0010).
_AMOUNTS = st.decimals(min_value=0, max_value=400, places=3)
_MOMENTS = st.datetimes(datetime(2023, 6, 1), datetime(2029, 6, 1)).map(lambda moment: moment.replace(tzinfo=VIETNAM))  # noqa: DTZ001


@settings(max_examples=1500, deadline=None)
@given(_MOMENTS, st.sampled_from(Unit), st.tuples(_AMOUNTS, _AMOUNTS), st.sampled_from(HOURS))
def test_of_one_unit_a_longer_term_is_never_due_earlier(
    received: datetime, unit: Unit, amounts: tuple[Decimal, Decimal], hours: WorkingHours
) -> None:
    shorter, longer = sorted(amounts)
    if unit in (Unit.MONTH, Unit.YEAR):
        shorter, longer = shorter // 20, longer // 20
    if shorter == 0 and unit in (Unit.WORKING_DAY, Unit.CALENDAR_DAY):
        longer = longer // 1
    first, second = (
        compute_due(received, Term("", unit, amount), calendar=CALENDAR, hours=hours) for amount in (shorter, longer)
    )
    assert received <= first.due_at <= second.due_at


@settings(max_examples=1500, deadline=None)
@given(_MOMENTS, _MOMENTS, st.sampled_from(Unit), st.integers(0, 60))
def test_a_later_receipt_is_never_due_earlier(one: datetime, other: datetime, unit: Unit, amount: int) -> None:
    earlier, later = sorted((one, other))
    term = Term("", unit, Decimal(amount))
    assert compute_due(earlier, term, calendar=CALENDAR).due_at <= compute_due(later, term, calendar=CALENDAR).due_at


@settings(max_examples=500, deadline=None)
@given(_MOMENTS, st.sampled_from(Unit), st.integers(0, 60))
def test_a_term_ends_while_the_unit_is_open_or_as_it_closes(received: datetime, unit: Unit, amount: int) -> None:
    due = compute_due(received, Term("", unit, Decimal(amount)), calendar=CALENDAR).due_at
    assert _is_worked(due.date())
    assert any(opens <= due.time() <= closes for opens, closes in DEFAULT_HOURS.intervals)
