"""A stack starts in order, keeps its processes running, and leaves nothing behind."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hub_local.layout import Layout, StackNotUsable
from hub_local.spawn import MARK, left_behind
from hub_local.stack import Plan, Stack
from hub_local.steps import Step
from hub_local.supervisor import LOG_LIMIT, Job, Program, trim
from tests.local.stand_ins import DIES, LIVES, STUBBORN, diarist, hold_elsewhere, program, two_in_a_row


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "hub", port_base=32_000)


def plan_of(*steps: Step) -> Plan:
    return lambda layout, keys, report: steps


def came_true(condition: Callable[[], bool], within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


async def test_what_is_needed_starts_before_and_stops_after(layout: Layout, tmp_path: Path) -> None:
    started: list[str] = []

    async def job() -> None:
        started.append("job")

    def watch(process: str, text: str) -> None:
        started.append(process)

    diary = tmp_path / "diary"
    client = diarist("client", layout, diary, needs=("job",))
    server = diarist("server", layout, diary)
    async with Stack(layout, plan_of(client, Job("job", job, ("server",)), server), watch):
        assert started == ["server", "job", "client"]
        assert not diary.exists()
    assert diary.read_text().split() == ["client", "server"]


async def test_what_starts_after_another_leaves_it_the_processors_first(layout: Layout, tmp_path: Path) -> None:
    started: list[str] = []
    first = diarist("first", layout, tmp_path / "diary")
    second = replace(program("second"), after=("first",))
    async with Stack(layout, plan_of(second, first), lambda process, _: started.append(process)):
        assert started == ["first", "second"]


async def test_a_process_that_dies_is_started_again_and_reported(layout: Layout) -> None:
    told: list[tuple[str, str]] = []
    async with Stack(layout, two_in_a_row, lambda process, text: told.append((process, text))) as stack:
        killed = stack.kill("server")
        assert await asyncio.to_thread(came_true, lambda: stack.pid("server") not in {killed, None})
        await stack.ready("server")

        assert ("server", "was ended by SIGKILL; starts again in 0.2 s") in told
        assert [(s.name, s.restarts) for s in stack.statuses] == [("server", 1), ("client", 0)]


async def test_a_full_disk_keeps_no_process_from_being_started_again(layout: Layout) -> None:
    full = False

    def report(process: str, text: str) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")

    async with Stack(layout, two_in_a_row, report) as stack:
        layout.state_file.unlink()
        layout.state_file.mkdir()  # can't be written either
        full = True
        killed = stack.kill("server")
        assert await asyncio.to_thread(came_true, lambda: stack.pid("server") not in {killed, None})
        await stack.ready("server", within=10)
        layout.state_file.rmdir()


async def test_one_process_stops_and_starts_on_request_while_the_others_run(layout: Layout) -> None:
    async with Stack(layout, two_in_a_row) as stack:
        client = stack.pid("client")
        await stack.stop_one("server")
        await asyncio.sleep(0.5)
        assert stack.pid("server") is None
        await stack.start_one("server")
        assert stack.pid("server") is not None
        assert stack.pid("client") == client


async def test_a_process_that_does_not_listen_is_killed_in_the_end(layout: Layout) -> None:
    told: list[str] = []
    stubborn = program("stubborn", STUBBORN, stop_seconds=0.3)
    async with Stack(layout, plan_of(stubborn), lambda _, text: told.append(text)):
        log = layout.logs / "stubborn.log"
        assert await asyncio.to_thread(came_true, lambda: "up" in log.read_text())
    assert told[-1] == "did not end within 0.3 s: killed"
    assert left_behind(layout.folder) == []


async def test_a_start_that_fails_shows_the_end_of_the_log_and_leaves_nothing_running(layout: Layout) -> None:
    async def never() -> bool:
        return False

    broken = Program("broken", (sys.executable, "-c", DIES), ready=never)
    with pytest.raises(StackNotUsable, match=r"(?s)broken ended with code 3 .*no such thing: colour"):
        await Stack(layout, plan_of(program("server"), broken)).start()
    assert left_behind(layout.folder) == []


async def test_a_service_that_refuses_its_settings_is_not_tried_again(layout: Layout) -> None:
    async def never() -> bool:
        return False

    told: list[str] = []
    misconfigured = Program("misconfigured", (sys.executable, "-c", "raise SystemExit(78)"), ready=never)
    with pytest.raises(StackNotUsable, match="misconfigured ended with code 78"):
        await Stack(layout, plan_of(misconfigured), lambda _, text: told.append(text)).start()
    assert told == []


async def test_a_second_stack_on_the_same_folder_is_told_who_has_it(layout: Layout) -> None:
    async with Stack(layout, two_in_a_row):
        with pytest.raises(StackNotUsable, match=rf"already runs on .*process {os.getpid()}.*`hub down`"):
            await Stack(layout, two_in_a_row).start()
    async with Stack(layout, two_in_a_row):
        pass


async def test_a_taken_port_is_named_with_its_holder_and_a_way_out(layout: Layout) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", layout.port("intake")))
        other.listen()
        wanting = Program("intake", (sys.executable, "-c", ""), ready=asyncio.Event().wait, ports=("intake",))
        with pytest.raises(
            StackNotUsable, match=rf"port 32001 \(intake\) is taken by .*process {os.getpid()}.*HUB_PORT_BASE=33000"
        ):
            await Stack(layout, plan_of(wanting)).start()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_when_the_supervisor_is_killed_its_processes_end_at_once(layout: Layout) -> None:
    holder = hold_elsewhere(layout)
    assert len(left_behind(layout.folder)) == 2
    holder.kill()
    holder.wait()
    assert came_true(lambda: left_behind(layout.folder) == [], within=5)


async def test_what_a_killed_run_left_is_ended_at_the_next_start_and_nothing_else(layout: Layout) -> None:
    sleeper = [sys.executable, "-c", LIVES]
    orphan = subprocess.Popen(sleeper, env={**os.environ, MARK: str(layout.folder)})
    stranger = subprocess.Popen(sleeper, env={**os.environ, MARK: f"{layout.folder}-of-another"})
    try:
        assert came_true(lambda: len(left_behind(layout.folder)) == 1)
        told: list[str] = []
        stack = Stack(layout, two_in_a_row, lambda _, text: told.append(text))
        await stack.start()
        await stack.stop()

        assert not psutil.pid_exists(orphan.pid)
        assert stranger.poll() is None
        assert told[0] == "ended 1 processes that a killed run had left"
    finally:
        for process in (orphan, stranger):
            process.kill()
            process.wait()


async def test_a_start_that_is_called_off_leaves_nothing_running(layout: Layout) -> None:
    async def never() -> bool:
        return False

    slow = Program("slow", program("slow").command, ready=never)
    starting = asyncio.create_task(Stack(layout, plan_of(program("server"), slow)).start())
    assert await asyncio.to_thread(came_true, lambda: len(left_behind(layout.folder)) == 2)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert left_behind(layout.folder) == []
    async with Stack(layout, two_in_a_row):
        pass


def test_a_log_stays_bounded_and_keeps_its_newest_part(tmp_path: Path) -> None:
    log = tmp_path / "talker.log"
    log.write_bytes(b"old " * (LOG_LIMIT // 4) + b"newest")
    trim(log)
    assert log.stat().st_size == 0
    kept = tmp_path / "talker.log.1"
    assert kept.stat().st_size <= LOG_LIMIT
    assert kept.read_bytes().endswith(b"newest")


def test_a_step_that_needs_an_unknown_step_is_refused(layout: Layout) -> None:
    with pytest.raises(ValueError, match="client needs server"):
        asyncio.run(Stack(layout, plan_of(program("client", needs=("server",)))).start())
