"""Sao lưu: one file with the four databases, dossiers' files, all keys and the business clock; the hub works on.

Each database is dumped by itself, in one snapshot. The dumps are seconds apart, and need not agree more closely: ids
of events and work rows follow from their cause, so what one service knows too early is made again by the other, the
same. Readers come first and the register last, so that nobody knows a dossier that the register does not.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from hub_local import postgres
from hub_local.archive import pack
from hub_local.keys import Keys, ensure_keys
from hub_local.layout import Layout, StackNotUsable, refuse_unfinished_restore
from hub_local.stack import Stack
from hub_local.state import owner_of, state_of
from hub_local.steps import database_server
from hub_local.supervisor import Report, run_once
from hub_messaging.clock import Clock, real_now

ORDER = ("notify", "sla", "routing", "intake")
UNFINISHED = f".hub-backup-{socket.gethostname()}-"
"""Others may write to the same place: what processes run there is not known here."""
NAME = "hub-{at:%Y%m%d-%H%M%S}.backup"
LEFT_OUT = {
    "kafka": "rebuilt from the outboxes at a restore, for the days that the topics keep",
    "logs": "what the processes wrote",
    "sandbox-ledger": "belongs to the other side",
}
KEY_FILES = ("*.json", "webhook-secret", "sms-token")


async def backup(layout: Layout, target: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    """Writes the backup to `target`, or into it when it is a folder; where it is, and its manifest.

    Raises StackNotUsable when there is nothing to back up, or the databases don't answer.
    """
    if not (layout.folder / "postgres" / "data").exists():
        raise StackNotUsable(f"there are no databases in {layout.folder}: nothing to back up")
    refuse_unfinished_restore(layout)
    file = _file(target)
    if file.exists():
        raise StackNotUsable(f"{file} is there already; name another file")
    serving, layout = _server(layout, report)
    with _beside(file) as folder:
        async with serving:
            about = await _gather(layout, ensure_keys(layout), folder, report)
        return file, pack(folder, about, file)


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A folder for what goes into the file; there for as long as it is made."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(file.parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{os.getpid()}-", dir=file.parent))
    except OSError as error:
        raise StackNotUsable(f"{file} can't be written: {error.strerror or error}; name another place") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind(parent: Path) -> None:
    """What backups of this machine left there whose process was killed. They hold all keys."""
    for folder in parent.glob(f"{UNFINISHED}*-*"):
        pid = folder.name.removeprefix(UNFINISHED).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _file(target: Path) -> Path:
    return target / NAME.format(at=real_now()) if target.is_dir() else target


def _server(layout: Layout, report: Report) -> tuple[AbstractAsyncContextManager[Any], Layout]:
    """PostgreSQL alone for the time of the backup, unless the hub runs; and the ports that it listens on."""
    owner, state = owner_of(layout), state_of(layout)
    if owner is None:
        return Stack(layout, plan=lambda place, keys, _: database_server(place, keys), report=report), layout
    if state is None:
        raise StackNotUsable(f"process {owner} is at work on {layout.folder} (a restore, a start?); try again after it")
    return nullcontext(), replace(layout, port_base=int(state["port_base"]))


async def _gather(layout: Layout, keys: Keys, folder: Path, report: Report) -> dict[str, Any]:
    began = real_now()
    business_now = Clock(layout.clock_file).now()
    (folder / "databases").mkdir()
    for service in ORDER:
        await _dump(layout, keys.passwords, service, folder / "databases" / f"{service}.dump")
        report(service, "dumped")
    _copy_files(layout.files, folder / "files")
    report("files", "copied")
    (folder / "keys").mkdir(mode=0o700)
    for pattern in KEY_FILES:
        for file in layout.keys.glob(pattern):
            shutil.copy2(file, folder / "keys" / file.name)
    if layout.clock_file.exists():
        shutil.copy2(layout.clock_file, folder / "clock.json")
    return {
        "made_at": began.isoformat(timespec="seconds"),
        "business_time": business_now.isoformat(timespec="seconds"),
        "version": version("hub-local"),
        "dossiers": await _dossiers(layout, keys.passwords),
        "left_out": LEFT_OUT,
    }


def _copy_files(source: Path, target: Path) -> None:
    """The objects with dossiers' files, after the register: each lies there before a row names it, and never changes.

    Where disk and file system allow, a second name of the same bytes instead of a copy. One that goes meanwhile was
    named by nothing.
    """
    for file in source.glob("??/*"):
        place = target / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if "#" in file.name:  # half-written
            continue
        with suppress(FileNotFoundError):
            try:
                os.link(file, place)
            except OSError:
                shutil.copyfile(file, place)


async def _dossiers(layout: Layout, passwords: Mapping[str, str]) -> int:
    """How many dossiers the register holds, for a person to compare."""
    connection = await asyncpg.connect(postgres.database_url(layout, dict(passwords), "intake"), timeout=5)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM dossier")
    finally:
        await connection.close()
    return count


async def _dump(layout: Layout, passwords: Mapping[str, str], service: str, file: Path) -> None:
    options = ("--format=custom", "--compress=gzip:1", "--no-owner", "--no-privileges", f"--file={file}")
    await run_tool(layout, passwords, service, "pg_dump", *options)


async def run_tool(layout: Layout, passwords: Mapping[str, str], service: str, tool: str, *options: str) -> None:
    """Runs one of PostgreSQL's programs on a service's database, as its role. Raises StackNotUsable."""
    place = ("--host=127.0.0.1", f"--port={layout.port('postgres')}", f"--username={service}", f"--dbname={service}")
    layout.logs.mkdir(parents=True, exist_ok=True)
    await run_once(
        (str(postgres.binaries() / tool), *place, "--no-password", *options),
        stack=layout.folder,
        environment={"PGPASSWORD": passwords[service], "PGCONNECT_TIMEOUT": "10"},
        log=layout.logs / f"{tool}-{service}.log",
    )
