"""Real servers for the suite: in a folder and on ports of their own, gone with the suite however it ends.

Processes end with the suite because the kernel ends them (see hub_local.spawn); what a killed suite left on disk is
removed by the next one.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg

from hub_local import postgres
from hub_local.files import Held, Lock
from hub_local.layout import PORTS, Layout, here
from hub_local.spawn import end_left_behind
from hub_local.stack import Stack, port_is_free
from hub_local.steps import broker, database_server

HOME = Path(tempfile.gettempdir()) / f"mot-cua-hub-tests-{os.getuid()}"
PORT_BASES = range(20_000, 32_000, 50)  # below the ports that the kernel hands out
Upgrade = Callable[[str, str], None]


class Place:
    """A folder for the stacks of one run of the suite, with as many sets of ports as are asked for."""

    def __init__(self) -> None:
        HOME.mkdir(mode=0o711, exist_ok=True)
        remove_abandoned()
        made = Path(tempfile.mkdtemp(prefix="new-", dir=HOME))
        self._locks = [Lock(made / "lock")]
        self._locks[0].take({"pid": os.getpid()})
        self._folder = made.rename(made.with_name(f"run-{made.name}"))  # seen by others only once it is locked
        self._bases = itertools.cycle(PORT_BASES)

    def layout(self, name: str) -> Layout:
        """A stack's own folder and ports; Kafka's jars come from the cache of this user."""
        return replace(here(), folder=self._folder / name, port_base=self._reserve_ports())

    def close(self) -> None:
        """Removes the folder. The stacks in it have been stopped."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for lock in self._locks:
            lock.release()

    def _reserve_ports(self) -> int:
        for base in itertools.islice(self._bases, len(PORT_BASES)):
            lock = Lock(HOME / f"ports-{base}.lock")
            try:
                lock.take({"pid": os.getpid()})
            except Held:
                continue
            self._locks.append(lock)
            if all(port_is_free(base + distance) for distance in PORTS.values()):
                return base
        raise RuntimeError(f"no {max(PORTS.values())} free ports in a row from {PORT_BASES.start} on")


def remove_abandoned() -> None:
    """Ends and removes what killed runs of the suite left behind; runs that still go on hold their lock."""
    for folder in HOME.glob("run-*"):
        lock = Lock(folder / "lock")
        try:
            lock.take({"pid": os.getpid()})
        except Held:
            continue
        for stack in folder.iterdir():
            if stack.is_dir():
                end_left_behind(stack)
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """`stack` started for the time of a `with` block, for fixtures that outlive any one event loop."""
    asyncio.run(stack.start())
    try:
        yield stack
    finally:
        asyncio.run(stack.stop())


class PostgresServer:
    """One PostgreSQL server. Each database that a test asks for is new and its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._count = itertools.count(1)
        self._migrated: set[str] = set()

    async def database(self, service: str, upgrade: Upgrade | None = None) -> str:
        """URL of a new database with the newest schema of `service`, for the role of that service.

        `upgrade(service, url)` makes the schema, once per run; the service's migrations by default.
        """
        if service not in self._migrated:
            await asyncio.to_thread(upgrade or _migrations(), service, self._url(service, service))
            self._migrated.add(service)
        return await self._create(service, template=service)

    async def empty_database(self, role: str = "intake") -> str:
        """URL of a new database without any table, for `role`."""
        return await self._create(role, template="template0")

    async def _create(self, role: str, template: str) -> str:
        name = f"test_{next(self._count)}"
        connection = await asyncpg.connect(self._url("postgres", "postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {role}")
        finally:
            await connection.close()
        return self._url(name, role)

    def _url(self, database: str, role: str) -> str:
        return postgres.database_url(self.stack.layout, self.stack.keys.passwords, database, role)


def _migrations() -> Upgrade:
    from hub_messaging.migrations import upgrade

    return upgrade


def postgres_stack(place: Place) -> Stack:
    """PostgreSQL alone."""
    return Stack(place.layout("postgres"), plan=lambda layout, keys, _: database_server(layout, keys))


def kafka_stack(place: Place) -> Stack:
    """Kafka alone."""
    return Stack(place.layout("kafka"), plan=lambda layout, _, report: broker(layout, report))
