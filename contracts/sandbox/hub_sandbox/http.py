"""The little of HTTP/1.1 that the sandbox needs, on httptools: it runs beside the load, on the same two cores."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, unquote

import httptools
import orjson

MAX_HEAD: Final = 32_768
MAX_BODY: Final = 1_048_576

_HEADERS = {
    b"authorization", b"idempotency-key", b"traceparent", b"webhook-id", b"webhook-timestamp", b"webhook-signature"
}  # fmt: skip
"""The headers anybody here looks at."""
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Request(NamedTuple):
    method: str
    path: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


class Reply:
    """What becomes of one request: an answer, or a broken connection."""

    __slots__ = ("_connection", "_keep_alive")

    def __init__(self, connection: "_Connection", keep_alive: bool) -> None:
        self._connection = connection
        self._keep_alive = keep_alive

    def send(
        self,
        status: int,
        body: bytes = b"",
        media_type: str = "application/json",
        more: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answers; to be called once."""
        head = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        for name, value in more:
            head += f"{name}: {value}\r\n".encode("latin-1")
        if not self._keep_alive:
            head += b"connection: close\r\n"
        if body:
            head += b"content-type: %b\r\n" % media_type.encode()
        if status != HTTPStatus.NO_CONTENT:
            head += b"content-length: %d\r\n" % len(body)
        self._connection.answer(head + b"\r\n" + body, self._keep_alive)

    def send_json(self, value: Any) -> None:
        self.send(200, orjson.dumps(value))

    def cut(self) -> None:
        """Breaks the connection without an answer."""
        self._connection.cut()

    async def abandoned(self) -> None:
        """Returns when the sender has left."""
        await self._connection.lost.wait()


Application = Callable[[Request, Reply], Coroutine[Any, Any, None]]


class HttpServer:
    """Serves `application` at host:port (port 0: any free one) between `start` and `stop`."""

    def __init__(self, application: Application, host: str, port: int, *, drain_seconds: float) -> None:
        self._application = application
        self._host = host
        self._drain_seconds = drain_seconds
        self._connections: set[_Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.port = port

    async def start(self) -> None:
        """Listening when it returns. Raises OSError when the address can't be had."""
        self._loop = asyncio.get_running_loop()
        self._listener = await self._loop.create_server(lambda: _Connection(self), self._host, self.port, backlog=2048)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """No new connections; requests under way are answered, for at most `drain_seconds`; then all is closed."""
        if self._listener is None:
            return
        self._listener.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=self._drain_seconds)
        for task in self._serving:
            task.cancel()
        for connection in tuple(self._connections):
            connection.close()

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)

    def closed(self, connection: "_Connection") -> None:
        self._connections.discard(connection)

    def serve(self, request: Request, reply: Reply) -> None:
        task = self._loop.create_task(self._application(request, reply))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)


class _Connection(asyncio.Protocol):
    """One connection: its requests are served one after the other."""

    _transport: asyncio.Transport

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._busy = False
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own kind is no subclass
        self._server.opened(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._waiting.clear()
        self.lost.set()
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)

    def on_message_begin(self) -> None:
        self._url, self._body, self._size = b"", b"", 0
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url), MAX_HEAD, 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _HEADERS:
            self._headers[name.decode()] = value.decode("latin-1")
        self._count(len(name) + len(value), MAX_HEAD, 431)

    def on_headers_complete(self) -> None:
        self._size = 0

    def on_body(self, body: bytes) -> None:
        self._body = self._body + body if self._body else body
        self._count(len(body), MAX_BODY, 413)

    def on_message_complete(self) -> None:
        if self._transport.is_closing():
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            self._parser.get_method().decode(),
            tuple((unquote(path) if "%" in path else path).strip("/").split("/")),
            dict(parse_qsl(query)) if query else {},
            self._headers,
            self._body,
            self._parser.should_keep_alive(),
        )
        if self._busy:
            self._waiting.append(request)
        else:
            self._serve(request)

    def answer(self, answer: bytes, keep_alive: bool) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(answer)
        self._busy = False
        if not keep_alive:
            self._transport.close()
        elif self._waiting:
            self._serve(self._waiting.popleft())

    def cut(self) -> None:
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()

    def _serve(self, request: Request) -> None:
        self._busy = True
        self._server.serve(request, Reply(self, request.keep_alive))

    def _count(self, length: int, most: int, status: int) -> None:
        self._size += length
        if self._size > most:
            self._refuse(status)

    def _refuse(self, status: int) -> None:
        if not self._transport.is_closing():
            Reply(self, keep_alive=False).send(status)
