"""Số liệu của kỳ báo cáo: what a desk's report says of a period."""

from typing import NamedTuple


class Figures(NamedTuple):
    """Accepted dossiers. Carried over (tồn kỳ trước): accepted before the period, not finished before it."""

    received: int
    carried_over: int
    finished_early: int
    finished_on_time: int
    finished_late: int
    finished_no_term: int
    open_in_time: int
    open_late: int
    open_no_term: int
