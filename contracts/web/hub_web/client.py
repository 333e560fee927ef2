"""The one seam for outbound HTTP: httpx's interface on aiohttp's transport (a fifth of the CPU of httpx's own).

No redirects, no proxies from the environment, no cookies, no compression; an answer is read whole, within a bound of
bytes and of time. Errors are httpx's, and say truly whether the request can have reached the other side: only
`ConnectError`, `ConnectTimeout` and `PoolTimeout` mean that it can't.
"""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

CLIENT_KEEP_ALIVE_SECONDS = 60.0  # shorter than servers keep a connection


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of one client: connections, seconds and bytes. `total_seconds` is for one call from start to end."""

    connections: int = 64
    connect_seconds: float = 3.0
    total_seconds: float = 15.0
    answer_bytes: int = 1_048_576


def make_client(limits: ClientLimits | None = None) -> httpx.AsyncClient:
    """A client within `limits`. Close it with `aclose()` on the loop that used it."""
    limits = limits or ClientLimits()
    return _Straight(
        transport=_BoundedTransport(limits),
        timeout=httpx.Timeout(limits.total_seconds, connect=limits.connect_seconds),
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "mot-cua-hub"},
        follow_redirects=False,
        trust_env=False,
    )


@lru_cache(maxsize=4096)
def address(url: str) -> httpx.URL:
    """The parsed address; the same parties are called again and again."""
    return httpx.URL(url)


class _Straight(httpx.AsyncClient):
    """Straight to the transport: redirects, cookies and login flows, which httpx looks after, don't occur here."""

    async def send(self, request: httpx.Request, **_unused: Any) -> httpx.Response:
        return await self._transport.handle_async_request(request)


class _BoundedTransport(AiohttpTransport):
    def __init__(self, limits: ClientLimits) -> None:
        super().__init__(trust_env=False, client=self._session)
        self._bounds = limits

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self.ssl_context, limit=self._bounds.connections, keepalive_timeout=CLIENT_KEEP_ALIVE_SECONDS
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self._bounds.total_seconds):
                answer = await super().handle_async_request(request)
                try:
                    content = await self._whole(answer)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise httpx.ReadTimeout(f"no whole answer within {self._bounds.total_seconds:g} s") from None
        except httpx.TransportError as error:
            raise _truly(error) from error
        return httpx.Response(answer.status_code, headers=answer.headers, content=content, request=request)

    async def _whole(self, answer: httpx.Response) -> bytes:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise httpx.DecodingError("the answer is compressed, which was not asked for")
        content = bytearray()
        async for chunk in answer.aiter_raw():
            content += chunk
            if len(content) > self._bounds.answer_bytes:
                raise httpx.DecodingError(f"the answer is longer than {self._bounds.answer_bytes} bytes")
        return bytes(content)


def _truly(error: httpx.TransportError) -> httpx.TransportError:
    """aiohttp's transport calls every broken connection a ConnectTimeout; the request may have been taken."""
    cause = error.__cause__
    if isinstance(cause, aiohttp.ServerTimeoutError):
        connecting = isinstance(cause, aiohttp.ConnectionTimeoutError)
        return httpx.ConnectTimeout("no connection in time") if connecting else httpx.ReadTimeout("no answer in time")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return httpx.ConnectError("no connection")
    if isinstance(cause, aiohttp.ClientConnectionError):
        return httpx.RemoteProtocolError("the connection broke before the answer")
    return error
