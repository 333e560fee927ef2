"""Sức khỏe của tiến trình: /live (does it get on?), /ready (are its own needs met?), /metrics; on a port of its own.

The probe server runs in a thread, so that a stuck event loop can still say so; a process that stays stuck ends
itself, and its supervisor starts it again.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import make_wsgi_app

from hub_messaging.metrics import PROCESS_READY

log = structlog.get_logger(__name__)
STUCK_EXIT_CODE = 70
WATCH_SECONDS = 5.0


class Heart:
    """Knows which loops of a process still turn, and what keeps it from being ready."""

    def __init__(self) -> None:
        self._beats: dict[str, tuple[float, float]] = {}
        self._unready: dict[str, str] = {"start": "starting"}

    def rhythm(self, name: str, limit_seconds: float) -> Callable[[], None]:
        """A function that the loop `name` calls each round; silent for longer than the limit means stuck."""

        def beat() -> None:
            self._beats[name] = (time.monotonic(), limit_seconds)

        return beat

    def stop_watching(self, name: str) -> None:
        self._beats.pop(name, None)

    def set_unready(self, what: str, why: str | None) -> None:
        """Notes a need that is not met; None: it is met again."""
        if why is None:
            self._unready.pop(what, None)
        else:
            self._unready[what] = why

    def stuck(self) -> list[str]:
        now = time.monotonic()
        return sorted(name for name, (beaten, limit) in list(self._beats.items()) if now - beaten > limit)

    def unready(self) -> dict[str, str]:
        return dict(self._unready)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes are not worth a line each."""


class Probes:
    """The probe server, and the watchdog that ends a stuck process."""

    def __init__(self, heart: Heart, host: str, port: int) -> None:
        self._heart = heart
        self._metrics = make_wsgi_app()
        PROCESS_READY.set_function(lambda: not heart.unready())
        self._server = make_server(host, port, self._answer, _Server, _Silent)
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="probes", daemon=True).start()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_SECONDS):
            stuck = self._heart.stuck()
            if stuck:
                log.critical("stuck_process_ends_itself", loops=stuck)
                os._exit(STUCK_EXIT_CODE)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            found: Iterable[bytes] = self._metrics(environ, start_response)
            return found
        if path == "/live":
            stuck = self._heart.stuck()
            return _json(start_response, not stuck, {"live": not stuck, "stuck": stuck})
        if path == "/ready":
            unready = self._heart.unready()
            return _json(start_response, not unready, {"ready": not unready, "waiting_for": unready})
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/live /ready /metrics\n"]


def _json(start_response: Callable[..., Any], good: bool, body: dict[str, Any]) -> list[bytes]:
    start_response("200 OK" if good else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [json.dumps(body).encode() + b"\n"]
