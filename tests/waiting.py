"""Waiting for a condition instead of sleeping: bounded, and a failure says what was seen last."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")
FIRST_PAUSE_SECONDS = 0.01


@overload
async def until(
    look: Callable[[], Awaitable[T]],
    good: Callable[[T], object] = ...,
    what: str = ...,
    *,
    within: float = ...,
    every: float = ...,
) -> T: ...
@overload
async def until(look: Callable[[], bool], *, within: float = ..., every: float = ...) -> bool: ...
async def until(
    look: Callable[[], Any],
    good: Callable[[Any], object] = bool,
    what: str = "",
    *,
    within: float = 60.0,
    every: float = 0.05,
) -> Any:
    """Looks again and again until what is seen is `good`, and returns it. Fails after `within` seconds of real time.

    The pauses grow to `every` seconds: what comes at once is seen at once, what takes long is not asked for in vain.
    """
    deadline, pause = time.monotonic() + within, FIRST_PAUSE_SECONDS
    while True:
        found = look()
        seen = await found if inspect.isawaitable(found) else found
        if good(seen):
            return seen
        if time.monotonic() > deadline:
            named = what or getattr(look, "__qualname__", str(look))
            raise AssertionError(f"not within {within:g} s: {named}; seen last: {str(seen)[:3000]}")
        await asyncio.sleep(min(pause, every))
        pause *= 1.1
