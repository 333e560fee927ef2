"""`hub`: the one command. Filters start without the rest; other commands are added by whoever provides them.

A distribution adds commands through the entry point group `hub.commands`: a function that takes the `typer.Typer`
application and registers what it has.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    import typer

# Name → module with `main(arguments) -> exit code`, line in the help. They run before anything slow is imported.
FILTERS = {
    "due": ("hub_cli.due", "Compute the due date (ngày hẹn trả) of a term."),
    "terms": ("hub_cli.terms", "Read published terms (thời hạn giải quyết)."),
}


def main() -> None:
    """Entry point of the command `hub`."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in FILTERS:
        sys.exit(import_module(FILTERS[arguments[0]][0]).main(arguments[1:]))
    application()()


def application() -> "typer.Typer":
    """All commands, the filters among them so that `hub --help` shows them."""
    from importlib.metadata import entry_points  # both are slow to import, and the filters don't need them

    import typer

    # Plain help and errors: rich ones take 0.4 s more than all the rest.
    app = typer.Typer(
        help="Một cửa hub: run it, watch it, ask it.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
    )
    app.callback()(lambda: None)
    for name, (module, summary) in FILTERS.items():
        _list_filter(app, name, module, summary)
    for provider in sorted(entry_points(group="hub.commands"), key=lambda entry: entry.name):
        register: Callable[[typer.Typer], None] = provider.load()
        register(app)
    return app


def _list_filter(app: "typer.Typer", name: str, module: str, summary: str) -> None:
    import typer

    @app.command(name, help=summary, add_help_option=False)
    def run_filter(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
        raise typer.Exit(import_module(module).main(arguments or []))
