"""`hub demo | bench | chaos`: the hub at work, to look at, to measure and to hurt."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from hub_local.commands import clear_errors
from hub_local.files import Held, Lock
from hub_local.layout import Layout, SettingWrong, StackNotUsable, here

DEMO_DOSSIERS = 120
MOST_DOSSIERS = 20_000
PLAIN_WIDTH = 160
"""Columns of a table that goes to a file."""


def register(root: typer.Typer) -> None:
    """Adds this module's commands to `hub` (entry point group `hub.commands`)."""
    root.command()(demo)
    root.command()(bench)
    root.command()(chaos)


def demo() -> None:
    """Show a business day on a stack of its own.

    Dossiers of over 50 procedures come from several desks, and some agencies make trouble. DOSSIERS sets how many.
    In a terminal it stays up until Ctrl-C; elsewhere it ends by itself.
    """
    import asyncio  # slow, as all that plays the demo; `hub --help` does without

    from rich.console import Console

    from hub_local.demo_run import show

    with clear_errors():
        layout = beside(here(), "demo")
        count = dossiers_wanted(os.environ.get("DOSSIERS", str(DEMO_DOSSIERS)))
        fresh(layout)
        flawless = asyncio.run(show(layout, count, Console()))
    sys.exit(0 if flawless else 1)


def bench(
    scenarios: Annotated[str, typer.Option(help="Which, such as closed,open,dead; or all.")] = "closed,open",
    runs: Annotated[int, typer.Option(min=1, max=100, help="How often each, on a fresh hub.")] = 1,
    lifecycles: Annotated[int, typer.Option(min=1, help="Dossiers of a closed loop.")] = 6000,
    rate: Annotated[int, typer.Option(min=1, help="Dossiers a second of an open loop.")] = 50,
    seconds: Annotated[int, typer.Option(min=1, help="How long an open loop lasts.")] = 20,
    size: Annotated[list[str] | None, typer.Option(help="Another size: backlog=2000, growth=0,10000 …")] = None,
    result: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("bench.json"),
    commit_figures: Annotated[bool, typer.Option(help="Into docs/performance too, with pictures.")] = False,
) -> None:
    """Measure speed and cost on a stack of its own.

    Lifecycles a second, CPU seconds per 1,000, hand-over delay, memory; what was lost or doubled makes it fail.
    A bound that fell back by more than 20 % against docs/performance/figures.json is printed as a regression.
    """
    import asyncio

    from hub_local import bench_run
    from hub_local.bench import chosen
    from hub_local.bench_sizes import Sizes, with_sizes

    with clear_errors():
        layout, names = beside(here(), "bench"), chosen(scenarios)
        sizes = with_sizes(Sizes(lifecycles=lifecycles, rate=rate, seconds=seconds), size or ())
        fresh(layout)
        try:
            flawless = asyncio.run(bench_run.bench(layout, names, runs, sizes, result, commit_figures=commit_figures))
        except KeyboardInterrupt:
            typer.echo(f"stopped; {result} holds the scenarios that had ended", err=True)
            raise typer.Exit(130) from None
    sys.exit(0 if flawless else 1)


def chaos(
    minutes: Annotated[float, typer.Option(min=0.2, max=600, help="How long disturbances come.")] = 3.0,
    seed: Annotated[int | None, typer.Option(help="Makes the plan; by chance when left out, and printed.")] = None,
) -> None:
    """Hurt a stack of its own under load, then prove it whole.

    Kills, freezes, outages, cut connections, full disks, bad agencies, clock steps, rivals for one place.
    Exit code 0 only if nothing was lost, done twice or stuck.
    """
    import asyncio
    import secrets

    from rich.console import Console

    from hub_local.chaos_run import hurt

    with clear_errors():
        layout, console = beside(here(), "chaos"), Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        fresh(layout)
        try:
            whole = asyncio.run(hurt(layout, secrets.randbelow(100_000) if seed is None else seed, minutes, console))
        except KeyboardInterrupt:
            typer.echo("stopped before the end; nothing is proven", err=True)
            raise typer.Exit(130) from None
    sys.exit(0 if whole else 1)


def beside(usual: Layout, name: str) -> Layout:
    """A folder of its own beside the usual stack's; bench and chaos have ports of their own too."""
    base = usual.port_base + {"bench": 200, "chaos": 400}.get(name, 0)
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
