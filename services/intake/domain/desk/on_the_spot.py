"""Tỷ lệ giải quyết tại chỗ: a desk's figure."""

from typing import NamedTuple


class OnTheSpot(NamedTuple):
    """Of the results that a desk returned: how many were made on the spot."""

    desk_code: str
    returned: int
    on_the_spot: int
