"""Child processes that never outlive their stack: spawned with a mark, told to end when their parent dies.

Every child carries the data folder in its environment (`HUB_STACK`). What a killed run left behind is found by that
mark, so that no process is ever ended that isn't this stack's own, whatever number it has.
"""

import asyncio
import ctypes
import os
import pwd
import signal
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "HUB_STACK"
SET_PARENT_DEATH_SIGNAL, SET_NAME = 1, 15
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


async def spawn(
    command: Sequence[str],
    *,
    stack: Path,
    environment: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    user: int | None = None,
    death_signal: int = signal.SIGTERM,
    talks: bool = False,
) -> asyncio.subprocess.Process:
    """Starts `command` in a session of its own, output appended to `log`. Raises OSError when it can't be started.

    The thread that calls this must live as long as the child: `death_signal` is sent when that thread ends.
    `talks`: standard input and output are pipes to the caller; only errors go to the log.
    """
    parent = os.getpid()
    with open(log, "ab", buffering=0) as output:  # noqa: ASYNC230 - a local file, opened at once
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if talks else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if talks else output,
            stderr=output,
            cwd=folder,
            env={**environment, MARK: str(stack)},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops all in order
            preexec_fn=lambda: end_with_parent(parent, death_signal),  # three system calls between fork and exec
            user=user,
            group=None if user is None else pwd.getpwuid(user).pw_gid,
            extra_groups=None if user is None else [],
        )


def end_group(child: asyncio.subprocess.Process) -> None:
    """Kills a child and its own children, if it still runs."""
    if child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)


def end_with_parent(parent: int, death_signal: int) -> None:
    """In a new child: the kernel is to send it `death_signal` when the thread that made it ends."""
    if _libc is None:
        return
    # Many processes share a few cores here: who wakes up waits for its turn instead of taking another's core.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    _libc.prctl(SET_PARENT_DEATH_SIGNAL, death_signal)
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """What `ps` and `top` call this process (15 characters at most), where the system can be told."""
    if _libc is not None:
        _libc.prctl(SET_NAME, name[:15].encode(), 0, 0, 0)


def family(pid: int, apart: Collection[int] = ()) -> list[psutil.Process]:
    """A process and all its children, without those that are looked at `apart`. Raises psutil.NoSuchProcess."""
    parent = psutil.Process(pid)
    return [parent, *(child for child in parent.children(recursive=True) if child.pid not in apart)]


def left_behind(stack: Path) -> list[psutil.Process]:
    """Running processes that carry the mark of this stack."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(stack):
                found.append(process)
        except (psutil.Error, OSError):  # gone meanwhile, or another user's: not ours either way
            continue
    return found


def end_left_behind(stack: Path, patience: float = 10.0) -> int:
    """Ends what a killed run of this stack left running: asks first, kills after `patience` seconds. How many."""
    started = time.monotonic()
    ended: set[int] = set()
    while processes := left_behind(stack):
        late = time.monotonic() - started > patience
        for process in processes:
            if late or process.pid not in ended:
                _signal(process, signal.SIGKILL if late else signal.SIGTERM)
            ended.add(process.pid)
        psutil.wait_procs(processes, timeout=0.5)
    return len(ended)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
