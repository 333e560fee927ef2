"""What a restore takes and what it refuses; where a republication begins; which numbers are not given again."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub_local.archive import pack, unpack
from hub_local.backup import backup
from hub_local.data_commands import start_of
from hub_local.files import Lock
from hub_local.layout import SERVICES, Layout, StackNotUsable
from hub_local.number_ranges import LEFT_OUT, SYMBOLS, highest_known, reserve_numbers
from hub_local.republish import Since
from hub_local.restore import put_in_place
from hub_local.stack import say_nothing
from services.intake.domain.forms.forms import KINDS
from tests.local.stand_ins import hold_elsewhere, settings_of
from tests.stack import PostgresServer
from tests.waiting import until

OBJECT = "0123456789abcdef0123456789abcdef"
ABOUT = {"made_at": "2026-03-02T08:00:00+07:00", "dossiers": 3}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A backup with content that only looks like dumps."""
    source = tmp_path / "source"
    for name in ("databases", "keys"):
        (source / name).mkdir(parents=True)
    for service in SERVICES:
        (source / "databases" / f"{service}.dump").write_bytes(service.encode() * 5000)
    (source / "keys" / "sealing.json").write_text("{}")
    (source / "files" / "ef").mkdir(parents=True)
    (source / "files" / "ef" / OBJECT).write_bytes(b"sealed")
    file = tmp_path / "hub-20260302-080000.backup"
    pack(source, ABOUT, file)
    return file


def test_what_is_packed_comes_out_and_only_its_owner_may_read_it(whole: Path, tmp_path: Path) -> None:
    manifest = unpack(whole, tmp_path / "out")
    assert manifest["dossiers"] == 3
    assert (tmp_path / "out" / "databases" / "sla.dump").read_bytes() == b"sla" * 5000
    assert whole.stat().st_mode & 0o077 == 0
    assert (tmp_path / "out" / "keys" / "sealing.json").stat().st_mode & 0o077 == 0


def test_a_backup_with_many_files_of_dossiers_comes_out_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "databases").mkdir(parents=True)
    (source / "files" / "ef").mkdir(parents=True)
    for service in SERVICES:
        (source / "databases" / f"{service}.dump").touch()
    for number in range(7000):
        (source / "files" / "ef" / f"{number:032x}").touch()
    pack(source, ABOUT, tmp_path / "large.backup")
    assert len(unpack(tmp_path / "large.backup", tmp_path / "out")["files"]) == 7000 + len(SERVICES)


def flipped(content: bytes) -> bytes:
    place = content.index(b"routingrouting") + 7
    return content[:place] + b"?" + content[place + 1 :]


def foreign_tar(_: bytes) -> bytes:
    return tar_of({"notes.txt": b"hello"})


def from_another_program(_: bytes) -> bytes:
    return tar_of({"manifest.json": b'{"format": "something else 1", "files": {}}'})


def half(_: bytes) -> bytes:
    return tar_of({"manifest.json": json.dumps({"format": "mot-cua-hub backup 1", "files": {}}).encode()})


def escaping(_: bytes) -> bytes:
    files: dict[str, Any] = {f"databases/{service}.dump": {} for service in SERVICES}
    manifest = json.dumps({"format": "mot-cua-hub backup 1", "files": files}).encode()
    return tar_of({"manifest.json": manifest, "keys/../../escaped": b"x"})


