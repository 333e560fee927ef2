"""`hub up | down | status | logs` at the command line, on stand-in processes."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_local.layout import Layout
from hub_local.spawn import left_behind
from tests.local.stand_ins import hold_elsewhere, settings_of


def hub(layout: Layout, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a person would type it."""
    command = [str(Path(sys.executable).with_name("hub")), *arguments]
    return subprocess.run(command, env=settings_of(layout), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "hub", port_base=32_100)


@pytest.fixture
def holder(layout: Layout) -> Iterator[subprocess.Popen[str]]:
    with hold_elsewhere(layout) as holder:
        yield holder
        holder.kill()


def test_status_shows_each_process_while_the_stack_runs(layout: Layout, holder: subprocess.Popen[str]) -> None:
    shown = hub(layout, "status", "--json")
    assert shown.returncode == 0, shown.stderr
    state = json.loads(shown.stdout)
    assert state["pid"] == holder.pid
    assert [(p["name"], p["state"], p["restarts"]) for p in state["processes"]] == [
        ("server", "ready", 0),
        ("client", "ready", 0),
    ]
    assert all(process["memory_bytes"] > 1_000_000 for process in state["processes"])
    assert "server" in hub(layout, "status").stdout


def test_down_stops_a_stack_in_order_from_elsewhere(layout: Layout, holder: subprocess.Popen[str]) -> None:
    stopped = hub(layout, "down")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert holder.wait(timeout=5) == 0
    assert left_behind(layout.folder) == []


def test_ctrl_c_stops_all_in_order(layout: Layout, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGINT)
    assert holder.stdout is not None
    assert [line.partition(" ")[2] for line in holder.stdout] == ["hub: stopping in order\n", "hub: stopped\n"]
    assert holder.wait(timeout=5) == 0
    assert left_behind(layout.folder) == []


@pytest.mark.usefixtures("holder")
def test_a_second_up_says_who_runs_and_what_to_do(layout: Layout) -> None:
    for arguments in (("up",), ("up", "--detach")):
        second = hub(layout, *arguments)
        assert second.returncode == 1
        assert "already runs" in second.stderr
        assert "Traceback" not in second.stderr


@pytest.mark.usefixtures("holder")
def test_logs_show_one_process_or_all_and_name_those_there_are(layout: Layout) -> None:
    assert hub(layout, "logs", "server").stdout == "up\n"
    assert sorted(hub(layout, "logs").stdout.splitlines()) == ["client: up", "server: up"]
    unknown = hub(layout, "logs", "nobody")
    assert unknown.returncode == 1
    assert unknown.stderr == "hub: no log of 'nobody'; there are: client, server\n"


def test_what_a_killed_run_said_of_itself_counts_no_more(layout: Layout) -> None:
    with hold_elsewhere(layout) as killed:
        killed.kill()
    with socket.create_server(("127.0.0.1", layout.port("postgres"))):
        started = hub(layout, "up", "--detach")
    assert (started.returncode, started.stdout) == (1, "")
    assert "is taken by" in started.stderr


def test_where_nothing_runs_the_commands_say_so(layout: Layout) -> None:
    shown = hub(layout, "status")
    assert (shown.returncode, shown.stdout) == (1, "nothing runs here; `hub up` starts it\n")
    stopped = hub(layout, "down")
    assert (stopped.returncode, stopped.stdout) == (0, "nothing runs here\n")
