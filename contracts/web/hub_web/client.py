"""The one seam for outbound HTTP, on aiohttp (why not on httpx: docs/decisions/0014).

No redirects, no proxies from the environment, no cookies, no compression; an answer is read whole, within a bound of
bytes and of time. A failure says truly whether the request can have reached the other side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import aiohttp

KEEP_ALIVE_SECONDS = 60.0  # shorter than servers keep a connection

Trouble = Literal["no-connection", "timeout", "connection-broken", "answer-unreadable", "address-unusable"]


class CallFailed(Exception):
    """No whole answer. Only with `no-connection` and `address-unusable` was the request certainly not taken."""

    def __init__(self, reason: Trouble) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of one client: connections, seconds and bytes. `total_seconds` is for one call from start to end."""

    connections: int = 64
    connect_seconds: float = 3.0
    total_seconds: float = 15.0
    answer_bytes: int = 1_048_576


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side answered. `headers` are found whatever the case of their names."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Client:
    """Calls other systems within `limits`. Used by one event loop, and closed on it."""

    def __init__(self, limits: ClientLimits | None = None) -> None:
        self._limits = limits or ClientLimits()
        self._opened: aiohttp.ClientSession | None = None

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """One attempt. Raises CallFailed."""
        return await self._call("POST", url, content, headers)

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """One question. Raises CallFailed."""
        return await self._call("GET", url, None, headers)

    async def _call(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            async with self._session().request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as answer:
                return Answer(answer.status, answer.headers, await self._whole(answer))
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            raise CallFailed(_reason(error)) from error

    def _session(self) -> aiohttp.ClientSession:
        """Made on the loop that uses it."""
        if self._opened is None:
            limits = self._limits
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=limits.connections, keepalive_timeout=KEEP_ALIVE_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    total=limits.total_seconds,
                    connect=limits.connect_seconds,  # also the name's lookup, and the wait for a free connection
                    sock_connect=limits.connect_seconds,
                ),
                headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "mot-cua-hub"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._opened

    async def _whole(self, answer: aiohttp.ClientResponse) -> bytes:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise CallFailed("answer-unreadable")
        content = bytearray()
        async for chunk in answer.content.iter_any():
            content += chunk
            if len(content) > self._limits.answer_bytes:
                raise CallFailed("answer-unreadable")
        return bytes(content)

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._opened is not None:
            await self._opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _reason(error: Exception) -> Trouble:
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return "no-connection"
        case TimeoutError():
            return "timeout"
        case aiohttp.InvalidURL() | UnicodeError():  # a host name that none can be
            return "address-unusable"
        case aiohttp.ClientResponseError():
            return "answer-unreadable"
        case _:
            return "connection-broken"
