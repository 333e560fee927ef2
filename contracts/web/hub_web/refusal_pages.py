"""Trang báo lỗi: below a path that people visit, problem details become a page, whoever raised them and wherever."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_web.problems import MEDIA_TYPE

PageOf = Callable[[Mapping[str, Any]], Response]
"""Makes the page of a problem's members (RFC 9457), status and all."""
_OF_THE_BODY = frozenset({"content-type", "content-length"})


class RefusalPages:
    """ASGI middleware: outermost, so that a body too large and a bug are told to people too."""

    def __init__(self, app: ASGIApp, prefix: str, page_of: PageOf) -> None:
        self._app = app
        self._prefix = prefix
        self._page_of = page_of

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Not async: other paths don't pay for it."""
        if scope["path"] == self._prefix or scope["path"].startswith(f"{self._prefix}/"):
            return self._for_people(scope, receive, send)
        return self._app(scope, receive, send)

    async def _for_people(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: MutableHeaders | None = None
        body = b""

        async def told(message: Message) -> None:
            nonlocal refused, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                refused = headers if headers.get("content-type") == MEDIA_TYPE else None
            if refused is None:
                await send(message)
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await self._page(body, refused)(scope, receive, send)

        await self._app(scope, receive, told)

    def _page(self, body: bytes, headers: MutableHeaders) -> Response:
        page = self._page_of(orjson.loads(body))
        page.headers.update({name: value for name, value in headers.items() if name not in _OF_THE_BODY})
        return page
