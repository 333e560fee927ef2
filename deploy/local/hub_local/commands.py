"""`hub up | down | status | logs`: the local stack at the command line."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from hub_local.files import Lock
from hub_local.layout import PORTS, SERVICES, Layout, SettingWrong, StackNotUsable, here
from hub_local.spawn import end_left_behind
from hub_local.stack import Plan, Stack
from hub_local.steps import everything
from hub_local.supervisor import LOG_LIMIT

WAIT_FOR_DOWN = 90.0
WAIT_FOR_UP = 180.0
FIRST_LINES = 40
POLL_SECONDS = 0.25


def register(root: typer.Typer) -> None:
    """Adds this package's commands to `hub` (entry point group `hub.commands`)."""
    for command in (up, down, status, logs):
        root.command()(command)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Ends the command with one clear message instead of a traceback."""
    try:
        yield
    except (SettingWrong, StackNotUsable) as problem:
        typer.echo(f"hub: {problem}", err=True)
        raise SystemExit(1) from None


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
) -> None:
    """Start Kafka, PostgreSQL, the four services and the sandbox; Ctrl-C stops them in order."""
    with clear_errors():
        layout = here()
        if detach:
            _start_in_background(layout)
        else:
            asyncio.run(hold(layout))


def down() -> None:
    """Stop the stack of this folder, in order, losing nothing."""
    with clear_errors():
        layout = here()
        owner = owner_of(layout)
        if owner is None:
            count = end_left_behind(layout.folder)
            typer.echo(f"ended {count} processes that a killed run had left" if count else "nothing runs here")
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGTERM)
        if not _came_true(lambda: owner_of(layout) is None, WAIT_FOR_DOWN):
            raise StackNotUsable(f"process {owner} still runs after {WAIT_FOR_DOWN:.0f} s; `hub logs` may say why")
        typer.echo("stopped")


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show each process: state, restarts, port, memory. Exit code 0 when all are ready."""
    with clear_errors():
        state = read_state(here())
    if as_json:
        typer.echo(json.dumps(state))
    elif state["processes"]:
        Console().print(_table(state))
    else:
        typer.echo("nothing runs here; `hub up` starts it")
    if not state["ready"]:
        raise typer.Exit(1)


