"""Lệnh cho người vận hành: `hub stuck`, `hub dead-letters …`, `hub migrate`, `hub topics apply`."""

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub_cli.services import SERVICES, give_up, known

if TYPE_CHECKING:
    from hub_cli.connection import Connection

PAGE = 200
As_json = Annotated[bool, typer.Option("--json", help="NDJSON, one object a line.")]
Service = Annotated[str, typer.Argument(help="intake, routing, notify or sla.")]
Record = Annotated[int, typer.Argument(help="Number of the record in that service's list.")]
Why = Annotated[str, typer.Option(prompt=True, help="Why; kept with the record. No personal data.")]


def register(root: typer.Typer) -> None:
    """Adds the operators' commands to `hub` (entry point group `hub.commands`)."""
    root.command()(stuck)
    root.command()(migrate)
    letters = typer.Typer(help="Look after records that a service refused (bản ghi bị từ chối).", no_args_is_help=True)
    letters.command("list")(list_letters)
    letters.command("show")(show_letter)
    letters.command("replay")(replay_letter)
    letters.command("discard")(discard_letter)
    root.add_typer(letters, name="dead-letters")
    topics = typer.Typer(help="Look after Kafka topics.", no_args_is_help=True)
    topics.callback()(lambda: None)
    topics.command("apply")(apply_topics)
    root.add_typer(topics, name="topics")


def stuck(as_json: As_json = False) -> None:
    """List accepted dossiers that are stuck (hồ sơ bị kẹt).

    Stuck: after 5 minutes a routed fact, a clock or a notice is missing. Exit code 1 if there are any.
    """
    found = _all_pages(_connection(), "intake", "/v1/intake/stuck")
    _show(found, ("dossier_id", "dossier_code", "since", "missing"), as_json, "nothing is stuck")
    raise typer.Exit(1 if found else 0)


def list_letters(
    service: Annotated[str | None, typer.Argument(help="One service; all when left out.")] = None,
    state: Annotated[str, typer.Option(help="dead, waiting, replayed or discarded.")] = "dead",
    as_json: As_json = False,
) -> None:
    """List refused records, oldest first."""
    connection = _connection()
    rows: list[dict[str, Any]] = []
    for name in (known(service),) if service else SERVICES:
        rows += [
            {"service": name, **item} for item in _all_pages(connection, name, f"/v1/{name}/dead-letters", state=state)
        ]
    columns = ("service", "id", "type", "reason", "detail", "refused_at", "attempts")
    _show(rows, columns, as_json, f"no records are {state}")


def show_letter(service: Service, record: Record) -> None:
    """Show one refused record. Sealed parts of its body stay sealed."""
    typer.echo(json.dumps(_connection().get(known(service), _path(service, record)), ensure_ascii=False, indent=2))


def replay_letter(service: Service, record: Record, why: Why) -> None:
    """Process a refused record again where it was refused."""
    _connection().post(known(service), f"{_path(service, record)}/replay", {"why": why})
    typer.echo(f"{service}: record {record} is processed again; `hub dead-letters list {service}` shows if it failed")


def discard_letter(service: Service, record: Record, why: Why) -> None:
    """Put a refused record away. It stays listed as discarded."""
    _connection().post(known(service), f"{_path(service, record)}/discard", {"why": why})
    typer.echo(f"{service}: record {record} is discarded")


def migrate(service: Service) -> None:
    """Bring a service's database to its newest version.

    A job, run before the service starts; reads <SERVICE>_DATABASE_URL.
    """
    from sqlalchemy.exc import OperationalError  # slow, and no other command needs it

    from hub_messaging.migrations import upgrade

    setting = f"{known(service).upper()}_DATABASE_URL"
    url = os.environ.get(setting) or give_up(f"{setting} is not set")
    try:
        upgrade(service, url)
    except OperationalError as trouble:
        why = str(trouble.orig).splitlines()[0]
        give_up(
            f"{service}: its database can't be used ({why}); see {setting}, and say it again: it goes on from there"
        )
    typer.echo(f"{service}: the database is up to date")


def apply_topics(
    servers: Annotated[str, typer.Option(envvar="KAFKA_SERVERS", help="host:port of Kafka.")],
    partitions: Annotated[int, typer.Option(min=1, help="Of topics that are created now.")] = 12,
    replication: Annotated[int, typer.Option(min=1, help="3 in production.")] = 3,
) -> None:
    """Create missing topics, correct existing ones.

    A job, run before the services start. Nothing is deleted.
    """
    import asyncio  # with Kafka's client: slow, and no other command needs them

    from aiokafka.errors import KafkaError

    from hub_messaging.topics import apply_topics as apply

    try:
        created = asyncio.run(apply(servers, partitions, replication))
    except KafkaError as trouble:
        give_up(f"Kafka at {servers} refused or did not answer ({type(trouble).__name__}); what is missing can be made "
                "by saying it again")  # fmt: skip
    typer.echo("created: " + (", ".join(created) or "nothing"))


def _connection() -> "Connection":
    from hub_cli.connection import Connection  # brings HTTP and signatures: slow, and the help does without

    return Connection()


def _all_pages(connection: "Connection", service: str, path: str, **query: str | int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    query["limit"] = PAGE
    while True:
        page = connection.get(service, path, **query)
        rows += page["items"]
        if not page["next_cursor"]:
            return rows
        query["cursor"] = page["next_cursor"]


def _path(service: str, record: int) -> str:
    return f"/v1/{service}/dead-letters/{record}"


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool, nothing: str) -> None:
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        typer.echo(nothing)
        return
    from rich.console import Console  # slow, and the help does without
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        cells = (row.get(column) for column in columns)
        table.add_row(*(", ".join(cell) if isinstance(cell, list) else str(cell or "") for cell in cells))
    Console().print(table)
