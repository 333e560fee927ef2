"""`hub demo | bench`: the hub at work, to look at and to measure."""

import asyncio
import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from hub_local import bench as measuring
from hub_local import demo_screen
from hub_local.commands import clear_errors
from hub_local.demo import MORNING, Demo, Proof
from hub_local.files import Held, Lock
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout, SettingWrong, StackNotUsable, here
from hub_local.stack import Stack
from hub_messaging.clock import set_business_time

DEMO_DOSSIERS = 120
MOST_DOSSIERS = 20_000


def register(root: typer.Typer) -> None:
    """Adds this module's commands to `hub` (entry point group `hub.commands`)."""
    root.command()(demo)
    root.command()(bench)


def demo() -> None:
    """Show a business day: dossiers of 30 procedures from several desks, with agencies that make trouble.

    DOSSIERS sets their number. In a terminal it stays up until Ctrl-C; elsewhere it ends by itself.
    """
    with clear_errors():
        layout = beside(here(), "demo")
        count = dossiers_wanted(os.environ.get("DOSSIERS", str(DEMO_DOSSIERS)))
        flawless = asyncio.run(show(layout, count, Console()))
    sys.exit(0 if flawless else 1)


def bench(
    lifecycles: Annotated[int, typer.Option(help="Dossiers of the closed loop.")] = 6000,
    rate: Annotated[int, typer.Option(help="Dossiers a second of the open loop.")] = 50,
    seconds: Annotated[int, typer.Option(help="How long the open loop lasts.")] = 20,
    result: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("bench.json"),
) -> None:
    """Measure lifecycles a second, CPU per lifecycle and hand-over delay on a stack of its own."""
    with clear_errors():
        layout = beside(here(), "bench")
        plan = measuring.Plan(lifecycles, rate, seconds)
        fresh(layout)
        figures = asyncio.run(measuring.bench(layout, plan))
    result.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data=figures)
    sys.exit(0 if not figures["lost"] and not figures["duplicates"] else 1)


def beside(usual: Layout, name: str) -> Layout:
    """A folder of its own beside the usual stack's; the bench has ports of its own too."""
    base = usual.port_base + (200 if name == "bench" else 0)
    return replace(usual, folder=usual.folder.with_name(f"{usual.folder.name}-{name}"), port_base=base)


def dossiers_wanted(text: str) -> int:
    """The number that DOSSIERS asks for. Raises SettingWrong."""
    if not (text.isascii() and text.isdigit() and 10 <= int(text) <= MOST_DOSSIERS):
        raise SettingWrong(f"DOSSIERS={text!r}: expected a whole number from 10 to {MOST_DOSSIERS}")
    return int(text)


def fresh(layout: Layout) -> None:
    """Empties the folder of a former run. Raises StackNotUsable while one still runs."""
    lock = Lock(layout.folder / "lock")
    layout.folder.mkdir(parents=True, exist_ok=True)
    try:
        lock.take({"pid": os.getpid()})
    except Held as held:
        raise StackNotUsable(
            f"{layout.folder.name} already runs (process {held.owner.get('pid', 'unknown')}); stop it with Ctrl-C there"
        ) from None
    try:
        for entry in layout.folder.iterdir():
            if entry.name != "lock":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    finally:
        lock.release()


async def show(layout: Layout, count: int, console: Console) -> bool:
    """Starts the stack, runs the demo, prints the proof; in a terminal waits for Ctrl-C. True when nothing is wrong."""
    fresh(layout)
    set_business_time(layout.clock_file, MORNING)
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    report = lambda process, text: console.print(f"{process}: {text}", highlight=False)  # noqa: E731
    console.print("starting Kafka, PostgreSQL, four services and the other side …")
    async with Stack(layout, report=report) as stack, FrontDoor(layout, stack.keys) as door:
        day = Demo(layout, door, count)
        running = asyncio.create_task(day.run())
        stopping = asyncio.create_task(asked_to_stop.wait())
        await _watch(day, running, stopping, console)
        if not running.done():
            running.cancel()
            console.print("stopped before the end; nothing is proven")
            return False
        proof = _proof_of(running, console)
        if proof is None:
            return False
        demo_screen.print_proof(console, proof)
        demo_screen.print_addresses(console, layout, day.progress.followed[0].id)
        if console.is_terminal:
            console.print("\nthe stack stays up; Ctrl-C stops it", style="bold")
            await stopping
        return not proof.flaws


async def _watch(day: Demo, running: "asyncio.Task[Proof]", stopping: "asyncio.Task[bool]", console: Console) -> None:
    if not console.is_terminal:
        last = ""
        while not (running.done() or stopping.done()):
            if (now := demo_screen.line(day.progress)) != last:
                console.print(now, highlight=False, soft_wrap=True)
                last = now
            await asyncio.wait([running, stopping], timeout=2, return_when=asyncio.FIRST_COMPLETED)
        return
    with Live(console=console, refresh_per_second=4, get_renderable=lambda: demo_screen.picture(day.progress)):
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)


def _proof_of(running: "asyncio.Task[Proof]", console: Console) -> Proof | None:
    error = running.exception()
    if error is None:
        return running.result()
    console.print(f"the demo did not end: {error!r}; `hub logs` may say why", style="bold red")
    return None
