"""A whole local stack as one object: for `hub up`, the demo, the bench and the tests alike.

    async with Stack(layout) as stack:
        await stack.restart("kafka")
        stack.kill("routing")            # as a crash would; it comes back by itself

Its supervision runs in a thread with an event loop of its own, so that it goes on whatever the caller's loop does.
"""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil

from hub_local.files import Held, Lock, write_whole
from hub_local.keys import Keys, ensure_keys
from hub_local.layout import Layout, StackNotUsable
from hub_local.spawn import end_left_behind
from hub_local.steps import Step, everything
from hub_local.supervisor import Program, Report, Status, Supervisor

T = TypeVar("T")
Plan = Callable[[Layout, Keys, Report], Sequence[Step]]


def say_nothing(process: str, text: str) -> None:
    """The report of a stack that nobody watches."""


class Stack:
    """Started, watched, stopped as a whole or by process. `plan` says what it consists of; the whole hub by default."""

    def __init__(self, layout: Layout, plan: Plan = everything, report: Report = say_nothing) -> None:
        self.layout = layout
        self._plan = plan
        self._report = _unhindered(report)
        self._lock = Lock(layout.folder / "lock")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._supervisor: Supervisor | None = None
        self._keys: Keys | None = None
        self._all_ready = False

    @property
    def keys(self) -> Keys:
        """The stack's secrets, from its start on."""
        assert self._keys is not None, "the stack has not been started"
        return self._keys

    @property
    def statuses(self) -> list[Status]:
        """Where each program stands now."""
        return self._supervisor.statuses if self._supervisor is not None else []

    @property
    def processes(self) -> list[Status]:
        """The same, and the nursery that the services come from."""
        return self._supervisor.processes if self._supervisor is not None else []

    def pid(self, name: str) -> int | None:
        """Process id of `name`; None while it doesn't run. Raises KeyError for an unknown name."""
        return self._running.keeper(name).status.pid

    async def start(self) -> None:
        """Starts everything; returns once all is ready. Raises StackNotUsable, with nothing left running."""
        self._take_folder()
        try:
            if count := await asyncio.to_thread(end_left_behind, self.layout.folder):
                self._report("hub", f"ended {count} processes that a killed run had left")
            self._keys = ensure_keys(self.layout)
            steps = self._plan(self.layout, self._keys, self._report)
            refuse_taken_ports(self.layout, steps)
            self._open_thread()
            await self._call(self._start(steps))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops everything in order, losing nothing. Does nothing when nothing runs."""
        if self._supervisor is not None:
            await self._call(self._supervisor.stop())
            self._supervisor = None
        self._close_thread()
        self.layout.state_file.unlink(missing_ok=True)
        self._lock.release()

    async def stop_one(self, name: str) -> None:
        """Stops one process in an orderly way; it stays down until `start_one`."""
        await self._call(self._running.keeper(name).stop())

    async def start_one(self, name: str) -> None:
        """Starts a stopped process and waits until it is ready."""
        await self._call(self._running.keeper(name).start())

    async def restart(self, name: str) -> None:
        """Stops and starts one process."""
        await self.stop_one(name)
        await self.start_one(name)

    def kill(self, name: str) -> int | None:
        """SIGKILL to one process, which is started again by the supervisor. The pid that was killed."""
        return self._running.keeper(name).kill()

    async def ready(self, name: str, within: float = 60.0) -> None:
        """Waits until `name` is ready (again). Raises TimeoutError after `within` seconds."""
        await self._call(asyncio.wait_for(self._running.keeper(name).ready.wait(), within))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise StackNotUsable("the stack is not running")
        return self._supervisor

    def _take_folder(self) -> None:
        folder = self.layout.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.take({"pid": os.getpid()})
        except Held as held:
            raise StackNotUsable(
                f"a stack already runs on {folder} (process {held.owner.get('pid', 'unknown')}). "
                "`hub status` shows it, `hub down` stops it; HUB_FOLDER names another folder for a second one."
            ) from None
        except PermissionError as error:
            raise StackNotUsable(f"{error.filename} can't be written by this user: name another HUB_FOLDER") from error

    async def _start(self, steps: Sequence[Step]) -> None:
        layout = self.layout
        self._all_ready = False
        self._supervisor = Supervisor(steps, layout.folder, layout.logs, self._report, self._write_state)
        await self._supervisor.start()
        self._all_ready = True
        self._write_state()

    def _write_state(self) -> None:
        if self._supervisor is None:
            return
        state = {
            "pid": os.getpid(),
            "ready": self._all_ready,
            "port_base": self.layout.port_base,
            "processes": [asdict(status) for status in self._supervisor.processes],
        }
        with suppress(OSError):  # the disk is full: what runs goes on, and is started again, all the same
            write_whole(self.layout.state_file, json.dumps(state))

    def _open_thread(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: when the process ends without stop(), this thread's end makes the kernel end its children.
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack", daemon=True)
        self._thread.start()

    def _close_thread(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    async def _call(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


def _unhindered(report: Report) -> Report:
    """The same report; where it can't be written, as on a full disk, the supervision that tells it goes on."""

    def tell(process: str, text: str) -> None:
        with suppress(OSError):
            report(process, text)

    return tell


def refuse_taken_ports(layout: Layout, steps: Iterable[Step]) -> None:
    """Raises StackNotUsable when a port of this stack is held by another program, naming it as far as can be seen."""
    for step in steps:
        for name in step.ports if isinstance(step, Program) else ():
            port = layout.port(name)
            if not port_is_free(port):
                raise StackNotUsable(
                    f"port {port} ({name}) is taken by {holder_of(port)}. Stop that, or choose other ports: "
                    f"HUB_PORT_BASE={layout.port_base + 1000} (now {layout.port_base})."
                )


def port_is_free(port: int) -> bool:
    """Whether nothing listens on `port` of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in its last minute is no holder
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Who listens on `port`, in words for a message."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, TypeError):  # another user's process, or gone meanwhile
        pass
    return "another program"
