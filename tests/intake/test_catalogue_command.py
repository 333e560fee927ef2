"""Lệnh `hub catalogue import`, as the person types it who imports: against a running intake, over HTTP."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.intake.conftest import FrontDoor
from tests.intake.procedure_texts import many, procedure_text

pytestmark = pytest.mark.stack
HUB = Path(sys.executable).with_name("hub")


async def started(door: FrontDoor, *words: str | Path, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        HUB, "catalogue", "import", *words,
        env={**os.environ, "HUB_URL": door.url, "HUB_TOKEN": door.bearer.removeprefix("Bearer "), **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ran(door: FrontDoor, *words: str | Path, **environment: str) -> tuple[int | None, str, str]:
    """Exit code, output, errors; never a traceback."""
    child = await started(door, *words, **environment)
    output, errors = await child.communicate()
    assert b"Traceback" not in errors, errors.decode()
    return child.returncode, output.decode(), errors.decode()


async def imported(door: FrontDoor, *words: str | Path) -> dict[str, Any]:
    """The one object of `--json`; its numbers add up."""
    code, output, errors = await ran(door, "--json", *words)
    assert (code, errors) == (0, "")
    result: dict[str, Any] = json.loads(output)
    assert result["published"] + result["flagged"] + result["refused"] == result["files"] == len(result["items"])
    return result


def written(folder: Path, count: int) -> Path:
    for name, text in many(count):
        (folder / name[:3]).mkdir(exist_ok=True)
        (folder / name[:3] / name).write_text(text)
    return folder


def slugs(item: dict[str, Any]) -> list[str]:
    return [reason["slug"] for reason in item["reasons"]]


async def test_a_folder_is_imported_whole_and_again_without_a_change(door: FrontDoor, tmp_path: Path) -> None:
    folder = tmp_path / "tệp"
    folder.mkdir()
    written(folder, 250)
    first = await imported(door, folder)
    assert (first["files"], first["refused"]) == (250, 0)
    assert not any(item["unchanged"] for item in first["items"])
    again = await imported(door, folder)
    assert all(item["unchanged"] for item in again["items"])
    assert [item["class"] for item in again["items"]] == [item["class"] for item in first["items"]]
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM procedure_version") == 250


async def test_an_import_that_is_killed_is_repeated_and_then_whole(door: FrontDoor, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    written(folder, 400)
    child = await started(door, "--json", folder)
    pool = door.intake.spine.pool
    while not await pool.fetchval("SELECT count(*) FROM procedure_version"):
        await asyncio.sleep(0.005)
    child.kill()
    await child.communicate()
    result = await imported(door, folder)
    assert result["files"] == 400
    assert {item["version"] for item in result["items"]} == {1}
    assert await pool.fetchval("SELECT count(*) FROM procedure_version") == 400


async def test_whatever_lies_in_a_folder_each_file_has_its_class(door: FrontDoor, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "good.txt").write_text(procedure_text())
    (folder / "empty.txt").touch()
    (folder / "noise.json").write_bytes(os.urandom(5000))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    (folder / "sub" / "round").symlink_to(folder)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.txt").write_text(procedure_text(code="1.999003"))
    os.mkfifo(folder / "pipe.txt")
    with (folder / "huge.csv").open("wb") as huge:
        huge.truncate(100_000_000)
    (folder / os.fsdecode(b"n\xe1me.txt")).write_text(procedure_text(code="1.999002"))
    result = await imported(door, folder, folder / "good.txt")
    found = {
        Path(item["file"]).name: (item["class"], [one["slug"] for one in item["reasons"]]) for item in result["items"]
    }
    assert found == {
        "good.txt": ("published", []),
        "n\\xe1me.txt": ("published", []),
        "empty.txt": ("refused", ["empty"]),
        "noise.json": ("refused", ["unreadable-bytes"]),
        "gone.txt": ("refused", ["unreadable-file"]),
        "pipe.txt": ("refused", ["unreadable-file"]),
        "huge.csv": ("refused", ["too-large"]),
        "picture.png": ("refused", ["format-unknown"]),
    }


async def test_the_summary_names_what_was_refused_and_where(door: FrontDoor, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.txt").write_text(procedure_text(code="12"))
    code, output, _ = await ran(door, "--dry-run", tmp_path / "in")
    assert code == 0
    assert "Xem trước" in output
    assert "bad.txt, dòng 2: Mã không phải mã thủ tục. «12» [code-invalid]" in output


async def test_nothing_to_import_and_no_hub_are_told_in_one_line(door: FrontDoor, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert (await imported(door, tmp_path / "in"))["files"] == 0
    for wrong in ("", str(tmp_path / "nowhere")):
        code, output, errors = await ran(door, "--json", wrong)
        assert (code, output, errors.count("\n")) == (1, "", 1)
    (tmp_path / "in" / "a.txt").write_text(procedure_text())
    reader = door.token(["dossiers:read"]).removeprefix("Bearer ")
    code, _, errors = await ran(door, tmp_path / "in", HUB_TOKEN=reader)
    assert (code, "reference:edit" in errors) == (1, True)
    code, _, errors = await ran(door, tmp_path / "in", HUB_URL="http://127.0.0.1:9")
    assert (code, "does not answer" in errors, errors.count("\n")) == (1, True, 1)
