"""What the nursery forks runs as `python -m` would run it, and ends with the nursery."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hub_local.layout import Layout
from hub_local.nursery import Hatched, Nursery
from hub_local.spawn import left_behind
from hub_local.stack import Stack
from hub_local.supervisor import Program
from tests.waiting import until

WARM = ("tests.local.warmth",)


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    nursery = Nursery(WARM, tmp_path, tmp_path / "nursery.log")
    yield nursery
    await nursery.close()
    assert left_behind(tmp_path) == []


async def hatch(nursery: Nursery, log: Path, *arguments: str, folder: Path | None = None) -> Hatched:
    command = (sys.executable, "-m", "tests.local.hatchling", *arguments)
    return await nursery.hatch("chick", command, environment={"COLOUR": "yellow"}, log=log, folder=folder)


def written(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def said(log: Path) -> dict[str, Any]:
    world: dict[str, Any] = json.loads(log.read_text().splitlines()[0])
    return world


async def test_a_fork_finds_the_world_of_a_process_of_its_own(nursery: Nursery, tmp_path: Path) -> None:
    child = await hatch(nursery, tmp_path / "log", "0", "more", folder=tmp_path)
    assert await child.wait() == 0
    world = said(tmp_path / "log")
    assert world.pop("open")[:3] == [0, 1, 2]
    assert world == {
        "arguments": ["0", "more"],
        "file": "hatchling.py",
        "main": "__main__",
        "environment": {"COLOUR": "yellow", "HUB_STACK": str(tmp_path)},
        "folder": str(tmp_path),
        "session": True,
        "input": "",
        "name": "hub-chick",
        "ahead": True,
    }


async def test_a_fork_has_no_file_of_the_nursery_open(nursery: Nursery, tmp_path: Path) -> None:
    child = await hatch(nursery, tmp_path / "log", "0")
    await child.wait()
    alone = subprocess.run(
        [sys.executable, "-m", "tests.local.hatchling", "0"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, env={**os.environ, "COLOUR": "yellow"},
    )  # fmt: skip
    assert said(tmp_path / "log")["open"] == json.loads(alone.stdout)["open"]


@pytest.mark.parametrize("code", [0, 3, 78])
async def test_the_exit_code_is_told(nursery: Nursery, tmp_path: Path, code: int) -> None:
    child = await hatch(nursery, tmp_path / "log", str(code))
    assert await child.wait() == code == child.returncode


async def test_an_error_stands_in_the_log_of_the_process_it_ended(nursery: Nursery, tmp_path: Path) -> None:
    child = await hatch(nursery, tmp_path / "log", "fail")
    assert await child.wait() == 1
    assert "RuntimeError: no such thing: colour" in (tmp_path / "log").read_text()
    assert (tmp_path / "nursery.log").read_text() == ""


async def test_signals_reach_the_fork_and_its_end_is_told(nursery: Nursery, tmp_path: Path) -> None:
    child = await hatch(nursery, tmp_path / "log", "stay")
    asked = await hatch(nursery, tmp_path / "asked", "stay")
    assert child.returncode is None
    child.send_signal(signal.SIGKILL)
    await until(lambda: "{" in written(tmp_path / "asked"))
    asked.send_signal(signal.SIGTERM)
    assert await child.wait() == -signal.SIGKILL
    assert await asked.wait() == 1
    assert "asked to end" in (tmp_path / "asked").read_text()


async def test_many_at_once_are_told_apart(nursery: Nursery, tmp_path: Path) -> None:
    children = await asyncio.gather(*(hatch(nursery, tmp_path / f"{n}", f"{n}") for n in range(20)))
    assert [await child.wait() for child in children] == list(range(20))
    assert len({child.pid for child in children}) == 20


async def test_when_the_nursery_is_killed_its_children_end_and_the_next_is_made(
    nursery: Nursery, tmp_path: Path
) -> None:
    child = await hatch(nursery, tmp_path / "log", "stay")
    killed = nursery.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert await asyncio.wait_for(child.wait(), 10) == -signal.SIGKILL
    await until(lambda: left_behind(tmp_path) == [])

    next_one = await hatch(nursery, tmp_path / "next", "0")
    assert await next_one.wait() == 0
    assert nursery.pid not in {killed, None}
    assert nursery.restarts == 1


async def test_when_the_supervisor_is_gone_the_children_are_asked_to_end(nursery: Nursery, tmp_path: Path) -> None:
    child = await hatch(nursery, tmp_path / "log", "stay")
    await until(lambda: "{" in written(tmp_path / "log"))
    await nursery.close()
    assert child.returncode == 1
    assert "asked to end" in (tmp_path / "log").read_text()


async def test_a_module_that_can_not_be_imported_ahead_harms_no_other(tmp_path: Path) -> None:
    nursery = Nursery(("tests.local.frost", *WARM), tmp_path, tmp_path / "nursery.log")
    child = await hatch(nursery, tmp_path / "log", "0")
    assert await child.wait() == 0
    assert said(tmp_path / "log")["ahead"]
    assert "no such thing: warmth" in (tmp_path / "nursery.log").read_text()
    await nursery.close()


async def test_a_stack_shows_its_nursery_and_counts_nobody_twice(tmp_path: Path) -> None:
    async def ready() -> bool:
        return True

    command = (sys.executable, "-m", "tests.local.hatchling", "stay")
    chicks = [Program(name, command, ready=ready, ahead=WARM) for name in ("one", "two")]
    async with Stack(Layout(tmp_path / "hub", port_base=32_000), lambda *_: chicks) as stack:
        assert [status.name for status in stack.processes] == ["one", "two", "nursery"]
        nursery = psutil.Process(stack.processes[-1].pid)
        assert {child.pid for child in nursery.children()} == {status.pid for status in stack.statuses}
        killed = stack.kill("one")
        await until(lambda: stack.pid("one") not in {killed, None})
        assert stack.processes[-1].restarts == 0
    assert left_behind(tmp_path / "hub") == []
