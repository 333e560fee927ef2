"""Nursery: services are forked from one process that has imported already what they stand on.

Four services import nearly the same thousand modules. Imported once and forked, each is at work after 0.1 to 0.2 s
instead of 0.9, and memory that none of them writes to is there once. What runs is the same: the module that the
command names, as `python -m` runs it, in a session, environment and log of its own. It is for the processes of one
machine; a container starts its Python by itself.

`Nursery` is what a supervisor holds; `python -m hub_local.nursery MODULE…` is the process. Orders go in as lines of
JSON, births and ends come out. Its children end when it is killed; when its supervisor is gone they are asked to end.
"""

import asyncio
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from hub_local.spawn import MARK, end_with_parent, name_process, spawn

Order = dict[str, Any]


class Hatched:
    """A process that the nursery forked: as much of asyncio's Process as a supervisor uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def send_signal(self, number: int) -> None:
        if not self._end.done():
            os.kill(self.pid, number)

    def ended(self, code: int) -> None:
        """Told by the nursery; minus the signal's number when a signal ended it, as everywhere in Python."""
        if not self._end.done():
            self._end.set_result(code)


class Nursery:
    """Forks processes whose `modules` are imported already. Starts when first needed, and anew after its death."""

    def __init__(self, modules: Sequence[str], stack: Path, log: Path) -> None:
        self.modules = modules
        self.restarts = -1
        self.since = time.time()
        self._stack = stack
        self._log = log
        self._life: _Life | None = None
        self._one_at_a_time = asyncio.Lock()  # births are told in the order they were asked for

    @property
    def pid(self) -> int | None:
        """None while it doesn't run."""
        return self._life.process.pid if self._life is not None and self._life.process.returncode is None else None

    async def hatch(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path, folder: Path | None
    ) -> Hatched:
        """Runs `command` (`python -m MODULE ARGUMENT…`) in a fork. Raises OSError when that can't be done."""
        order: Order = {
            "name": name,
            "arguments": command[2:],
            "environment": {**environment, MARK: str(self._stack)},
            "log": str(log),
            "folder": None if folder is None else str(folder),
        }
        async with self._one_at_a_time:
            return await (await self._alive()).fork(order)

    async def start(self) -> None:
        """Has the imports done before somebody waits for them."""
        async with self._one_at_a_time:
            await self._alive()

    async def close(self) -> None:
        """After all that it forked has ended."""
        if self._life is not None:
            await self._life.close()

    async def _alive(self) -> "_Life":
        if self._life is None or self._life.process.returncode is not None:
            self.restarts += 1
            self.since = time.time()
            command = (sys.executable, "-m", "hub_local.nursery", *self.modules)
            self._life = _Life(
                await spawn(command, stack=self._stack, environment=os.environ, log=self._log, talks=True)
            )
        return self._life


class _Life:
    """The nursery's process from its start to its end, and what it forked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._orders, self._news = process.stdin, process.stdout
        self._born: asyncio.Queue[Hatched | OSError] = asyncio.Queue()
        self._children: dict[int, Hatched] = {}
        self._listening = asyncio.create_task(self._listen(), name="nursery")

    async def fork(self, order: Order) -> Hatched:
        self._orders.write(json.dumps(order).encode() + b"\n")
        born = await self._born.get()
        if isinstance(born, OSError):
            raise born
        return born

    async def close(self) -> None:
        self._orders.close()
        await self._listening

    async def _listen(self) -> None:
        while line := await self._news.readline():
            told = json.loads(line)
            if "error" in told:
                self._born.put_nowait(OSError(told["error"]))
            elif "code" in told:
                self._children.pop(told["pid"]).ended(told["code"])
            else:
                self._children[told["pid"]] = Hatched(told["pid"])
                self._born.put_nowait(self._children[told["pid"]])
        code = await self.process.wait()
        self._born.put_nowait(OSError(f"the nursery ended with code {code}"))
        for child in self._children.values():
            child.ended(-signal.SIGKILL)  # the kernel has ended them with their parent


class _Grounds:
    """The nursery's process: forks when ordered, tells who was born and who has ended."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._children: set[int] = set()
        self._orders = b""
        self._ending = False
        self._bell, bell = socket.socketpair()
        self._bell.setblocking(False)
        bell.setblocking(False)
        self._rung = bell
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the byte that the signal leaves in the bell is all that is needed
        signal.set_wakeup_fd(bell.fileno())
        self._watched = selectors.DefaultSelector()
        self._watched.register(sys.stdin, selectors.EVENT_READ, self._read_orders)
        self._watched.register(self._bell, selectors.EVENT_READ, self._hear_signals)

    def serve(self) -> Order | None:
        """In the child: what it is to run. In the parent: None, when it is told to end and its children have ended."""
        while self._children or not self._ending:
            for key, _ in self._watched.select():
                order: Order | None = key.data()
                if order is not None:
                    return order
        return None

    def _read_orders(self) -> Order | None:
        if got := os.read(sys.stdin.fileno(), 1 << 16):
            *lines, self._orders = (self._orders + got).split(b"\n")
            for line in lines:
                order: Order = json.loads(line)
                if self._fork(order):
                    return order
        else:
            self._watched.unregister(sys.stdin)
            self._end()
        return None

    def _hear_signals(self) -> None:
        rung = self._bell.recv(4096)
        if signal.SIGTERM in rung:
            self._end()
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._children.discard(pid)
                self._tell({"pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def _end(self) -> None:
        self._ending = True
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)

    def _fork(self, order: Order) -> bool:
        """Whether this is the child."""
        try:
            pid = os.fork()
        except OSError as error:
            self._tell({"error": str(error)})
            return False
        if pid:
            self._children.add(pid)
            self._tell({"pid": pid})
            return False
        end_with_parent(self._pid, signal.SIGKILL)
        self._forget()
        return True

    def _forget(self) -> None:
        """The child: nothing of the nursery's own stays open, no signal means what it meant."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self._watched.close()
        self._bell.close()
        self._rung.close()

    def _tell(self, what: Mapping[str, object]) -> None:
        with suppress(BrokenPipeError):  # the supervisor is gone; standard input says so too
            os.write(1, json.dumps(what).encode() + b"\n")


def _become(order: Order) -> None:
    """The child: session, name, environment, files as of a process started alone; then the module."""
    os.setsid()
    name_process(f"hub-{order['name']}")
    os.environ.clear()
    os.environ.update(order["environment"])
    with open(os.devnull, "rb") as nothing, open(order["log"], "ab") as log:
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source.fileno(), target)
    if order["folder"] is not None:
        os.chdir(order["folder"])
    module, *arguments = order["arguments"]
    sys.argv = [module, *arguments]  # its path takes the first place when it runs
    gc.enable()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Imports what is named, then forks as ordered. A module that can't be imported fails in its own process."""
    gc.disable()
    for module in sys.argv[1:]:
        try:
            import_module(module)
        except Exception:
            traceback.print_exc()
    gc.collect()
    gc.freeze()  # no search for cycles writes to what is shared
    order = _Grounds().serve()
    if order is not None:
        _become(order)


if __name__ == "__main__":
    main()
