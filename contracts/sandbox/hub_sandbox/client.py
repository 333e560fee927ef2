"""POST over kept connections, by HTTP/1.1 on httptools: for what runs beside the hub, on the same two cores."""

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

import httptools

CONNECTIONS: Final = 64
ANSWER_SECONDS: Final = 15.0
IDLE_SECONDS: Final = 60.0
"""Shorter than servers keep a connection, so that hardly ever one is written to that they have just closed."""


class Answer(NamedTuple):
    status: int
    retry_after: str
    body: bytes


class _Origin(NamedTuple):
    host: str
    port: int
    tls: bool


class Client:
    """At most `connections` calls at once, each on a connection of its own that is used again."""

    def __init__(self, connections: int = CONNECTIONS) -> None:
        self._room = asyncio.Semaphore(connections)
        self._idle: dict[_Origin, list[_Connection]] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer. Raises OSError (a TimeoutError is one) when there is none."""
        origin, line = _parts(url)
        head = b"".join((line, *(f"{name}: {value}\r\n".encode() for name, value in headers.items())))
        request = b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        async with self._room, asyncio.timeout(ANSWER_SECONDS):
            connection = self._kept(origin) or await _connect(origin)
            answer = await connection.exchange(request)
        if connection.keeps:
            self._idle.setdefault(origin, []).append(connection)
        return answer

    def close(self) -> None:
        """Closes what is idle; calls under way are for their callers to cancel."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _kept(self, origin: _Origin) -> "_Connection | None":
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.keeps and time.monotonic() - connection.used_at < IDLE_SECONDS:
                return connection
            connection.close()
        return None


async def _connect(origin: _Origin) -> "_Connection":
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, origin.host, origin.port, ssl=origin.tls or None)
    return connection


@lru_cache(maxsize=4096)
def _parts(url: str) -> tuple[_Origin, bytes]:
    """Where `url` leads, and the head of a POST to it as far as the address decides. Raises ValueError for no URL."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    origin = _Origin(parts.hostname or "", parts.port or (443 if tls else 80), tls)
    return origin, f"POST {target} HTTP/1.1\r\nhost: {parts.netloc}\r\n".encode("ascii")


class _Connection(asyncio.Protocol):
    """One call at a time."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._retry_after, self._body = "", b""
        self.keeps = True
        """Whether another call can be made on it."""
        self.used_at = 0.0

    async def exchange(self, request: bytes) -> Answer:
        """Raises OSError when the connection breaks; one that is given up is broken."""
        self._answer = asyncio.get_running_loop().create_future()
        self._retry_after, self._body = "", b""
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self._transport.abort()
            raise
        finally:
            self._answer, self.used_at = None, time.monotonic()

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own kind is no subclass

    def connection_lost(self, _error: Exception | None) -> None:
        self.keeps = False
        self._fail("the connection ended before the answer")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("the answer is not HTTP/1.1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.keeps = False
            self._transport.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), self._retry_after, self._body))

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(why))