def logs(
    process: Annotated[str | None, typer.Argument(help="One process; all when left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Print the last lines that the processes wrote."""
    with clear_errors():
        files = {file.stem: file for file in sorted(here().logs.glob("*.log"))}
        if process is not None and process not in files:
            raise StackNotUsable(f"no log of {process!r}; there are: {', '.join(files) or 'none yet'}")
    chosen = [files[process]] if process else list(files.values())
    ends = {file: _print_end(file, named=process is None) for file in chosen}
    with contextlib.suppress(KeyboardInterrupt):
        while follow:
            time.sleep(POLL_SECONDS)
            for file in chosen:
                ends[file] = _print_from(file, ends[file], named=process is None)


async def hold(layout: Layout, plan: Plan = everything) -> None:
    """Starts the stack and keeps it until Ctrl-C or SIGTERM."""
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    stack = Stack(layout, plan, _print_line)
    starting, waiting = asyncio.create_task(stack.start()), asyncio.create_task(asked.wait())
    with _watched(stack):
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)  # it stops what it had started
            _print_line("hub", "stopped before everything was ready")
            return
        starting.result()
        _print_line("hub", _welcome(layout))
        await waiting
        _print_line("hub", "stopping in order")
        await stack.stop()
    _print_line("hub", "stopped")


def owner_of(layout: Layout) -> int | None:
    """Process id of the stack that runs on this folder; None when none does."""
    owner = Lock(layout.folder / "lock").owner()
    return int(owner.get("pid", 0)) or None if owner is not None else None


def read_state(layout: Layout) -> dict[str, Any]:
    """What runs on this folder: the stack's own state, with port and memory of each process."""
    owner = owner_of(layout)
    if owner is None or not layout.state_file.exists():
        return {"pid": owner, "ready": False, "processes": []}
    state: dict[str, Any] = json.loads(layout.state_file.read_text())
    running = Layout(layout.folder, int(state["port_base"]))
    for process in state["processes"]:
        process["port"] = port_of(running, process["name"])
        process["memory_bytes"] = memory_of(process["pid"])
    return state


def _is_ready(layout: Layout) -> bool:
    return layout.state_file.exists() and bool(json.loads(layout.state_file.read_text())["ready"])


def port_of(layout: Layout, process: str) -> int | None:
    """The port that bears the name of a process, if there is one."""
    return layout.port(process) if process in PORTS else None


def memory_of(pid: int | None) -> int | None:
    """Memory of a process and its children in bytes: shared pages counted once where the system tells."""
    if pid is None:
        return None
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(_own_memory(process) for process in family)
    except psutil.Error:
        return None


def _own_memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(full, "pss", full.uss))


def _start_in_background(layout: Layout) -> None:
    if owner := owner_of(layout):
        raise StackNotUsable(f"a stack already runs on {layout.folder} (process {owner}); `hub status` shows it")
    layout.logs.mkdir(parents=True, exist_ok=True)
    log = layout.logs / "hub.log"
    with open(log, "w", encoding="utf-8") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "hub_local"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    ready = _came_true(lambda: child.poll() is not None or _is_ready(layout), WAIT_FOR_UP)
    if child.poll() is not None:
        typer.echo(log.read_text(), err=True, nl=False)
        raise typer.Exit(1)
    if not ready:
        raise StackNotUsable(f"not ready after {WAIT_FOR_UP:.0f} s; `hub status` and `hub logs` show why")
    typer.echo(_welcome(layout))


def _came_true(condition: Callable[[], bool], within: float) -> bool:
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@contextlib.contextmanager
def _watched(stack: Stack) -> Iterator[None]:
    """A live table at a terminal; elsewhere the reported lines are enough."""
    console = Console()
    if not console.is_terminal:
        yield
        return

    def picture() -> Table:
        state = {"processes": [{"port": port_of(stack.layout, s.name), **_fields(s)} for s in stack.statuses]}
        return _table(state)

    with Live(get_renderable=picture, console=console, refresh_per_second=1, transient=True):
        yield


def _fields(status: Any) -> dict[str, Any]:
    return {
        "name": status.name,
        "state": status.state,
        "pid": status.pid,
        "restarts": status.restarts,
        "memory_bytes": memory_of(status.pid),
    }


def _table(state: dict[str, Any]) -> Table:
    table = Table("process", "state", "pid", "port", "restarts", "memory", box=None, pad_edge=False)
    for process in state["processes"]:
        memory = process["memory_bytes"]
        table.add_row(
            process["name"],
            process["state"],
            str(process["pid"] or "–"),
            str(process["port"] or "–"),
            str(process["restarts"]),
            f"{memory / 1_048_576:.0f} MB" if memory is not None else "–",
        )
    return table


def _welcome(layout: Layout) -> str:
    services = " · ".join(f"{name} {layout.url(name)}" for name in SERVICES)
    return f"ready: {services}. `hub status` shows the processes, `hub down` or Ctrl-C stops them."


def _print_line(process: str, text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {process}: {text}", flush=True)


def _print_end(file: Path, *, named: bool) -> int:
    with open(file, "rb") as stream:
        stream.seek(max(0, file.stat().st_size - LOG_LIMIT // 64))
        lines = stream.read().decode(errors="replace").splitlines()[-FIRST_LINES:]
        for line in lines:
            print(f"{file.stem}: {line}" if named else line)
        return stream.tell()


def _print_from(file: Path, offset: int, *, named: bool) -> int:
    if file.stat().st_size < offset:  # trimmed meanwhile
        offset = 0
    with open(file, "rb") as stream:
        stream.seek(offset)
        for line in stream.read().decode(errors="replace").splitlines():
            print(f"{file.stem}: {line}" if named else line, flush=True)
        return stream.tell()
