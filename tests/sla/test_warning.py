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
