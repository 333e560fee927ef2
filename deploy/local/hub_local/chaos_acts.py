"""Quấy phá: how each kind of disturbance is done, and what was observed of it."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import aiohttp
import asyncpg
import psutil
from aiokafka.errors import KafkaError

from hub_local.chaos_ground import READY_SECONDS, Ground, NotDone, Wrong, killed_and_back, must_come_back
from hub_local.chaos_imports import cut_import
from hub_local.chaos_plan import BAD_PARTIES, Disturbance
from hub_local.chaos_records import tell_again
from hub_local.chaos_rescues import delete_topic, down_until_it_rings, lose_position, restore
from hub_local.chaos_stack import second_process, wire_port
from hub_local.chaos_takeover import taken_over
from hub_local.layout import SERVICES, StackNotUsable
from hub_local.postgres import database_url
from hub_local.stack import Stack
from hub_messaging.clock import Clock, set_business_time

FULL_DISK_BYTES = 16 * 1024
"""While a server's disk is "full", no file of its grows beyond this."""
MISSED_WITHIN_SECONDS = 5.0
CLOCK_SEEN_SECONDS = 0.5
"""Every process looks at the clock file so often, and a little more."""
CRAWL_STOPPED, CRAWL_RUNNING = 0.08, 0.02
"""A crawling server runs a fifth of the time: all it does, its disk too, takes five times as long."""
TRIED_FOR_SECONDS, TRIES_AGAIN_SECONDS = 20.0, 1.0
"""What can't be done because something else is hurt at that moment is tried again for so long."""
IN_THE_WAY = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    KafkaError,
    StackNotUsable,
    psutil.Error,
)
"""What keeps a person from doing it."""

Act = Callable[[Ground, Disturbance], Awaitable[str]]


async def disturb(ground: Ground, what: Disturbance) -> str:
    """Does it, waits until it is over, and says what was observed.

    Raises Wrong and Silent; NotDone when it can't be done, which is Wrong too of what nothing else disturbs.
    """
    ends = time.monotonic() + TRIED_FOR_SECONDS
    while True:
        try:
            return await ACTS[what.kind](ground, what)
        except IN_THE_WAY as error:
            if what.alone:
                raise Wrong(f"could not be done: {type(error).__name__} {error}") from error
            if time.monotonic() > ends:
                raise NotDone(type(error).__name__) from error
        await asyncio.sleep(TRIES_AGAIN_SECONDS)


async def kill(ground: Ground, what: Disturbance) -> str:
    """SIGKILL; the supervisor starts it again. A service that is gone must be missed meanwhile."""
    back = asyncio.create_task(killed_and_back(ground, what.target))
    try:
        if what.target in SERVICES:
            await ground.alarms.rung("HubProcessDown", MISSED_WITHIN_SECONDS, service=what.target)
        return await back
    finally:
        back.cancel()


async def freeze(ground: Ground, what: Disturbance) -> str:
    """SIGSTOP to a process and its children, SIGCONT after a while."""
    with frozen(ground.stack.pid(what.target)):
        await asyncio.sleep(what.seconds)
    return "went on where it had stopped"


async def overtake(ground: Ground, what: Disturbance) -> str:
    """The owner of lanes and relay freezes, another process takes over, the old owner wakes up and must be fenced."""
    async with _second(ground, what.target, slot=1) as took:
        with frozen(ground.stack.pid(what.target)):
            await asyncio.sleep(what.seconds)
            took_over = await taken_over(ground, what.target, slot=1)
        await asyncio.sleep(1.0)
        took.kill(f"{what.target}-second")
    return f"{took_over}; the old owner woke up; the other was killed"


async def twin(ground: Ground, what: Disturbance) -> str:
    """A second process claims the slot of the first: its membership, its lanes, its relay."""
    async with _second(ground, what.target, slot=0):
        await asyncio.sleep(what.seconds)
    return "two processes claimed slot 0; one ended in order"


async def restart(ground: Ground, what: Disturbance) -> str:
    """An orderly stop and a new start."""
    began = time.monotonic()
    with must_come_back(what.target):
        await ground.stack.restart(what.target)
    return f"ready after {time.monotonic() - began:.1f} s"


async def away(ground: Ground, what: Disturbance) -> str:
    """An orderly stop, and nothing there for a while."""
    await ground.stack.stop_one(what.target)
    await asyncio.sleep(what.seconds)
    began = time.monotonic()
    with must_come_back(what.target):
        await ground.stack.start_one(what.target)
    return f"ready {time.monotonic() - began:.1f} s after its start"


async def cut(ground: Ground, what: Disturbance) -> str:
    """Every connection to a server is reset at once."""
    return f"{ground.wires[what.target].cut()} connections reset"


async def silence(ground: Ground, what: Disturbance) -> str:
    """Connections stand, and nothing passes."""
    wire = ground.wires[what.target]
    wire.silent(True)
    try:
        await asyncio.sleep(what.seconds)
    finally:
        wire.silent(False)
    return "bytes passed again"


