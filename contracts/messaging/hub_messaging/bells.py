"""Wake-ups: "there is something for you", in memory, or by NOTIFY when the listener is another process.

A wake-up may be lost; every listener also looks by itself from time to time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import asyncpg
import structlog

from hub_messaging.database import SESSION, UNAVAILABLE

log = structlog.get_logger(__name__)
CHANNEL = "hub_bells"
NOTIFY_PAUSE_SECONDS = 0.005


class Bells:
    """Named bells of one process. `ring` after the commit, never before."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._answered_here: set[str] = set()
        self._for_others: set[str] = set()
        self._others = asyncio.Event()

    def answer(self, name: str) -> None:
        """Declares that this process listens for `name`."""
        self._answered_here.add(name)

    def ring(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._answered_here:
                self._events[name].set()
            else:
                self._for_others.add(name)
                self._others.set()

    async def wait(self, name: str, seconds: float) -> None:
        """Returns when `name` rings, or after `seconds`."""
        event = self._events[name]
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            event.clear()

    async def carry(self, database_url: str) -> None:
        """Carries bells between processes for as long as it runs, on one connection of its own."""
        while True:
            try:
                connection = await asyncpg.connect(database_url, server_settings=SESSION, timeout=5)
                try:
                    await connection.add_listener(CHANNEL, self._heard)
                    await self._send_all(connection)
                finally:
                    await connection.close(timeout=1)
            except UNAVAILABLE as trouble:
                log.info("bells_interrupted", trouble=type(trouble).__name__)
                await asyncio.sleep(1)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload in self._answered_here:
            self._events[str(payload)].set()

    async def _send_all(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        while not connection.is_closed():
            await self._others.wait()
            self._others.clear()
            names, self._for_others = self._for_others, set()
            await connection.execute("SELECT pg_notify($1, name) FROM unnest($2::text[]) AS name", CHANNEL, list(names))
            await asyncio.sleep(NOTIFY_PAUSE_SECONDS)
