"""Điểm kết nối: where an agency's system listens, and the secrets that it and the hub sign with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Offer = Literal["cancellations", "corrections"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`secrets`: the hub signs with the first; any of them is good on what the agency sends.

    `repeat_safe`: it takes one key once, however often it is sent; `status_query`: it can be asked about a key;
    `offers`: the calls that it takes besides hand-overs.
    """

    url: str
    secrets: tuple[str, ...] = field(repr=False)
    repeat_safe: bool = True
    status_query: bool = False
    offers: frozenset[Offer] = frozenset()


EndpointOf = Callable[[str], Endpoint | None]
"""The endpoint of an agency by its code; None: nobody has entered one yet."""
Offers = Callable[[str, Offer], bool]
"""Whether the agency of that code takes such a call."""
