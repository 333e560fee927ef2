"""`hub backup | restore | republish`: keeping and rebuilding what the hub knows. See docs/operations.md."""

import signal
import time
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hub_local.commands import clear_errors
from hub_local.layout import SERVICES, StackNotUsable, here

if TYPE_CHECKING:
    from hub_local.republish import Since

# What they need is slow to import: each command brings its own, `hub --help` nothing.

T = TypeVar("T")
LISTED = 10
READERS_FORGOTTEN_SECONDS = 15.0
"""Kafka forgets a reader that is down after ten seconds. One that comes back earlier gets the partitions that it had:
without those of a topic that was away for a moment, and without a word."""


def register(root: typer.Typer) -> None:
    """Adds this module's commands to `hub` (entry point group `hub.commands`)."""
    for command in (backup, restore, republish):
        root.command()(command)


def run_to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What the work began is put away when it is told to end (SIGTERM), too: servers, locks, unfinished files."""
    import asyncio

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    return asyncio.run(work)


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="Where to; a folder gets a name.")],
) -> None:
    """Back up the databases, keys and clock of this folder's hub (sao lưu), while it works or stands."""
    from hub_local.backup import backup as make

    with clear_errors():
        file, manifest = run_to_its_end(make(here(), target, print_line))
    of_dossiers = [about["bytes"] for name, about in manifest["files"].items() if name.startswith("files/")]
    for name, about in manifest["files"].items():
        if not name.startswith("files/"):
            typer.echo(f"  {name:24} {about['bytes']:>12,} bytes  sha256 {about['sha256'][:16]}…")
    typer.echo(f"  {'files':24} {sum(of_dossiers):>12,} bytes  in {len(of_dossiers):,} parts")
    for name, why in manifest["left_out"].items():
        typer.echo(f"  not inside: {name}: {why}")
    typer.echo(f"{file}: {manifest['dossiers']} dossiers. It holds all keys: keep it where you would keep those.")


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="A backup; of a folder its newest.")],
    force: Annotated[bool, typer.Option("--force", help="Move aside what the folder holds.")] = False,
    keep_kafka: Annotated[bool, typer.Option("--keep-kafka", help="Kafka's log has survived: keep it.")] = False,
) -> None:
    """Restore a backup into this folder (khôi phục), and report what the others know that it does not.

    Exit code 2: restored, and there is something in the report that a person must look after.
    """
    from hub_local.restore import restore as bring_back

    with clear_errors():
        layout = here()
        found = run_to_its_end(bring_back(layout, source, force=force, keep_kafka=keep_kafka, report=print_line))
    for line in lines_of(found):
        typer.echo(line)
    typer.echo(f"All of it is kept in {layout.folder / 'reports'}. `hub up` goes on; then ask `hub stuck`.")
    if found["unknown_dossiers"] or any(found["unknown_events"].values()):
        raise typer.Exit(2)


def republish(
    service: Annotated[str | None, typer.Option(help="Whose topic; all when left out.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="SEQ|TIME", help="Where in the outbox.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Though the topic is not empty.")] = False,
) -> None:
    """Rebuild topics from the outboxes (phát lại); their readers begin anew. The hub must be down."""
    with clear_errors():
        if service not in (None, *SERVICES):
            raise StackNotUsable(f"{service!r} is no service; there are: {', '.join(SERVICES)}")
        services = [service] if service else list(SERVICES)
        run_to_its_end(_republish(services, start_of(since), again=again))


async def _republish(services: list[str], since: "Since", *, again: bool) -> None:
    import asyncio

    from hub_events.topics import topics_of
    from hub_local.postgres import database_url
    from hub_local.republish import republish as send_again
    from hub_local.restore import servers
    from hub_local.stack import Stack
    from hub_messaging.topics import apply_topics

    layout = here()
    if not (layout.folder / "postgres" / "data").exists():
        raise StackNotUsable(f"there are no databases in {layout.folder}: nothing to republish")
    async with Stack(layout, plan=servers, report=print_line) as stack:
        forgotten_at = time.monotonic() + READERS_FORGOTTEN_SECONDS
        urls = {name: database_url(layout, stack.keys.passwords, name) for name in SERVICES}
        await apply_topics(layout.kafka_servers)
        topics = [topic for service in services for topic in topics_of(service)]
        sent = await send_again(layout.kafka_servers, urls, topics, since, again=again, report=print_line)
        for topic, done in zip(topics, sent, strict=True):
            left_out = f"{done.left_out} left out, older than {topic.retention_days} days"
            typer.echo(
                f"{topic.name}: {done.sent} events sent; {'none left out' if topic.compacted else left_out}; "
                f"{', '.join(topic.readers)} read it from its begin"
            )
        await asyncio.sleep(max(0.0, forgotten_at - time.monotonic()))


def start_of(text: str | None) -> "Since":
    """What --from says: a sequence number of the outbox, or a moment with its offset. Raises StackNotUsable."""
    from hub_local.republish import Since

    if text is None:
        return Since()
    if text.isascii() and text.isdigit() and len(text) < 19:
        return Since(seq=int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise StackNotUsable(f"--from {text!r}: expected a number, or a time such as 2026-03-02T08:00:00+07:00")
    return Since(moment=moment)


def lines_of(found: dict[str, Any]) -> list[str]:
    """The reconciliation report for a person; long lists are cut, the kept file has all."""
    dossiers, unanswered = found["unknown_dossiers"], found["unanswered"]
    agencies = {one["agency_code"] for one in unanswered}
    left_out = sum(one["left_out"] for one in found["republished"].values())
    return [
        f"Restored to {found['backup_made_at']}. What others know and the restored databases don't:",
        f"  dossiers that the register lacks: {len(dossiers)}",
        *(f"    {one['code'] or one['dossier_id']} (seen in {', '.join(one['seen_in'])})" for one in dossiers[:LISTED]),
        *_lines_of_events(found),
        f"  events older than the topics keep, not sent again: {left_out}",
        f"  handed over, and no result known: {len(unanswered)} dossiers at {len(agencies)} agencies; ask for answers",
        f"  ranges that go on with a higher number: {len(found['numbers'])}; receipts, forms between: take anew",
    ]


def _lines_of_events(found: dict[str, Any]) -> list[str]:
    lines = []
    for service, events in found["unknown_events"].items():
        lines.append(f"  events of {service} that its outbox lacks: {len(events)}")
        lines += [f"    {one['type']} of {one['subject']}" for one in events[:LISTED]]
    for service, count in found["not_in_kafka"].items():
        lines.append(f"  events of {service} that Kafka lacked, sent again: {count}")
    for one in found["positions"][:LISTED]:
        place = f"{one['position']} of {one['topic']}/{one['partition']}"
        lines.append(f"  {one['service']} stood at {place}, outside the log: begins anew")
    return lines


def print_line(process: str, text: str) -> None:
    """One line about one process, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {process}: {text}", flush=True)
