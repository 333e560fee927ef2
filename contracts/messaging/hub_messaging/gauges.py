"""Số đo định kỳ: what a process counts now and then, the dearer it is the less often."""

import time
from collections.abc import Awaitable, Callable

Gauge = Callable[[], Awaitable[None]]
REST = 20.0
"""So many times as long as a count took nobody repeats it: what has piled up must not be counted all the time."""


class Gauges:
    """Counts in the database that are behind metrics."""

    def __init__(self) -> None:
        self._again_at: dict[Gauge, float] = {}

    def add(self, gauge: Gauge) -> None:
        self._again_at[gauge] = 0.0

    async def take(self) -> None:
        """Takes those that have rested. Raises what is in database.UNAVAILABLE."""
        for gauge, again_at in list(self._again_at.items()):
            if (began := time.monotonic()) >= again_at:
                await gauge()
                self._again_at[gauge] = began + REST * (time.monotonic() - began)
