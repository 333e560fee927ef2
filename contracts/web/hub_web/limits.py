"""How much one request may bring: its body here, its head in `hub_web.server`."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_web.problems import BAD_REQUEST, BODY_TOO_LARGE, Problem

E = TypeVar("E", bound=Callable[..., Any])

_MOST = "hub_web_most_bytes"
MOST_DROPPED, DROPPED_SECONDS = 256 * 1024 * 1024, 3.0


def takes_up_to(most: int) -> Callable[[E], E]:
    """Marks an endpoint whose body may have up to `most` bytes, more than others: files, lists of many."""

    def mark(endpoint: E) -> E:
        setattr(endpoint, _MOST, most)
        return endpoint

    return mark


def most_of(endpoint: Any) -> int | None:
    """The bytes that a marked endpoint takes; None for all others."""
    most: int | None = getattr(endpoint, _MOST, None)
    return most


class BodyLimit:
    """ASGI middleware: 413 `body-too-large` when a body says it is, or turns out to be, above `most` bytes.

    `larger`: patterns of paths that take more, with how much.
    """

    def __init__(self, app: ASGIApp, most: int, larger: Sequence[tuple[re.Pattern[str], int]] = ()) -> None:
        self._app = app
        self._usual = most
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = next((most for path, most in self._larger if path.match(scope["path"])), self._usual)
        declared = b"0"
        for name, value in scope.get("headers", ()):
            if name == b"content-length":
                declared = value
        if not declared.isdigit() or len(declared) > 18:
            refusal = Problem(BAD_REQUEST, "Content-Length phải là số.", headers={"Connection": "close"})
            return await refusal.response()(scope, receive, send)
        if int(declared) > most:
            await _let_it_finish(receive)
            return await _too_large(most).response()(scope, receive, send)
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > most:
                await _let_it_finish(receive)
                raise _too_large(most)
            return message

        return await self._app(scope, counted, send)


async def _let_it_finish(receive: Receive) -> None:
    """Reads on and keeps nothing, for a while: who is still sending doesn't see the answer, only a cut connection."""
    dropped = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DROPPED_SECONDS):
            more = True
            while more and dropped < MOST_DROPPED:
                message = await receive()
                dropped += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


def _too_large(most: int) -> Problem:
    return Problem(
        BODY_TOO_LARGE,
        f"Nội dung vượt quá {most} byte.",
        next_step="Giảm nội dung; tệp đính kèm gửi bằng liên kết.",
        headers={"Connection": "close"},
        limit_bytes=most,
    )
