"""What runs on a folder: as its stack wrote it down, with port and memory of each process."""

import json
from collections.abc import Collection
from typing import Any

import psutil
from rich.table import Table

from hub_local.files import Lock
from hub_local.layout import PORTS, Layout
from hub_local.spawn import family


def owner_of(layout: Layout) -> int | None:
    """Process id of the stack that runs on this folder; None when none does."""
    owner = Lock(layout.folder / "lock").owner()
    return int(owner.get("pid", 0)) or None if owner is not None else None


def state_of(layout: Layout) -> dict[str, Any] | None:
    """The state that the stack wrote which holds this folder now; what a killed one left behind is nobody's."""
    try:
        state: dict[str, Any] = json.loads(layout.state_file.read_text())
    except FileNotFoundError:
        return None
    return state if state["pid"] == owner_of(layout) else None


def read_state(layout: Layout) -> dict[str, Any]:
    """What runs on this folder: the stack's own state, with port and memory of each process."""
    state = state_of(layout)
    if state is None:
        return {"pid": owner_of(layout), "ready": False, "processes": []}
    running = Layout(layout.folder, int(state["port_base"]))
    with_sizes(state["processes"], running)
    return state


def with_sizes(processes: list[dict[str, Any]], layout: Layout) -> list[dict[str, Any]]:
    """The same processes, each with its port and its memory."""
    apart = [process["pid"] for process in processes]
    for process in processes:
        process["port"] = port_of(layout, process["name"])
        process["memory_bytes"] = memory_of(process["pid"], apart)
    return processes


def port_of(layout: Layout, process: str) -> int | None:
    """The port that bears the name of a process, if there is one."""
    return layout.port(process) if process in PORTS else None


def memory_of(pid: int | None, apart: Collection[int]) -> int | None:
    """Memory of a process and its children in bytes, without those listed `apart`: of what several share, its part."""
    if pid is None:
        return None
    try:
        return sum(_own_memory(process) for process in family(pid, apart))
    except psutil.Error:
        return None


def _own_memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(full, "pss", full.uss))


def table_of(state: dict[str, Any]) -> Table:
    """One line for each process."""
    table = Table("process", "state", "pid", "port", "restarts", "memory", box=None, pad_edge=False)
    for process in state["processes"]:
        memory = process["memory_bytes"]
        table.add_row(
            process["name"],
            process["state"],
            str(process["pid"] or "–"),
            str(process["port"] or "–"),
            str(process["restarts"]),
            f"{memory / 1_048_576:.0f} MB" if memory is not None else "–",
        )
    return table
