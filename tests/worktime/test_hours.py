"""Giờ làm việc bằng chữ: one way to write them, read as they were written, and named where they aren't the default."""

from datetime import datetime, time

import pytest
from hypothesis import given

from hub_worktime import DEFAULT_HOURS, VIETNAM, WorkingHours, compute_due, load_calendar, parse_term, read_hours
from tests.hours import SOME_HOURS

EARLY = "08:00-12:00 13:00-16:30"


def test_written_hours_are_read() -> None:
    assert read_hours(EARLY) == WorkingHours(((time(8), time(12)), (time(13), time(16, 30))))
    assert read_hours(None) == DEFAULT_HOURS


@given(SOME_HOURS)
def test_hours_are_read_as_they_are_written(hours: WorkingHours) -> None:
    assert read_hours(str(hours)) == hours


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "Sáng 8h-12h",
        "8:00-12:00",
        "08:00-24:00",
        "08:00–12:00",
        "08:00-12:00, 13:00-17:00",
        "08:00-12:00  13:00-17:00",
        "08:00-12:00\n",
        "08:00",
        "12:00-08:00",
        "08:00-12:00 12:00-17:00",
        "13:00-17:00 08:00-12:00",
        "٠8:00-12:00",
    ],
)
def test_what_isnt_written_so_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="working hours"):
        read_hours(written)


def test_an_explanation_names_hours_that_are_not_the_default() -> None:
    def told(hours: WorkingHours) -> str:
        received = datetime(2026, 3, 2, 9, tzinfo=VIETNAM)
        return " ".join(compute_due(received, parse_term("1 ngày"), calendar=load_calendar(), hours=hours).steps)

    assert f"Giờ làm việc của đơn vị: {EARLY}." in told(read_hours(EARLY))
    assert "Giờ làm việc của đơn vị" not in told(DEFAULT_HOURS)
