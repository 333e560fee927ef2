"""Giờ làm việc bất kỳ: one to four intervals of a day, to the minute."""

from datetime import time

from hypothesis import strategies as st

from hub_worktime import WorkingHours


def _hours(minutes: set[int]) -> WorkingHours:
    edges = [time(*divmod(minute, 60)) for minute in sorted(minutes)]
    return WorkingHours(tuple(zip(edges[::2], edges[1::2], strict=True)))


SOME_HOURS = (
    st.sets(st.integers(0, 24 * 60 - 1), min_size=2, max_size=8).filter(lambda found: len(found) % 2 == 0).map(_hours)
)
