"""Nhập hồ sơ cũ: `hub dossiers import FILE`, a desk's old book into the register."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub_cli.services import give_up

if TYPE_CHECKING:
    from hub_cli.connection import Connection

LINES_A_REQUEST = 300
OUTCOMES = ("entered", "finished", "unchanged", "refused")
SHOWN = 20


def register(root: typer.Typer) -> None:
    """Adds `hub dossiers …` (entry point group `hub.commands`)."""
    dossiers = typer.Typer(help="Enter old dossiers (hồ sơ cũ).", no_args_is_help=True)
    dossiers.callback()(lambda: None)
    dossiers.command("import")(import_book)
    root.add_typer(dossiers, name="dossiers")


def import_book(
    file: Annotated[Path, typer.Argument(help="NDJSON, or XLSX with a row of headings; see docs/old-dossiers.md.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with every line's result.")] = False,
) -> None:
    """Enter a desk's old book (sổ cũ): no message, no hand-over, no clock.

    The same file may be sent again, or after it was cut in the middle: what was entered is not entered twice. Exit
    code 1 if a line was refused.
    """
    from hub_cli.connection import Connection  # brings HTTP and signatures: slow, and the help does without
    from hub_cli.old_books import BookMistake, read_book

    results: list[dict[str, Any]] = []
    try:
        for result in _results(Connection(), read_book(file)):
            results.append(result)
            _show_progress(len(results), as_json)
    except (OSError, BookMistake) as error:
        give_up(str(error))
    counted = Counter(result["outcome"] for result in results)
    summary = {"lines": len(results), **{outcome: counted[outcome] for outcome in OUTCOMES}}
    if as_json:
        typer.echo(json.dumps({**summary, "items": results}, ensure_ascii=False))
    else:
        _show(summary, [result for result in results if result["outcome"] == "refused"])
    raise typer.Exit(1 if counted["refused"] else 0)


def _results(connection: "Connection", lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Each line's result, with its number in the file."""
    rest = iter(lines)
    before = 0
    while part := list(islice(rest, LINES_A_REQUEST)):
        answer = connection.upload("intake", "/v1/dossiers/old", b"\n".join(part), "application/x-ndjson")
        for item in answer["items"]:
            yield {**item, "line": item["line"] + before}
        before += len(part)


def _show_progress(done: int, as_json: bool) -> None:
    if sys.stderr.isatty() and not as_json and done % LINES_A_REQUEST == 0:
        sys.stderr.write(f"\r{done} lines")


def _show(summary: dict[str, int], refused: list[dict[str, Any]]) -> None:
    typer.echo(", ".join(f"{count} {what}" for what, count in summary.items()))
    for result in refused[:SHOWN]:
        problem = result["problem"]
        where = "; ".join(map(_mistake, problem.get("errors", ()))) or ", ".join(problem.get("fields", ()))
        words = " ".join(part for part in (problem["detail"], problem.get("next_step")) if part)
        typer.echo(f"line {result['line']}: {problem['slug']}{f' ({where})' if where else ''}: {words}")
    if len(refused) > SHOWN:
        typer.echo(f"… and {len(refused) - SHOWN} more; --json lists all")


def _mistake(error: dict[str, str]) -> str:
    return f"{error['field'].removeprefix('body.')}: {error['message'].removeprefix('Value error, ')}"
