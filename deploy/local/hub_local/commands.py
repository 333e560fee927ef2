"""`hub up | down | status | logs`: the local stack at the command line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from hub_local.layout import Layout, SettingWrong, StackNotUsable, here

# What starts and watches processes is slow to import: each command brings what it needs, `hub --help` nothing.

WAIT_FOR_DOWN = 90.0
WAIT_FOR_UP = 180.0
FIRST_LINES = 40
END_BYTES = 128 * 1024
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
    """Start Kafka, PostgreSQL, services and sandbox. Ctrl-C stops them in order."""
    with clear_errors():
        layout = here()
        if detach:
            _start_in_background(layout)
            return
        import asyncio

        from hub_local.hold import hold

        asyncio.run(hold(layout))


def down() -> None:
    """Stop the stack of this folder in order, losing nothing."""
    from hub_local.spawn import end_left_behind
    from hub_local.state import owner_of

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
    from hub_local.state import read_state, table_of

    with clear_errors():
        state = read_state(here())
    if as_json:
        typer.echo(json.dumps(state))
    elif state["processes"]:
        from rich.console import Console

        Console().print(table_of(state))
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


def _is_ready(layout: Layout) -> bool:
    from hub_local.state import state_of

    state = state_of(layout)
    return state is not None and bool(state["ready"])


def _start_in_background(layout: Layout) -> None:
    from hub_local.hold import welcome
    from hub_local.state import owner_of

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
    typer.echo(welcome(layout))


def _came_true(condition: Callable[[], bool], within: float) -> bool:
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _print_end(file: Path, *, named: bool) -> int:
    with open(file, "rb") as stream:
        stream.seek(max(0, file.stat().st_size - END_BYTES))
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
