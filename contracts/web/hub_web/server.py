"""An HTTP server as one role of a process: uvicorn on httptools, started and drained by whoever owns the process."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import Any, Final, cast

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75  # longer than clients keep a connection (60 s), so that they never write to a closed one
MOST_HEAD_BYTES: Final = 32_768
MOST_HEADERS: Final = 100


class HttpServer:
    """Serves `app` at host:port (port 0: any free one) between `start` and `stop`."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, drain_seconds: int = 10) -> None:
        self._address = (host, port)
        self._drain_seconds = drain_seconds
        self._server = _Server(
            Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                loop="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=drain_seconds,
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self.port = port

    def surround(self, layer: Callable[[ASGIApp], ASGIApp]) -> None:
        """Puts `layer` around the application; before the start."""
        self._server.config.app = layer(cast(ASGIApp, self._server.config.app))

    async def start(self) -> None:
        """Listening when it returns. Raises OSError when the address can't be had."""
        listening = _listen(*self._address)
        self.port = listening.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]), name=f"http:{self.port}")
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("the HTTP server ended before it had started")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """No new connections; requests under way are answered, for at most `drain_seconds`; then all is closed."""
        if self._serving is None:
            return
        self._server.should_exit = True
        await self._serving
        self._serving = None

    async def run(self) -> None:
        """Serves until cancelled, then drains: a role of its process. Raises OSError when the address can't be had."""
        await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()


class _Server(Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to the process, which stops all of its roles in order."""
        yield


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with a bounded head and answers that leave in one piece."""

    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, _InOnePiece(transport, self.loop))

    def on_message_begin(self) -> None:
        self._head_bytes, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if len(self.headers) > MOST_HEADERS:
            raise ValueError("too many headers")  # the parser answers 400 and closes
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """A head (URL and headers) still unfinished after 32 KB ends the connection: httptools would collect on."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")


class _InOnePiece:
    """A transport that joins what is written in one round of the loop: uvicorn writes head and body apart, which
    costs both sides a system call and a wake-up."""

    __slots__ = ("_loop", "_pieces", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(piece)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces and not self._transport.is_closing():
            self._transport.write(b"".join(self._pieces))
        self._pieces.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listening
