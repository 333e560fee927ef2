"""Keeps a stack until it is asked to stop: `hub up`, and `python -m hub_local` behind `hub up --detach`."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hub_local.layout import SERVICES, Layout
from hub_local.stack import Plan, Stack
from hub_local.state import table_of, with_sizes
from hub_local.steps import everything


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
        _print_line("hub", welcome(layout))
        await waiting
        _print_line("hub", "stopping in order")
        await stack.stop()
    _print_line("hub", "stopped")


@contextlib.contextmanager
def _watched(stack: Stack) -> Iterator[None]:
    """A live table at a terminal; elsewhere the reported lines are enough."""
    console = Console()
    if not console.is_terminal:
        yield
        return

    def picture() -> Table:
        return table_of({"processes": with_sizes([asdict(status) for status in stack.processes], stack.layout)})

    with Live(get_renderable=picture, console=console, refresh_per_second=1, transient=True):
        yield


def welcome(layout: Layout) -> str:
    """What is there once everything is ready."""
    services = " · ".join(f"{name} {layout.url(name)}" for name in SERVICES)
    return (
        f"ready: {services}; each explains itself at /docs, intake the events at /docs/events."
        " `hub status` shows the processes, `hub down` or Ctrl-C stops them."
    )


def _print_line(process: str, text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {process}: {text}", flush=True)
