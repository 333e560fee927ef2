"""Trang tài liệu: an API's documents for people and programs, from the service itself, open to all.

The pages are plain HTML without a script, and load nothing: they can be read on a machine without the internet.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

Document = Callable[[], dict[str, Any]]

NOTHING_FROM_ELSEWHERE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class DocumentRoute(Route):
    """A route that shows a document to everybody. It is made at the first request, in about a tenth of a second."""

    def __init__(self, path: str, make: Callable[[], Response]) -> None:
        made = cache(make)

        async def show(_request: Request) -> Response:
            return made()

        super().__init__(path, show, include_in_schema=False)


def document_routes(openapi: Document, asyncapi: Document | None = None) -> Iterator[DocumentRoute]:
    """`/docs`: the service's own API; with `asyncapi` also `/docs/events` and `/asyncapi.json`: the hub's events."""

    def page_of_routes() -> Response:
        from hub_web.document_pages import openapi_page  # needed by the first reader, not by the start

        return HTMLResponse(openapi_page(openapi(), with_events=asyncapi is not None), headers=NOTHING_FROM_ELSEWHERE)

    yield DocumentRoute("/docs", page_of_routes)
    if asyncapi is None:
        return

    def page_of_events() -> Response:
        from hub_web.document_pages import asyncapi_page

        return HTMLResponse(asyncapi_page(asyncapi()), headers=NOTHING_FROM_ELSEWHERE)

    def events() -> Response:
        return Response(json.dumps(asyncapi(), ensure_ascii=False), media_type="application/json")

    yield DocumentRoute("/docs/events", page_of_events)
    yield DocumentRoute("/asyncapi.json", events)
