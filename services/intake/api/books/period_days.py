"""Kỳ báo cáo: the days that figures are asked for."""

from datetime import date, datetime

from hub_web.problems import INVALID_REQUEST, Problem
from hub_worktime import span_in_vietnam

EARLIEST, LATEST = date(1900, 1, 1), date(9000, 12, 31)
"""A day at either end of the calendar can't be moved into another time zone."""


def moments(begin: date, end: date) -> tuple[datetime, datetime]:
    """The days from `begin` to `end`, both included, as a half-open span. Raises Problem `invalid-request`."""
    if not EARLIEST <= begin <= end <= LATEST:
        raise Problem(
            INVALID_REQUEST,
            f"from phải không sau to, từ năm {EARLIEST.year} đến năm {LATEST.year}.",
            next_step="Sửa kỳ báo cáo rồi gửi lại.",
            errors=[],
        )
    return span_in_vietnam(begin, end)
