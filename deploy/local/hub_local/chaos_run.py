"""`hub chaos` from start to end: the stack, the load, the disturbances, the verdict."""

import asyncio
import time
from contextlib import nullcontext

from rich.console import Console
from rich.status import Status

from hub_local import chaos_screen
from hub_local.chaos import Chaos, ready_for_chaos
from hub_local.chaos_proof import Flaw
from hub_local.layout import Layout

PLAIN_SECONDS, TERMINAL_SECONDS = 10.0, 0.5
"""How often the status is told."""


async def hurt(layout: Layout, seed: int, minutes: float, console: Console) -> bool:
    """Runs it all on a fresh folder and prints what happened. True when every invariant held."""
    again = f"hub chaos --minutes {minutes:g} --seed {seed}"
    console.print(f"seed {seed}; again: {again}", style="bold", highlight=False)
    console.print("starting Kafka, PostgreSQL, four services and the other side …")

    def tell(text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {text}", highlight=False, markup=False, soft_wrap=True)

    def report(process: str, text: str) -> None:
        tell(f"    {process}: {text}")

    async with ready_for_chaos(layout, seed, minutes * 60, tell, report) as chaos:
        flaws = await _watched(chaos, console)
        console.print()
        chaos_screen.print_table(console, chaos.observed)
        console.print()
        chaos_screen.print_ways(console, chaos)
        console.print()
        await chaos_screen.print_verdict(console, chaos, flaws, again)
    return not flaws


async def _watched(chaos: Chaos, console: Console) -> list[Flaw]:
    running = asyncio.create_task(chaos.run())
    every = TERMINAL_SECONDS if console.is_terminal else PLAIN_SECONDS
    with console.status("") if console.is_terminal else nullcontext() as status:
        try:
            while not running.done():
                await asyncio.wait([running], timeout=every)
                line = chaos_screen.status_line(chaos)
                if isinstance(status, Status):
                    status.update(line)
                else:
                    console.print(f"{time.strftime('%H:%M:%S')} {line}", highlight=False, soft_wrap=True)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return running.result()
