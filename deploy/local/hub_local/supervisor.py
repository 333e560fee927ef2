"""Keeps a set of processes running in an order that follows from what each needs.

A `Job` runs once, a `Program` is kept running: a death is reported and answered by a new start after a growing
pause. Each waits for the steps it needs; at the end each stops after all that need it have stopped.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from hub_local.layout import StackNotUsable
from hub_local.nursery import Nursery
from hub_local.spawn import end_group, spawn

State = Literal["waiting", "starting", "ready", "restarting", "stopping", "stopped"]

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
CALM_SECONDS = 30.0
"""A process that ran this long before it died starts again with the first pause."""
DEATHS_BEFORE_GIVING_UP = 4
"""So often a process may die before it was ever ready; then the start of the stack has failed."""
MISCONFIGURED = "ended with code 78"
"""A service that refuses its settings says so at once; trying again can't help."""
LONGEST_START = 90.0
PROBE_SECONDS = 0.05
LOG_LIMIT = 8 * 1024 * 1024
LOG_CHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something done once at each start, such as migrations. `run` raises StackNotUsable when it can't be done."""

    name: str
    run: Callable[[], Awaitable[None]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A process that is kept running. `ready` answers whether it does its work; it is asked again and again."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Steps that are given the processors first at a start; unlike `needs`, they may stop and die before this one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    """Modules that its command (`python -m …`) imports. With any, it is forked from a nursery that has them."""
    folder: Path | None = None
    user: int | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Status:
    """Where a process stands. `since` in epoch seconds; `pid` is None while nothing runs."""

    name: str
    state: State
    pid: int | None
    restarts: int
    since: float


Report = Callable[[str, str], None]
"""Told (process, what happened): for a person to read."""


class Child(Protocol):
    """A process that runs, or has ended with `returncode`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...
    def send_signal(self, signal: int, /) -> None: ...


class Keeper:
    """Keeps one program running, until told to stop."""

    def __init__(
        self,
        program: Program,
        stack: Path,
        log: Path,
        nursery: Nursery,
        report: Report,
        changed: Callable[[], None],
    ) -> None:
        self.program = program
        self.log = log
        self.ready = asyncio.Event()
        self.restarts = 0
        self._stack = stack
        self._nursery = nursery
        self._report = report
        self._changed = changed
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._was_ready = False
        self._state: State = "waiting"
        self._since = time.time()

    @property
    def status(self) -> Status:
        running = self._child is not None and self._child.returncode is None
        return Status(
            self.program.name,
            self._state,
            self._child.pid if self._child is not None and running else None,
            self.restarts,
            self._since,
        )

    async def start(self) -> None:
        """Starts the program and returns once it is ready. Raises StackNotUsable when it never gets there."""
        self._stopping = False
        self._task = asyncio.create_task(self._keep(), name=self.program.name)
        waiting = asyncio.create_task(self.ready.wait())
        try:
            await asyncio.wait({self._task, waiting}, timeout=LONGEST_START, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._task.done() and not self._stopping:
            self._task.result()
        if not self.ready.is_set() and not self._stopping:
            raise StackNotUsable(
                f"{self.program.name} was not ready after {LONGEST_START:.0f} s.\n{last_lines(self.log)}"
            )

    async def stop(self) -> None:
        """Asks the program to end and waits for it; kills it after its `stop_seconds`."""
        if self._task is None:
            self._enter("stopped")
            return
        self._stopping = True
        self._enter("stopping")
        if self._child is not None and self._child.returncode is None:
            self._send(self.program.stop_signal)
            try:
                await asyncio.wait_for(self._child.wait(), self.program.stop_seconds)
            except TimeoutError:
                self._report(self.program.name, f"did not end within {self.program.stop_seconds:g} s: killed")
                self._send(signal.SIGKILL)
        if self._child is None or self._child.returncode is not None:
            self._task.cancel()  # it may be in the pause before a new start
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._enter("stopped")

    def kill(self) -> int | None:
        """SIGKILL, as a crash would; the program is started again. The pid that was killed."""
        pid = self.status.pid
        if pid is not None:
            self._send(signal.SIGKILL)
        return pid

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping:
            began = time.monotonic()
            ending = await self._live()
            if self._stopping:
                return
            self.restarts += 1
            if not self._was_ready and (self.restarts >= DEATHS_BEFORE_GIVING_UP or ending == MISCONFIGURED):
                self._enter("stopped")
                raise StackNotUsable(f"{self.program.name} {ending} before it was ready.\n{last_lines(self.log)}")
            if time.monotonic() - began > CALM_SECONDS:
                pause = FIRST_PAUSE
            self._enter("restarting")
            self._report(self.program.name, f"{ending}; starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _live(self) -> str:
        """One life of the process, from its start to its end; how it ended."""
        self._enter("starting")
        try:
            self._child = await self._begin()
        except OSError as error:
            return f"can't be started ({error})"
        if self._stopping:  # asked to stop while the process was being made
            self._send(self.program.stop_signal)
        probe = asyncio.create_task(self._probe())
        try:
            return _ending(await self._child.wait())
        finally:
            probe.cancel()
            self.ready.clear()

    async def _begin(self) -> Child:
        program = self.program
        whole = {**os.environ, **program.environment}
        if program.ahead:
            return await self._nursery.hatch(
                program.name, program.command, environment=whole, log=self.log, folder=program.folder
            )
        return await spawn(
            program.command,
            stack=self._stack,
            environment=whole,
            log=self.log,
            folder=program.folder,
            user=program.user,
            death_signal=program.stop_signal,
        )

    async def _probe(self) -> None:
        while not await self.program.ready():
            await asyncio.sleep(PROBE_SECONDS)
        self._was_ready = True
        self._report(self.program.name, f"ready after {time.time() - self._since:.1f} s")
        self._enter("ready")
        self.ready.set()

    def _send(self, number: int) -> None:
        assert self._child is not None
        try:
            self._child.send_signal(number)
        except ProcessLookupError:
            return

    def _enter(self, state: State) -> None:
        self._state, self._since = state, time.time()
        self._changed()


class Supervisor:
    """Starts steps in the order of their needs, keeps the programs among them running, stops them in reverse."""

    def __init__(
        self, steps: Sequence[Job | Program], stack: Path, logs: Path, report: Report, changed: Callable[[], None]
    ) -> None:
        self._steps = {step.name: step for step in steps}
        self._done = {step.name: asyncio.Event() for step in steps}
        self._logs = logs
        self._report = report
        self._starts: list[asyncio.Task[None]] = []
        self._trim: asyncio.Task[None] | None = None
        programs = [step for step in steps if isinstance(step, Program)]
        ahead = sorted({module for program in programs for module in program.ahead})
        self._nursery = Nursery(ahead, stack, logs / "nursery.log")
        self._keepers = {
            program.name: Keeper(program, stack, logs / f"{program.name}.log", self._nursery, report, changed)
            for program in programs
        }
        for step in steps:
            if unknown := set(step.needs) - self._steps.keys():
                raise ValueError(f"{step.name} needs {min(unknown)}, which is no step")

    @property
    def statuses(self) -> list[Status]:
        """Of all programs."""
        return [keeper.status for keeper in self._keepers.values()]

    @property
    def processes(self) -> list[Status]:
        """Of all programs, and of the nursery that some of them come from."""
        nursery = self._nursery
        if not nursery.modules:
            return self.statuses
        state: State = "restarting" if nursery.pid is None else "ready"
        return [*self.statuses, Status("nursery", state, nursery.pid, nursery.restarts, nursery.since)]

    def keeper(self, name: str) -> Keeper:
        """Raises KeyError when no program has this name."""
        return self._keepers[name]

    async def start(self) -> None:
        """Runs every step. Raises StackNotUsable when one fails; `stop` then stops those that were started."""
        self._logs.mkdir(parents=True, exist_ok=True)
        if self._nursery.modules:
            await self._nursery.start()
        self._trim = asyncio.create_task(self._trim_logs())
        self._starts = [asyncio.create_task(self._run(step), name=step.name) for step in self._steps.values()]
        await asyncio.gather(*self._starts)

    async def stop(self) -> None:
        """Stops every program after all that need it have stopped."""
        for task in (*self._starts, *([self._trim] if self._trim else [])):
            task.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        stopped = {name: asyncio.Event() for name in self._steps}
        await asyncio.gather(*(self._stop(name, stopped) for name in self._steps))
        await self._nursery.close()

    async def _run(self, step: Job | Program) -> None:
        for need in step.needs:
            await self._done[need].wait()
        if isinstance(step, Job):
            await step.run()
        else:
            for other in step.after:
                await self._done[other].wait()
            await self._keepers[step.name].start()
        self._done[step.name].set()

    async def _stop(self, name: str, stopped: dict[str, asyncio.Event]) -> None:
        for other in self._steps.values():
            if name in other.needs:
                await stopped[other.name].wait()
        if name in self._keepers:
            await self._keepers[name].stop()
        stopped[name].set()

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for keeper in self._keepers.values():
                with suppress(OSError):  # no room for the half that is kept: tried again
                    trim(keeper.log)


def trim(log: Path) -> None:
    """Keeps a log within LOG_LIMIT: its second half moves to `.1` once it is full; the writer goes on appending."""
    if not log.exists() or log.stat().st_size <= LOG_LIMIT:
        return
    with open(log, "r+b") as stream:
        stream.seek(-LOG_LIMIT // 2, os.SEEK_END)
        log.with_suffix(".log.1").write_bytes(stream.read())
        stream.truncate(0)


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for a message about a process that failed."""
    if not log.exists():
        return f"(no log: {log.name})"
    with open(log, "rb") as stream:
        stream.seek(max(0, log.stat().st_size - 8192))
        lines = stream.read().decode(errors="replace").splitlines()[-count:]
    return "\n".join([f"The end of {log.name}:", *(f"  {line}" for line in lines)])


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"


async def port_answers(port: int) -> bool:
    """Whether something listens on `port` of this machine."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 1)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def http_ok(port: int, path: str) -> bool:
    """Whether a GET of `path` is answered with 200."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 1)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            line = await asyncio.wait_for(reader.readline(), 2)
        finally:
            writer.close()
    except (OSError, TimeoutError):
        return False
    return line.split()[1:2] == [b"200"]


async def run_once(
    command: Sequence[str],
    *,
    stack: Path,
    environment: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    user: int | None = None,
) -> None:
    """Runs a command to its end. Raises StackNotUsable with the end of its log when it fails."""
    log.unlink(missing_ok=True)  # noqa: ASYNC240 - a local file, removed at once
    whole = {**os.environ, **environment}
    child = await spawn(command, stack=stack, environment=whole, log=log, folder=folder, user=user)
    try:
        code = await child.wait()
    finally:
        end_group(child)
    if code != 0:
        raise StackNotUsable(f"{log.stem} {_ending(code)}.\n{last_lines(log)}")