async def end_sessions(ground: Ground, what: Disturbance) -> str:
    """PostgreSQL ends every session of one service."""
    url = database_url(ground.layout, ground.stack.keys.passwords, "postgres")
    connection = await asyncpg.connect(url, timeout=10)
    try:
        question = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1"
        count = await connection.fetchval(question, what.target, timeout=10)
    finally:
        await connection.close()
    return f"{count} sessions ended"


async def crawl(ground: Ground, what: Disturbance) -> str:
    """A server that is given a fifth of the time, as on a disk that is far too slow."""
    ends = time.monotonic() + what.seconds
    while time.monotonic() < ends:
        with frozen(ground.stack.pid(what.target)):
            await asyncio.sleep(CRAWL_STOPPED)
        await asyncio.sleep(CRAWL_RUNNING)
    return "ran a fifth of the time"


async def fill_disk(ground: Ground, what: Disturbance) -> str:
    """No file of a server may grow: each write beyond its end fails, until the process is started anew."""
    pid = ground.stack.pid(what.target)
    await _limit_files(pid, str(FULL_DISK_BYTES))
    await asyncio.sleep(what.seconds)
    if pid is not None and ground.stack.pid(what.target) == pid:
        await _limit_files(pid, "unlimited")
        return "survived it"
    with must_come_back(what.target):
        await ground.stack.ready(what.target, READY_SECONDS)
    return "ended by itself, ready again"


async def again(ground: Ground, what: Disturbance) -> str:
    """Records of all topics are written once more, in another order."""
    chance = random.Random(f"{ground.seed} {what.number}")  # noqa: S311 - an order, no secret
    count = await tell_again(f"127.0.0.1:{wire_port(ground.layout, 'kafka')}", chance, new_ids=what.manner == "new ids")
    return f"{count} records told again in another order"


async def step_clock(ground: Ground, what: Disturbance) -> str:
    """Business time jumps for every process; forwards for the other side last, or its results come from the future."""
    hours = float(what.manner.removesuffix(" h"))
    with frozen(ground.stack.pid("sandbox") if hours > 0 else None):
        moment = Clock(ground.layout.clock_file).now() + timedelta(hours=hours)
        set_business_time(ground.layout.clock_file, moment)
        await asyncio.sleep(CLOCK_SEEN_SECONDS)
    return f"business time {moment:%d/%m %H:%M} UTC"


async def turn_bad(ground: Ground, what: Disturbance) -> str:
    """A party of the sandbox misbehaves for a while."""
    await _told(ground, what.target, BAD_PARTIES[what.manner])
    await asyncio.sleep(what.seconds)
    await _told(ground, what.target, {})
    return "honest again"


ACTS: Mapping[str, Act] = {
    "kill": kill,
    "freeze": freeze,
    "freeze past its leases": freeze,
    "overtake": overtake,
    "twin": twin,
    "restart": restart,
    "away": away,
    "cut": cut,
    "silence": silence,
    "sessions ended": end_sessions,
    "crawl": crawl,
    "disk full": fill_disk,
    "import cut": cut_import,
    "told again": again,
    "clock step": step_clock,
    "bad party": turn_bad,
    "position lost": lose_position,
    "topic deleted": delete_topic,
    "restored": restore,
    "down until it rings": down_until_it_rings,
}


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """A process and its children stand still within the block."""
    stopped = [process for process in family(pid) if _sent(process, signal.SIGSTOP)]
    try:
        yield
    finally:
        for process in reversed(stopped):
            _sent(process, signal.SIGCONT)


def family(pid: int | None) -> list[psutil.Process]:
    """A process and all its children; nobody when it doesn't run."""
    if pid is None:
        return []
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _sent(process: psutil.Process, number: int) -> bool:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True


async def _limit_files(pid: int | None, size: str) -> None:
    """How long files of a process and its children may become. Raises OSError where the system has no `prlimit`."""
    found = family(pid)
    if not found:
        return
    # Its own account always may; root in a container may not.
    user, group = (found[0].uids().real, found[0].gids().real) if os.geteuid() == 0 else (None, None)
    for process in found:
        command = ("prlimit", f"--pid={process.pid}", f"--fsize={size}:")
        child = await asyncio.create_subprocess_exec(
            *command, user=user, group=group, stderr=asyncio.subprocess.DEVNULL
        )
        if await child.wait() != 0 and process.is_running():
            raise PermissionError(f"prlimit refused for process {process.pid}")


def _second(ground: Ground, name: str, slot: int) -> Stack:
    """Another process of a service, in a stack of its own within this one's folder."""
    folder = ground.layout.folder / "second" / name
    program = second_process(name, slot, ground.layout, ground.stack.keys)
    return Stack(replace(ground.layout, folder=folder), plan=lambda *_: [program])


async def _told(ground: Ground, party: str, behaviour: Mapping[str, object]) -> None:
    """Tells the sandbox how a party behaves; one that is away just now is told later."""
    with must_come_back("sandbox"):
        async with asyncio.timeout(READY_SECONDS):
            while True:
                try:
                    return await ground.door.put_behaviour(party, dict(behaviour))
                except (aiohttp.ClientError, OSError):
                    await asyncio.sleep(0.2)
