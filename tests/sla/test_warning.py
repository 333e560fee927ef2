"""Khi nào nhắc: while there is still time to act."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_worktime import late_from
from services.sla.domain.warning import warn_at
from tests.sla.world import at, by_officer, promise


@pytest.mark.parametrize(
    ("received", "term", "warned"),
    [
        ("02/03 08:00", "5 ngày làm việc", "06/03 07:00"),  # due Monday 09/03: Friday morning
        ("02/03 16:00", "2 ngày làm việc", "03/03 07:00"),  # due Wednesday: Tuesday morning
        ("02/03 10:00", "1 ngày làm việc", "03/03 08:30"),  # 13 working hours: after 6.5
        ("02/03 08:00", "Trong ngày", "02/03 11:30"),  # 7 working hours: 3.5 of them end with the morning
        ("02/03 08:00", "1 giờ làm việc", "02/03 08:30"),
        ("11/02 08:00", "20 ngày", "02/03 07:00"),  # due 03/03
        ("02/03 08:00", "30 ngày", "31/03 07:00"),
    ],
)
def test_two_days_or_more_are_warned_of_on_the_working_day_before_and_shorter_terms_half_way(
    received: str, term: str, warned: str
) -> None:
    assert warn_at(promise(at(received), term)) == at(warned)


@pytest.mark.parametrize(
    ("received", "term", "warned"),
    [
        ("02/03 08:00", "5 ngày làm việc", "06/03 08:00"),
        ("02/03 09:00", "Trong ngày", "02/03 13:15"),  # 6.5 working hours: half of them after the break
    ],
)
def test_a_desks_own_hours_say_when_it_opens_and_what_half_of_its_time_is(
    received: str, term: str, warned: str
) -> None:
    assert warn_at(promise(at(received), term, "08:00-12:00 13:00-16:30")) == at(warned)


def test_an_officers_date_in_the_evening_is_warned_of_before_it() -> None:
    evening = by_officer(at("02/03 17:20"), at("02/03 19:20")).model_copy(update={"hours": "08:00-20:00"})
    assert warn_at(evening) == at("02/03 18:20")


def test_no_term_no_warning() -> None:
    assert warn_at(promise(at("02/03 08:00"), "Không quy định")) is None


def test_an_officers_date_far_beyond_the_calendar_is_warned_of_half_way() -> None:
    start, due = at("02/03 08:00"), at("02/03 08:00").replace(year=2150)
    assert warn_at(by_officer(start, due)) == start + (due - start) / 2


@settings(max_examples=300, deadline=None)
@given(
    some.datetimes(min_value=at("01/01 00:00").replace(tzinfo=None), max_value=at("30/06 00:00").replace(tzinfo=None)),
    some.sampled_from(["1 giờ làm việc", "0.5 ngày làm việc", "Trong ngày", "1 ngày làm việc", "1.5 ngày làm việc"]),
)
def test_a_warning_always_lies_between_receipt_and_date(moment: datetime, term: str) -> None:
    received = at("01/01 00:00") + (moment - at("01/01 00:00").replace(tzinfo=None))
    made = promise(received, term)
    warned = warn_at(made)
    assert warned is not None
    assert made.due_at is not None
    assert received <= warned < late_from(made.due_at)
