"""`python -m hub_sandbox`: the other side until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import signal

import structlog
import uvloop

from hub_messaging import logs
from hub_messaging.health import Heart, Probes
from hub_messaging.settings import load
from hub_sandbox.app import Sandbox
from hub_sandbox.http import HttpServer
from hub_sandbox.settings import SandboxSettings

BEAT_SECONDS = 1.0
STUCK_SECONDS = 20.0


def main() -> None:
    """Exits 0 after a drain; 78 when a setting is wrong; 1 when the port or a file can't be had."""
    settings = load(SandboxSettings)
    logs.configure("sandbox", settings.log_level)
    heart = Heart()
    with contextlib.ExitStack() as probes:
        if settings.probe_port is not None:
            server = Probes(heart, settings.http_host, settings.probe_port)
            server.start()
            probes.callback(server.stop)
        uvloop.run(_live(settings, heart))


async def _live(settings: SandboxSettings, heart: Heart) -> None:
    asked_to_stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, asked_to_stop.set)
    log = structlog.get_logger("hub_sandbox")
    try:
        sandbox = Sandbox(settings)
        server = HttpServer(sandbox, settings.http_host, settings.http_port, drain_seconds=3)
        await sandbox.start()
        await server.start()
    except (OSError, ValueError) as error:
        raise SystemExit(f"sandbox: {error}") from error
    beat = heart.rhythm("event loop", STUCK_SECONDS)
    heart.set_unready("start", None)
    log.info("started", port=server.port)
    while not asked_to_stop.is_set():
        beat()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked_to_stop.wait(), BEAT_SECONDS)
    await server.stop()
    await sandbox.stop()
    log.info("stopped")


if __name__ == "__main__":
    main()
