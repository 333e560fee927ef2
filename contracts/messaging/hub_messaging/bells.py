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
    """Named bells of one process. `ring` after the commit, never before.

    A listener answers for one or more bells; one that nobody here answers is carried to the other processes.
    """

    def __init__(self) -> None:
        self._listener_of: dict[str, str] = {}
        self._awake: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._heard: defaultdict[str, set[str]] = defaultdict(set)
        self._for_others: set[str] = set()
        self._others = asyncio.Event()

    def answer(self, name: str) -> None:
        """Declares that `wait(name, …)` is called in this process."""
        self.listen(name, [name])

    def listen(self, listener: str, names: Iterable[str]) -> None:
        """From now on exactly these bells wake `listener`; none: another process does the work now."""
        for name in [name for name, whose in self._listener_of.items() if whose == listener]:
            del self._listener_of[name]
        self._listener_of.update(dict.fromkeys(names, listener))

    def ring(self, names: Iterable[str]) -> None:
        for name in names:
            if not self._wake(name):
                self._for_others.add(name)
                self._others.set()

    async def wait(self, listener: str, seconds: float) -> set[str]:
        """Returns when a bell of `listener` rings, or after `seconds`; the bells that rang since the last time.

        What rings while the listener is at work is kept for its next call.
        """
        awake = self._awake[listener]
        try:
            async with asyncio.timeout(seconds):
                await awake.wait()
        except TimeoutError:
            pass
        awake.clear()
        return self._heard.pop(listener, set())

    async def carry(self, database_url: str) -> None:
        """Carries bells between processes for as long as it runs, on one connection of its own."""
        while True:
            try:
                connection = await asyncpg.connect(database_url, server_settings=SESSION, timeout=5)
                try:
                    await connection.add_listener(CHANNEL, self._from_another)
                    connection.add_termination_listener(lambda _connection: self._others.set())
                    await self._send_all(connection)
                finally:
                    await connection.close(timeout=1)
            except UNAVAILABLE as trouble:
                log.info("bells_interrupted", trouble=type(trouble).__name__)
                await asyncio.sleep(1)

    def _wake(self, name: str) -> bool:
        listener = self._listener_of.get(name)
        if listener is None:
            return False
        self._heard[listener].add(name)
        self._awake[listener].set()
        return True

    def _from_another(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._wake(str(payload))

    async def _send_all(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        while True:
            await self._others.wait()
            if connection.is_closed():
                return
            self._others.clear()
            names, self._for_others = self._for_others, set()
            await connection.execute("SELECT pg_notify($1, name) FROM unnest($2::text[]) AS name", CHANNEL, list(names))
            await asyncio.sleep(NOTIFY_PAUSE_SECONDS)