def tar_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (flipped, r"is damaged: databases/routing\.dump does not agree with the manifest"),
        (lambda content: content[: len(content) // 2], "is damaged"),
        (lambda content: content[:600], "is damaged|no backup"),
        (lambda content: b"", "no backup"),
        (lambda content: b"PK\x03\x04" + bytes(4000), "no backup"),
        (lambda content: content.replace(b'"made_at"', b'"made_at', 1), "manifest can't be read"),
        (foreign_tar, "no backup of this hub"),
        (from_another_program, "no backup of this hub"),
        (half, "is incomplete: it holds no database of intake, routing, notify, sla"),
        (escaping, "holds what no backup of this hub does: 'keys/../../escaped'"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(
    whole: Path, tmp_path: Path, spoil: Callable[[bytes], bytes], message: str
) -> None:
    whole.write_bytes(spoil(whole.read_bytes()))
    with pytest.raises(StackNotUsable, match=message):
        unpack(whole, tmp_path / "deep" / "out")
    assert not (tmp_path / "escaped").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackNotUsable, match=r"nowhere\.backup can't be read"):
        unpack(tmp_path / "nowhere.backup", tmp_path)


def restore(layout: Layout, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return hub(layout, "restore", *arguments)


def hub(layout: Layout, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("hub")), *arguments]
    return subprocess.run(command, env=settings_of(layout), capture_output=True, text=True, timeout=60, check=False)


def test_a_folder_that_is_not_empty_stays_as_it_is(whole: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "hub", port_base=32_150)
    (layout.folder / "postgres").mkdir(parents=True)
    refused = restore(layout, str(whole))
    assert refused.returncode == 1
    assert "is not empty (postgres)" in refused.stderr
    assert "--force" in refused.stderr
    kept = restore(layout, str(whole), "--force", "--keep-kafka")
    assert "no log of Kafka" in kept.stderr
    whole.write_bytes(flipped(whole.read_bytes()))
    damaged = restore(layout, str(whole.parent), "--force")
    assert (damaged.returncode, "is damaged" in damaged.stderr) == (1, True)
    assert sorted(entry.name for entry in layout.folder.iterdir()) == ["lock", "postgres"]


def test_no_backup_is_made_of_a_folder_that_a_restore_is_filling(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "hub", port_base=32_250)
    (layout.folder / "postgres" / "data").mkdir(parents=True)
    with hold_elsewhere(layout) as killed:
        killed.kill()  # what it wrote of itself stays
    restoring = Lock(layout.folder / "lock")
    restoring.take({"pid": os.getpid()})
    refused = hub(layout, "backup", str(tmp_path / "one.backup"))
    restoring.release()
    assert refused.returncode == 1
    assert f"process {os.getpid()} is at work" in refused.stderr


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGKILL])
async def test_a_backup_that_is_ended_half_way_leaves_nothing_for_longer_than_to_the_next(
    tmp_path: Path, first: signal.Signals
) -> None:
    layout, backups = Layout(tmp_path / "hub", port_base=32_350), tmp_path / "backups"
    (layout.folder / "postgres" / "data").mkdir(parents=True)
    backups.mkdir()
    with running(layout), socket.create_server(("127.0.0.1", layout.port("postgres"))):
        left = await ended_half_way(layout, backups, first)
        assert len(left) == (first is signal.SIGKILL), "nobody cleans up after itself then"
        assert await ended_half_way(layout, backups, signal.SIGTERM) == []


@contextmanager
def running(layout: Layout) -> Iterator[None]:
    """Something that `hub backup` takes for a hub that runs."""
    with hold_elsewhere(layout) as holder:
        try:
            yield
        finally:
            holder.kill()


async def ended_half_way(layout: Layout, backups: Path, by: signal.Signals) -> list[Path]:
    """Ends a `hub backup` while PostgreSQL is silent; what it leaves behind."""
    there = set(backups.glob(".*/databases"))
    command = [str(Path(sys.executable).with_name("hub")), "backup", str(backups)]
    with subprocess.Popen(command, env=settings_of(layout), stdout=subprocess.DEVNULL) as child:
        await until(lambda: child.poll() is not None or bool(set(backups.glob(".*/databases")) - there))
        child.send_signal(by)
        assert child.wait(20) in (-by, 128 + by)
    return list(backups.iterdir())


def test_a_place_where_no_backup_can_be_written_is_named(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "hub", 32200)
    (layout.folder / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "a-file").touch()
    with pytest.raises(StackNotUsable, match=r"a-file/new\.tar can't be written: .*; name another place"):
        asyncio.run(backup(layout, tmp_path / "a-file" / "new.tar", say_nothing))


def test_a_hub_does_not_start_on_a_restore_that_was_not_finished(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "hub", port_base=32_300)
    aside = replace(layout, folder=layout.folder / "restoring")
    for place in (aside.keys, aside.folder / "postgres"):
        place.mkdir(parents=True)
    put_in_place(layout, aside, keep_kafka=False, report=say_nothing)  # and killed before it has compared

    started = hub(layout, "up")

    assert started.returncode == 1
    assert "a restore into this folder was not finished: say `hub restore` again, with --force" in started.stderr
    assert not (layout.folder / "kafka").exists()


