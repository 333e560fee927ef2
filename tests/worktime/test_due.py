"""Ngày hẹn trả kết quả: the rules, one by one, by cases with known answers."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from timeit import repeat

import pytest

from hub_worktime import (
    VIETNAM,
    Calendar,
    DueDate,
    NoDueDate,
    Reason,
    Term,
    Unit,
    WorkingHours,
    compute_due,
    day_in_vietnam,
    load_calendar,
    parse_term,
)

CALENDAR = load_calendar()


def _due(received: str, term: str, cut_off: time | None = None) -> DueDate:
    moment = datetime.fromisoformat(received).replace(tzinfo=VIETNAM)
    return compute_due(moment, parse_term(term), calendar=CALENDAR, cut_off=cut_off)


def _at(received: str, term: str) -> str:
    return f"{_due(received, term).due_at:%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def _refused(received: str, term: str) -> Reason:
    with pytest.raises(NoDueDate) as refused:
        _due(received, term)
    return refused.value.reason


@pytest.mark.parametrize(
    ("received", "term", "due"),
    [
        # whole working days: the receipt day isn't counted, closing time of the last day
        ("2026-02-13 15:30", "5 ngày làm việc", "2026-02-27 17:00"),
        ("2026-03-02 08:00", "1 ngày làm việc", "2026-03-03 17:00"),
        ("2026-03-06 16:59", "1 ngày làm việc", "2026-03-09 17:00"),
        # days off and make-up days
        ("2025-12-31 09:00", "1 ngày làm việc", "2026-01-05 17:00"),
        ("2026-01-09 09:00", "1 ngày làm việc", "2026-01-10 17:00"),
        ("2026-08-21 09:00", "1 ngày làm việc", "2026-08-22 17:00"),
        ("2025-04-25 09:00", "2 ngày làm việc", "2025-04-28 17:00"),
        ("2024-04-26 09:00", "1 ngày làm việc", "2024-05-02 17:00"),
        ("2026-11-23 09:00", "1 ngày làm việc", "2026-11-25 17:00"),
        # a fraction after whole days: the next working day, when that share of its minutes has passed
        ("2026-03-02 08:00", "2.5 WORKING_DAY", "2026-03-05 11:00"),
        ("2026-03-02 08:00", "1.25 WORKING_DAY", "2026-03-04 09:00"),
        ("2026-03-02 08:00", "1.75 WORKING_DAY", "2026-03-04 15:00"),
        ("2026-03-02 08:00", "1.5625 WORKING_DAY", "2026-03-04 11:30"),
        ("2026-03-02 08:00", "16.5 WORKING_DAY", "2026-03-25 11:00"),
        # below one day, and hours: working minutes from the receipt
        ("2026-03-02 08:00", "0.5 WORKING_DAY", "2026-03-02 14:00"),
        ("2026-03-02 16:00", "0.25 WORKING_DAY", "2026-03-03 08:00"),
        ("2026-03-02 08:00", "nửa ngày", "2026-03-02 14:00"),
        ("2026-03-17 10:00", "8 HOUR", "2026-03-18 10:00"),
        ("2026-03-02 07:00", "8 giờ", "2026-03-02 17:00"),
        ("2026-03-02 07:00", "4.5 giờ", "2026-03-02 11:30"),
        ("2026-03-02 10:30", "1 giờ", "2026-03-02 11:30"),
        ("2026-03-02 10:30", "1.5 giờ", "2026-03-02 14:00"),
        ("2026-03-06 16:30", "1 giờ", "2026-03-09 07:30"),
        ("2026-03-06 16:30", "24 giờ", "2026-03-11 16:30"),
        ("2026-03-02 10:00:30", "1 giờ", "2026-03-02 11:00:30"),
        ("2026-02-13 16:00", "2 giờ", "2026-02-23 08:00"),
        ("2026-03-02 09:15", "0 giờ", "2026-03-02 09:15"),
        # "trong ngày" is working day 0
        ("2026-03-02 08:00", "trong ngày", "2026-03-02 17:00"),
        ("2026-03-02 17:00", "trong ngày", "2026-03-03 17:00"),
        ("2026-02-13 15:20", "trong ngày", "2026-02-13 17:00"),
        # receipts outside working hours count as made at the next opening; intervals are half-open
        ("2026-03-02 06:59", "1 giờ", "2026-03-02 08:00"),
        ("2026-03-02 07:00", "1 giờ", "2026-03-02 08:00"),
        ("2026-03-02 11:29", "1 giờ", "2026-03-02 14:29"),
        ("2026-03-02 11:30", "1 giờ", "2026-03-02 14:30"),
        ("2026-03-02 12:30", "1 giờ", "2026-03-02 14:30"),
        ("2026-03-02 13:30", "1 giờ", "2026-03-02 14:30"),
        ("2026-03-02 16:59", "1 ngày làm việc", "2026-03-03 17:00"),
        ("2026-03-02 17:00", "1 ngày làm việc", "2026-03-04 17:00"),
        ("2026-03-07 10:00", "1 ngày làm việc", "2026-03-10 17:00"),
        ("2026-01-10 10:00", "1 giờ", "2026-01-10 11:00"),
        ("2026-02-17 10:00", "1 ngày làm việc", "2026-02-24 17:00"),
        ("2026-03-06 17:30", "3 ngày", "2026-03-12 17:00"),
        # calendar days end at closing time of the last day, or of the next working day
        ("2026-03-02 08:00", "10 ngày", "2026-03-12 17:00"),
        ("2026-03-02 08:00", "5 ngày", "2026-03-09 17:00"),
        ("2026-02-06 08:00", "10 ngày", "2026-02-23 17:00"),
        ("2025-12-31 08:00", "10 ngày", "2026-01-10 17:00"),
        ("2026-03-02 08:00", "2.5 ngày", "2026-03-05 17:00"),
        ("2026-03-02 08:00", "0 ngày", "2026-03-02 17:00"),
        ("2026-03-02 08:00", "2 tuần", "2026-03-16 17:00"),
        # months and years
        ("2024-01-31 08:00", "1 tháng", "2024-02-29 17:00"),
        ("2023-01-31 08:00", "1 tháng", "2023-02-28 17:00"),
        ("2026-12-15 08:00", "1 tháng", "2027-01-15 17:00"),
        ("2026-03-31 08:00", "3 MONTH", "2026-06-30 17:00"),
        ("2026-10-30 08:00", "33 MONTH", "2029-07-30 17:00"),
        ("2024-02-29 08:00", "1 năm", "2025-02-28 17:00"),
        ("2024-02-29 08:00", "4 năm", "2028-02-29 17:00"),
        ("2026-01-05 08:00", "3 YEAR", "2029-01-05 17:00"),
        ("2026-03-02 08:00", "1.5 năm", "2027-09-06 17:00"),
    ],
)
def test_the_date_on_the_receipt(received: str, term: str, due: str) -> None:
    assert _at(received, term) == due


def test_a_cut_off_counts_only_where_the_procedure_states_it() -> None:
    assert _at("2026-02-13 15:20", "Trong ngày") == "2026-02-13 17:00"
    assert _due("2026-02-13 15:20", "Trong ngày", time(15)).due_at == datetime(2026, 2, 23, 17, tzinfo=VIETNAM)
    assert _at("2026-02-13 15:20", "Trong ngày; sau 15 giờ thì ngày làm việc tiếp theo") == "2026-02-23 17:00"


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-03-02 14:59", "2026-03-02"),
        ("2026-03-02 15:00", "2026-03-02"),
        ("2026-03-02 15:00:01", "2026-03-03"),
        ("2026-03-02 18:00", "2026-03-03"),  # already the next day's: not moved twice
        ("2026-03-01 16:00", "2026-03-02"),  # Sunday: made on Monday at 07:00
    ],
)
def test_after_the_cut_off_means_after(received: str, due: str) -> None:
    assert f"{_due(received, 'Trong ngày', time(15)).due_at:%Y-%m-%d}" == due


def test_a_cut_off_moves_the_start_of_longer_terms_too() -> None:
    assert _due("2026-03-02 15:30", "3 ngày làm việc", time(15)).due_at == datetime(2026, 3, 6, 17, tzinfo=VIETNAM)


def test_a_moment_in_any_zone_is_the_same_moment() -> None:
    here = _due("2026-02-13 15:30", "5 ngày làm việc").due_at
    for zone in (UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))):
        received = datetime(2026, 2, 13, 15, 30, tzinfo=VIETNAM).astimezone(zone)
        due = compute_due(received, parse_term("5 ngày làm việc"), calendar=CALENDAR)
        assert due.due_at == here
        assert due.due_at.utcoffset() == timedelta(hours=7)


def test_a_day_begins_at_midnight_here_whatever_zone_the_moment_is_told_in() -> None:
    assert day_in_vietnam(datetime(2026, 2, 28, 16, 59, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert day_in_vietnam(datetime(2026, 2, 28, 17, tzinfo=UTC)) == date(2026, 3, 1)
    assert day_in_vietnam(datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=14)))) == date(2026, 2, 28)


def test_a_moment_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        compute_due(datetime(2026, 2, 13), parse_term("1 ngày"), calendar=CALENDAR)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("received", "term", "provisional"),
    [
        ("2026-12-29 08:00", "2 ngày làm việc", False),
        ("2026-12-30 08:00", "2 ngày làm việc", True),
        ("2026-12-31 17:00", "1 giờ", True),
        ("2026-12-31 16:00", "1 giờ", False),
        ("2023-12-29 08:00", "1 ngày làm việc", True),
        ("2024-01-02 08:00", "2 năm", False),
        ("2025-12-31 08:00", "1 ngày làm việc", False),
    ],
)
def test_a_date_that_rests_on_a_year_without_official_swaps_is_provisional(
    received: str, term: str, provisional: bool
) -> None:
    assert _due(received, term).provisional is provisional


@pytest.mark.parametrize("reason", list(Reason))
def test_a_term_without_length_gives_its_reason(reason: Reason) -> None:
    with pytest.raises(NoDueDate) as refused:
        compute_due(datetime(2026, 3, 2, tzinfo=VIETNAM), Term("", reason=reason), calendar=CALENDAR)
    assert refused.value.reason is reason


def test_what_the_calendar_doesnt_reach_is_refused_not_guessed() -> None:
    assert _refused("1999-12-31 23:59", "1 ngày") is Reason.BAD_INPUT
    assert _refused("2101-01-01 00:00", "1 ngày") is Reason.BAD_INPUT
    assert _refused("9999-12-31 23:59", "100 năm") is Reason.BAD_INPUT
    for term in ("1 ngày", "1 ngày làm việc", "8 giờ", "1 tháng", "1 năm", "100 năm", "36525 ngày"):
        assert _refused("2100-12-31 09:00", term) is Reason.NEEDS_A_PERSON, term
    assert _refused("2100-12-31 17:00", "trong ngày") is Reason.NEEDS_A_PERSON
    assert _at("2100-12-31 09:00", "trong ngày") == "2100-12-31 17:00"


def test_a_fraction_of_a_month_needs_a_person() -> None:
    assert _refused("2026-03-02 08:00", "1.5 tháng") is Reason.NEEDS_A_PERSON
    assert _refused("2026-03-02 08:00", "nửa tháng") is Reason.NEEDS_A_PERSON


def test_a_unit_may_have_hours_of_its_own() -> None:
    hours = WorkingHours(((time(8), time(12)), (time(13), time(16, 30))))
    received = datetime(2026, 3, 2, 16, 30, tzinfo=VIETNAM)
    due = compute_due(received, parse_term("7.5 giờ"), calendar=CALENDAR, hours=hours)
    assert due.counted_from == datetime(2026, 3, 3, 8, tzinfo=VIETNAM)
    assert due.due_at == datetime(2026, 3, 3, 16, 30, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    "intervals",
    [
        (),
        ((time(8), time(8)),),
        ((time(13), time(17)), (time(8), time(12))),
        ((time(8), time(12)), (time(12), time(17))),
    ],
)
def test_hours_that_are_no_hours_are_refused(intervals: tuple[tuple[time, time], ...]) -> None:
    with pytest.raises(ValueError, match="interval"):
        WorkingHours(intervals)


def test_a_date_is_stamped_and_can_be_explained() -> None:
    due = _due("2026-02-13 17:05", "5 ngày làm việc")
    assert (due.calendar, due.rule, due.unit, due.amount) == (
        CALENDAR.id,
        "general@2026.1",
        Unit.WORKING_DAY,
        Decimal(5),
    )
    assert due.counted_from == datetime(2026, 2, 23, 7, tzinfo=VIETNAM)
    assert due.rules == ("receipt-out-of-hours", "receipt-day-not-counted", "whole-working-days")
    told = "\n".join(due.steps)
    for words in (
        "17:05 ngày 13/02/2026",
        "07:00 ngày 23/02/2026",
        "BLDS 91/2015/QH13",
        "Tết Nguyên Đán",
        "02/03/2026",
    ):
        assert words in told


def test_a_make_up_day_is_explained_as_a_day_off_is() -> None:
    due = _due("2026-08-19 09:00", "3 ngày làm việc")
    assert due.due_at == datetime(2026, 8, 22, 17, tzinfo=VIETNAM)
    assert "Làm bù 22/08/2026." in due.steps


def test_a_term_that_began_again_says_from_what_and_by_which_rule() -> None:
    first, again = (_due("2026-03-04 08:00", "5 ngày làm việc").explained(restarted=said) for said in (False, True))
    assert first[0].startswith("Nhận hồ sơ lúc 08:00 ngày 04/03/2026;")
    assert again[0].startswith("Hồ sơ đầy đủ lúc 08:00 ngày 04/03/2026;")
    (rule,) = set(again[1:]) - set(first)
    assert rule.startswith("Hồ sơ được bổ sung đầy đủ thì thời hạn tính lại từ đầu. (")
    assert set(first[1:]) < set(again)


def test_a_provisional_date_says_so_in_its_explanation() -> None:
    assert "tạm tính" in _due("2027-03-02 08:00", "5 ngày").steps[-1]


def test_a_date_costs_microseconds() -> None:
    received = datetime(2026, 2, 13, 15, 30, tzinfo=VIETNAM)
    for text, most in (
        ("10 ngày làm việc", 15e-6),
        ("176 HOUR", 60e-6),
        ("360 WORKING_DAY", 60e-6),
        ("305 ngày", 60e-6),
    ):
        term = parse_term(text)
        best = min(repeat(partial(compute_due, received, term, calendar=CALENDAR), number=200, repeat=20)) / 200
        assert best < most, f"{text}: {best * 1e6:.1f} µs"


def test_a_calendar_can_be_made_for_one_place() -> None:
    quiet = Calendar("test@1", date(2026, 3, 1), date(2026, 3, 31), {}, frozenset(), frozenset({2026}))
    due = compute_due(datetime(2026, 3, 2, 8, tzinfo=VIETNAM), parse_term("1 ngày làm việc"), calendar=quiet)
    assert (due.calendar, due.provisional) == ("test@1", False)
