"""Waiting for a condition instead of sleeping: bounded, and a message that says what was seen last."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]],
    good: Callable[[T], object],
    what: str,
    *,
    within: float = 60.0,
    every: float = 0.1,
) -> T:
    """Looks again and again until what is seen is `good`, and returns it. Fails after `within` seconds of real time."""
    deadline = time.monotonic() + within
    while True:
        seen = await look()
        if good(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; seen last: {str(seen)[:3000]}")
        await asyncio.sleep(every)