def test_nothing_is_restored_into_a_hub_that_runs(whole: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "hub", port_base=32_200)
    with hold_elsewhere(layout) as holder:
        refused = restore(layout, str(whole), "--force")
        holder.kill()
    assert f"in use (process {holder.pid}); `hub down` first" in refused.stderr


def test_a_republication_begins_at_a_number_or_a_moment() -> None:
    assert start_of(None) == Since()
    assert start_of("17") == Since(seq=17)
    assert start_of("2026-03-02T08:00:00+07:00") == Since(moment=datetime(2026, 3, 2, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "yesterday", "-1", "2026-03-02T08:00:00", "9" * 30, "١٢"])
def test_where_it_begins_must_be_clear(text: str) -> None:
    with pytest.raises(StackNotUsable, match="expected a number, or a time such as"):
        start_of(text)


BACKUP, RESTORED = datetime(2026, 2, 28, 10, tzinfo=UTC), datetime(2026, 3, 2, 3, tzinfo=UTC)


async def reserved(postgres: PostgresServer, known: Mapping[str, int], **given: int) -> tuple[Any, dict[str, int]]:
    """What a restore of a register that has `given` so many numbers says of its ranges, and how they stand then."""
    url = await postgres.database("intake")
    connection = await asyncpg.connect(url)
    for key, last in given.items():
        await connection.execute("INSERT INTO number_range VALUES ($1, $2)", key, last)
    told = await reserve_numbers(url, known, BACKUP, RESTORED)
    rows = await connection.fetch("SELECT key, last FROM number_range")
    await connection.close()
    return told, {row["key"]: row["last"] for row in rows}


@pytest.mark.stack
async def test_numbers_of_dossiers_that_may_have_been_given_since_the_backup_are_left_out(
    postgres: PostgresServer,
) -> None:
    known = highest_known(["H26.15-260302-0004", "H26.16-260301-0002", "odd", ""], [], [])

    told, last = await reserved(postgres, known, **{"H26.15/260301": 7, "H26.15/250220": 9})

    assert told["H26.15/260301"] == {"backup": 7, "goes_on_after": 7 + LEFT_OUT}
    assert last["H26.15/260302"] == 4 + LEFT_OUT
    assert last["H26.16/260301"] == 2 + LEFT_OUT
    assert last["H26.15/260228"] == last["H26.16/260302"] == LEFT_OUT, "begun after the backup"
    assert last["H26.15/260131"] == LEFT_OUT, "received before the backup, entered after it"
    assert last["H26.15/250220"] == 9 + LEFT_OUT
    assert "H26.15/260303" not in last
    assert {key: about["goes_on_after"] for key, about in told.items()} == last, "each is in the report"


@pytest.mark.stack
async def test_numbers_of_forms_that_may_have_been_given_since_the_backup_are_left_out(
    postgres: PostgresServer,
) -> None:
    known = highest_known([], ["H26.15/PXL/2026/3500", "H26.15/PXL/2026/20", "H26.16/TNHS/2026/2"], [])

    told, last = await reserved(postgres, known, **{"H26.15/TNHS/2026": 7, "H26.15/TNHS/2025": 90})

    three_days = 3 * LEFT_OUT
    assert told["H26.15/TNHS/2026"] == {"backup": 7, "goes_on_after": 7 + three_days}
    assert last["H26.15/PXL/2026"] == 3500 + three_days
    assert last["H26.16/TNHS/2026"] == 2 + three_days
    assert last["H26.15/STDHS/2026"] == three_days, "the first of its year may have been after the backup"
    assert last["H26.15/TNHS/2025"] == 90, "nobody numbers by a year that is over"


def test_what_an_earlier_restore_left_out_was_given_after_it() -> None:
    earlier = {"H26.15/TNHS/2026": {"backup": 7, "goes_on_after": 1007}}
    assert highest_known([], ["H26.15/TNHS/2026/12"], [earlier, {}]) == {"H26.15/TNHS/2026": 1007}


def test_every_form_has_its_range() -> None:
    assert [KINDS[number].symbol for number in sorted(KINDS)] == list(SYMBOLS)
