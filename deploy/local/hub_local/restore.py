"""Khôi phục: puts a backup in the place of what a folder holds, then says what the others know that it does not.

The databases are loaded aside first: until all of a backup is read, checked and loaded, nothing is touched. What was
there is moved to `replaced-…`, never deleted. Kafka's log is rebuilt from the outboxes, or kept and sent them again.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from hub_events.topics import TOPICS
from hub_local import postgres
from hub_local.archive import unpack
from hub_local.backup import run_tool
from hub_local.files import Held, Lock, empty_folder, write_whole
from hub_local.keys import Keys, ensure_keys
from hub_local.layout import SERVICES, Layout, StackNotUsable
from hub_local.number_ranges import highest_known, reserve_numbers, reserved_earlier
from hub_local.reconcile import Positions, reconcile
from hub_local.republish import Since, republish
from hub_local.stack import Stack
from hub_local.steps import Step, broker, database_server, schemas
from hub_local.supervisor import Report
from hub_messaging.clock import Clock, real_now
from hub_messaging.topics import apply_topics

UNTOUCHED = {"lock", "logs", "reports", "restoring", "sandbox-ledger"}
"""What may lie in a folder that counts as empty; the ledger belongs to the other side."""


_HAS_CHANGES = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'step'::regclass AND attname = 'tx')"
"""A backup of a version before them has none: the migration adds them."""
_HAS_SEALS = "SELECT to_regclass('seal') IS NOT NULL"


def servers(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
    """PostgreSQL and Kafka with tables and topics, and nobody at work."""
    return [*database_server(layout, keys), *broker(layout, report), *schemas(layout, keys)]


async def restore(layout: Layout, source: Path, *, force: bool, keep_kafka: bool, report: Report) -> dict[str, Any]:
    """Restores the backup `source` (a file, or a folder: its newest) and returns the reconciliation report.

    `keep_kafka`: the log in the folder has survived and is kept. Raises StackNotUsable, with the folder as it was,
    for a file that can't be used, a folder that is not empty (unless `force`), or a hub that runs on it.
    """
    file = _chosen(source)
    lock = _held(layout)
    try:
        _refuse_if_not_empty(layout.folder, force=force, keep_kafka=keep_kafka)
        aside = replace(layout, folder=empty_folder(layout.folder / "restoring"))
        backup = aside.folder / "backup"
        manifest = unpack(file, backup)
        report("hub", f"{file.name} of {manifest.get('made_at')} is whole: {manifest.get('dossiers')} dossiers")
        positions = await _load(aside, backup, report)
        put_in_place(layout, aside, keep_kafka=keep_kafka, report=report)
    finally:
        shutil.rmtree(layout.folder / "restoring", ignore_errors=True)
        lock.release()
    return await _bring_together(layout, manifest, positions, report)


def _chosen(source: Path) -> Path:
    if not source.is_dir():
        return source
    files = sorted(source.glob("hub-*.backup"))
    if not files:
        raise StackNotUsable(f"there is no hub-….backup in {source}")
    return files[-1]


def _held(layout: Layout) -> Lock:
    layout.folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(layout.folder / "lock")
    try:
        lock.take({"pid": os.getpid()})
    except Held as held:
        raise StackNotUsable(
            f"{layout.folder} is in use (process {held.owner.get('pid', 'unknown')}); `hub down` first"
        ) from None
    return lock


def _refuse_if_not_empty(folder: Path, *, force: bool, keep_kafka: bool) -> None:
    if keep_kafka and not (folder / "kafka" / "data").exists():
        raise StackNotUsable(f"there is no log of Kafka in {folder} to keep: leave --keep-kafka out")
    untouched = UNTOUCHED | ({"kafka"} if keep_kafka else set())
    found = sorted(entry.name for entry in folder.iterdir() if entry.name not in untouched)
    if found and not force:
        raise StackNotUsable(
            f"{folder} is not empty ({', '.join(found)}): name another HUB_FOLDER, or say --force. "
            "What is there is moved aside then."
        )


async def _load(aside: Layout, backup: Path, report: Report) -> Positions:
    """A new server with the four databases of the backup; where their readers stood.

    The positions are taken out at once: should what follows be interrupted, no reader jumps into a log that it does
    not know; it begins at 0 or stops with an alarm.
    """
    os.replace(backup / "keys", aside.keys)
    keys = ensure_keys(aside)
    positions = {}
    async with Stack(aside, plan=lambda place, found, _: database_server(place, found), report=report):
        for service in SERVICES:
            dump = backup / "databases" / f"{service}.dump"
            await run_tool(
                aside, keys.passwords, service, "pg_restore", "--no-owner", "--single-transaction", str(dump)
            )
            positions[service] = await _take_positions(aside, keys, service)
            if service == "intake":
                await _number_changes_anew(aside, keys)
            report(service, "loaded")
    return positions


async def _take_positions(layout: Layout, keys: Keys, service: str) -> dict[tuple[str, int], int]:
    connection = await asyncpg.connect(postgres.database_url(layout, keys.passwords, service), timeout=5)
    try:
        rows = await connection.fetch("DELETE FROM position RETURNING topic, partition, next_offset")
    finally:
        await connection.close()
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def _number_changes_anew(layout: Layout, keys: Keys) -> None:
    """Steps hold the numbers of the transactions of the server they came from; this one counts for itself."""
    connection = await asyncpg.connect(postgres.database_url(layout, keys.passwords, "intake"), timeout=5)
    try:
        if await connection.fetchval(_HAS_SEALS):
            await connection.execute("UPDATE lease SET until = '-infinity'")  # whose they were is not here
            await connection.execute("SET synchronous_commit = off")  # there is a commit for each seal
            await connection.execute("CALL number_steps_anew()")
        elif await connection.fetchval(_HAS_CHANGES):
            await connection.execute("UPDATE step SET tx = pg_current_xact_id()")
    finally:
        await connection.close()


def put_in_place(layout: Layout, aside: Layout, *, keep_kafka: bool, report: Report) -> None:
    """Moves what was there to `replaced-…`, and what was loaded to its place; the databases last, by two renames.

    From here on until its report is kept, the restore is unfinished, and neither `hub up` nor `hub backup` goes on.
    """
    write_whole(layout.unfinished_restore, "")
    replaced = layout.folder / f"replaced-{real_now():%Y%m%d-%H%M%S}"
    for loaded, place in (("clock.json", aside.clock_file), ("files", aside.files)):
        if (aside.folder / "backup" / loaded).exists():
            os.replace(aside.folder / "backup" / loaded, place)
            os.chmod(place, 0o700 if place.is_dir() else 0o600)
    for name in ("kafka", "clock.json", "files", "keys", "postgres"):
        if name == "kafka" and keep_kafka:
            continue
        if (layout.folder / name).exists():
            replaced.mkdir(mode=0o711, exist_ok=True)
            os.replace(layout.folder / name, replaced / name)
        if (aside.folder / name).exists():
            os.replace(aside.folder / name, layout.folder / name)
    if replaced.exists():
        report("hub", f"what was there lies in {replaced.name}")


async def _bring_together(
    layout: Layout, manifest: dict[str, Any], positions: Positions, report: Report
) -> dict[str, Any]:
    """Compares with Kafka, keeps numbers from being given twice, sends the outboxes again; the report, kept."""
    async with Stack(layout, plan=servers, report=report) as stack:
        urls = {name: postgres.database_url(layout, stack.keys.passwords, name) for name in SERVICES}
        await apply_topics(layout.kafka_servers)
        found = await reconcile(layout.kafka_servers, urls, positions)
        since = datetime.fromisoformat(manifest["business_time"])
        known = highest_known(found.pop("codes"), found.pop("forms"), reserved_earlier(layout))
        numbers = await reserve_numbers(urls["intake"], known, since, Clock(layout.clock_file).now())
        sent = await republish(layout.kafka_servers, urls, TOPICS, Since(), again=True, report=report)
    result = {
        "backup_made_at": manifest["made_at"],
        "restored_at": real_now().isoformat(timespec="seconds"),
        **found,
        "numbers": numbers,
        "republished": {one.topic: {"sent": one.sent, "left_out": one.left_out} for one in sent},
    }
    reports = layout.folder / "reports"
    reports.mkdir(exist_ok=True, mode=0o700)
    write_whole(reports / f"restore-{real_now():%Y%m%d-%H%M%S}.json", json.dumps(result, indent=2))
    layout.unfinished_restore.unlink()
    return result
