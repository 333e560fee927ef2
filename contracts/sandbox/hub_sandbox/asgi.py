"""The little of HTTP that the sandbox needs: it runs beside the load, on the same two cores, so it stays bare ASGI."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from hub_web.problems import BODY_TOO_LARGE, Problem

MAX_BODY = 1_048_576
HOLD_SECONDS = 600.0

_HEADERS = {
    b"authorization", b"idempotency-key", b"traceparent", b"webhook-id", b"webhook-timestamp", b"webhook-signature"
}  # fmt: skip
"""The headers anybody here looks at."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The whole request. Raises Problem `body-too-large`."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise Problem(BODY_TOO_LARGE, f"Nội dung vượt quá {MAX_BODY} byte.", headers={"Connection": "close"})
        if not message.get("more_body", False):
            break
    return Request(
        scope["method"],
        tuple(scope["path"].strip("/").split("/")),
        dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["query_string"] else {},
        {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _HEADERS},
        body,
    )


async def send_bytes(
    send: Send,
    status: int,
    body: bytes,
    media_type: bytes = b"application/json",
    more: tuple[tuple[str, str], ...] = (),
) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))] if body else []
    headers += [(name.lower().encode(), value.encode()) for name, value in more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, value: Any, status: int = 200) -> None:
    await send_bytes(send, status, orjson.dumps(value))


async def hold(receive: Receive) -> None:
    """Keeps the sender waiting until it leaves."""
    try:
        async with asyncio.timeout(HOLD_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def cut(receive: Receive, send: Send) -> None:
    """Breaks the connection without an answer. ASGI has no word for it: `send` belongs to uvicorn's cycle."""
    cycle = getattr(send, "__self__", None)
    if cycle is None:
        raise ConnectionAbortedError("cut on command")
    cycle.transport.abort()
    await hold(receive)
