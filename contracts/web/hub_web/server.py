"""An HTTP server as one role of a process: uvicorn on httptools, started and drained by whoever owns the process."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75  # longer than clients keep a connection (60 s), so that they never write to a closed one
MOST_HEAD_BYTES: Final = 32_768


class HttpServer:
    """Serves `app` at host:port (port 0: any free one) between `start` and `stop`."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, drain_seconds: int = 10) -> None:
        self._address = (host, port)
        self._drain_seconds = drain_seconds
        self._server = _Server(
            Config(
                app,
                http=_BoundedHead,
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


class _BoundedHead(HttpToolsProtocol):
    """A head (URL and headers) above 32 KB ends the connection: httptools itself would collect it without end."""

    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MOST_HEAD_BYTES:
            raise ValueError("head too large")  # the parser turns it into an answer 400 and closes


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
