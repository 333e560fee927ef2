"""`hub bench` from end to end: measures, prints, writes, compares with what is committed."""

import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from hub_local.bench import measure, read_figures, write_figures
from hub_local.bench_figures import Entry, flawless, verdicts
from hub_local.bench_pictures import FIGURES, FOLDER, commit
from hub_local.bench_sizes import Sizes
from hub_local.layout import Layout

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file."""


async def bench(
    layout: Layout, names: Sequence[str], runs: int, sizes: Sizes, result: Path, *, commit_figures: bool
) -> bool:
    """Whether every run ended with nothing lost and nothing done twice. `result` is written after each scenario."""
    console, entries = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH), dict[str, Entry]()
    write_figures(result, entries)  # nothing of a former run stays beside what this one ends with
    async for name, entry in measure(layout, names, runs, sizes, lambda text: typer.echo(text, err=True)):
        entries[name] = entry
        write_figures(result, entries)
        _print(console, name, entry)
    committed = read_figures(FIGURES)
    for line in verdicts(entries, committed):
        console.print(line, highlight=False, style="bold red" if line.startswith(("MISSED", "  REGR")) else None)
    if commit_figures:
        _commit({**committed, **{name: entry for name, entry in entries.items() if flawless({name: entry})}})
    return flawless(entries)


def _commit(entries: Mapping[str, Entry]) -> None:
    """Scenarios that were not measured now keep their figures, and so do those in which a run failed."""
    FOLDER.mkdir(exist_ok=True)
    write_figures(FIGURES, entries)
    commit(read_figures(FIGURES))
    typer.echo(f"wrote {FIGURES.name} and the pictures in docs/{FOLDER.name}; look at them and commit", err=True)


def _print(console: Console, name: str, entry: Entry) -> None:
    """A row for each figure, medians with (least to most); figures by process … in one row."""
    table = Table(
        title=f"{name}, {entry['runs']} runs", box=None, pad_edge=False, show_header=False, title_style="bold"
    )
    for group, members in groupby(entry["figures"].items(), lambda item: item[0].partition(".")[0]):
        words = [f"{member.partition('.')[2]} {_words(spread)}".strip() for member, spread in members]
        table.add_row(group, ", ".join(words))
    console.print(table)
    for why in entry["failed"]:
        console.print(f"FAILED: {why}", style="bold red", highlight=False)
    console.print()


def _words(spread: Sequence[float]) -> str:
    median, low, high = spread
    return f"{median:g}" if low == high else f"{median:g} ({low:g} to {high:g})"
