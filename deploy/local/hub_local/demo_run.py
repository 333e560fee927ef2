"""`hub demo` from start to end: the stack, the day, the picture, the proof."""

import asyncio
import signal

from rich.console import Console
from rich.live import Live

from hub_local import demo_screen
from hub_local.demo import Demo, Proof
from hub_local.dossiers import MORNING
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
from hub_local.stack import Stack
from hub_messaging.clock import set_business_time


async def show(layout: Layout, count: int, console: Console) -> bool:
    """Starts the stack, runs the demo, prints the proof; in a terminal waits for Ctrl-C. True when nothing is wrong."""
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
