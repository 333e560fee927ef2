"""Quá hạn trong SQL: `hub_worktime.is_late` and `outcome` once more, for lists, counts and figures.

tests/intake/test_lateness.py holds the two together.
"""


def is_late(due_at: str, at: str) -> str:
    """The minute of `at` follows the one that was due, seconds of either left out. NULL where one is missing."""
    return f"{due_at} < date_bin('1 minute', {at}, timestamptz 'epoch')"


def is_early(due_at: str, ended_at: str) -> str:
    """It ended before the local day of its date."""
    return f"{_day(ended_at)} < {_day(due_at)}"


def _day(moment: str) -> str:
    return f"({moment} AT TIME ZONE 'Asia/Ho_Chi_Minh')::date"
