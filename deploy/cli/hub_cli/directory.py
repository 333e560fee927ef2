"""Lệnh `hub directory …`: bring a file into the directory, see what it would change, approve it, look things up."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub_cli.services import give_up

if TYPE_CHECKING:
    from hub_cli.connection import Connection

KINDS = ("desks", "units", "officers", "postings", "roster", "agencies")
SHOWN = 20
IMPORTS = "/v1/directory/imports"
As_json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
Kind = Annotated[str, typer.Argument(help=", ".join(KINDS) + ".")]
Who = Annotated[str, typer.Option("--as", help="In whose name, on a local stack; elsewhere HUB_TOKEN says who.")]
Id = Annotated[str, typer.Argument(help="Id of the import, as its preview shows it.")]


def register(root: typer.Typer) -> None:
    """Adds the commands to `hub` (entry point group `hub.commands`)."""
    group = typer.Typer(help="Desks, units, officers, agencies (danh bạ).", no_args_is_help=True)
    group.command("import")(import_file)
    group.command()(approve)
    group.command()(reject)
    group.command()(imports)
    group.command()(show)
    root.add_typer(group, name="directory")


def import_file(kind: Kind, file: Path, who: Who = "hub-cli", as_json: As_json = False) -> None:
    """Upload FILE (CSV, XLSX, JSON) and show what it would change.

    Nothing takes effect before a second person approves it. Exit code 1 if the file has mistakes.
    """
    _known(kind)
    try:
        content = file.read_bytes()
    except OSError as error:
        give_up(f"{file}: {error.strerror}")
    preview = _connection(who).upload("intake", IMPORTS, content, kind=kind)
    _tell(preview, as_json)
    raise typer.Exit(1 if preview["state"] == "faulty" else 0)


def approve(import_id: Id, who: Who = "hub-cli", as_json: As_json = False) -> None:
    """Approve an import that somebody else uploaded."""
    _tell(_connection(who).upload("intake", f"{IMPORTS}/{import_id}/approve", b""), as_json)


def reject(
    import_id: Id,
    why: Annotated[str, typer.Option(prompt=True, help="Why; kept with the import.")],
    who: Who = "hub-cli",
    as_json: As_json = False,
) -> None:
    """Reject an import: nothing of it takes effect."""
    body = json.dumps({"why": why}).encode()
    _tell(_connection(who).upload("intake", f"{IMPORTS}/{import_id}/reject", body, "application/json"), as_json)


def imports(
    import_id: Annotated[str | None, typer.Argument(help="One import in full; else the newest 50.")] = None,
    state: Annotated[str | None, typer.Option(help="previewed, faulty, approved or rejected.")] = None,
    as_json: As_json = False,
) -> None:
    """List imports: who uploaded, who decided, when; or show one."""
    if import_id:
        _tell(_connection().get("intake", f"{IMPORTS}/{import_id}"), as_json)
        return
    items = _connection().get("intake", IMPORTS, **({"state": state} if state else {}))["items"]
    columns = ("id", "kind", "state", "added", "changed", "ended", "error_count", "uploaded_by", "decided_by")
    _table(items, columns, as_json, "nothing was imported")


def show(
    kind: Kind = "desks",
    code: Annotated[str | None, typer.Argument(help="One desk or agency, by its code, new or old.")] = None,
    at: Annotated[str | None, typer.Option(help="As on this day, e.g. 2025-06-30.")] = None,
    as_json: As_json = False,
) -> None:
    """Show the directory: all entries of a kind, or one desk or agency."""
    _known(kind)
    connection = _connection()
    query = {"at": at} if at else {}
    if code is None:
        _table(_every(connection, f"/v1/{kind}", query), _COLUMNS[kind], as_json, f"there are no {kind}")
        return
    if kind not in ("desks", "agencies"):
        give_up("only desks and agencies are shown one by one")
    found = connection.get("intake", f"/v1/{kind}/{code}", **(query if kind == "desks" else {}))
    typer.echo(json.dumps(found, ensure_ascii=False, indent=None if as_json else 2))


_COLUMNS = {
    "desks": ("code", "name", "province", "territory", "desk_class", "valid_from", "valid_to"),
    "units": ("code", "name", "superior", "valid_from", "valid_to"),
    "officers": ("code", "unit", "rank", "role", "area", "valid_from", "valid_to"),
    "postings": ("officer", "agency", "desk", "valid_from", "valid_to"),
    "roster": ("desk", "post", "officer", "share", "valid_from", "valid_to"),
    "agencies": ("code", "old_code", "name", "vertical", "successor", "valid_from", "valid_to"),
}


def _tell(seen: dict[str, Any], as_json: bool) -> None:
    """A preview or a decision, as a person reads it."""
    if as_json:
        typer.echo(json.dumps(seen, ensure_ascii=False))
        return
    for word, sign in (("added", "+"), ("changed", "~"), ("ended", "-")):
        for change in seen["diff"][word][:SHOWN]:
            since = f" ({change['valid_from']})" if change["valid_from"] else ""
            typer.echo(f"{sign} {change['code']}{since}: {_fields(change['fields'], word)}")
        if (more := len(seen["diff"][word]) - SHOWN) > 0:
            typer.echo(f"{sign} … {more} more")
    for word, sign in (("errors", "!"), ("doubts", "?")):
        for one in seen[word]:
            place = f"row {one['row']}" + (f", {one['column']}" if one["column"] else "")
            typer.echo(f"{sign} {place}: {one['what']} {one['next_step']}")
    counts = f"{seen['added']} added, {seen['changed']} changed, {seen['ended']} ended, {seen['unchanged']} unchanged"
    typer.echo(f"{seen['kind']}: {seen['state']}; {counts}, {seen['error_count']} errors")
    if seen["state"] == "previewed":
        typer.echo(f"nothing has taken effect; a second person: hub directory approve {seen['id']}")


def _fields(fields: list[dict[str, Any]], word: str) -> str:
    if word == "added":
        return ", ".join(f"{one['field']}={one['becomes']}" for one in fields if one["field"] != "code")
    return ", ".join(f"{one['field']}: {one['was'] or '–'} → {one['becomes'] or '–'}" for one in fields)


def _every(connection: "Connection", path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = connection.get("intake", path, **query, **cursor)
        items += page["items"]
        if not page["next_cursor"]:
            return items
        cursor = {"cursor": page["next_cursor"]}


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, nothing: str) -> None:
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        typer.echo(nothing)
        return
    lines = [columns, *(tuple(_cell(row.get(column)) for column in columns) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:  # whole, however wide: ids are copied from here
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def _known(kind: str) -> None:
    if kind not in KINDS:
        give_up(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")


def _connection(who: str = "hub-cli") -> "Connection":
    from hub_cli.connection import Connection  # brings HTTP and signatures: slow, and the help does without

    return Connection(subject=who)
