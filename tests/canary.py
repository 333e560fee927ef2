"""Chim hoàng yến: an invented person, planted where something personal may stand, and looked for where nothing may."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from hub_local.layout import SERVICES, Layout

NAME, PERSONAL_ID, PHONE = "Canary Thị Bạch Yến", "001987654321", "0912987654"
PLANTED: Final = (NAME, "Canary", "Bạch Yến", PERSONAL_ID, PHONE, "84912987654", "912987654")
"""In parts too: a body that is quoted as it came has escapes (`\\u1ecb`) or a sign to the number."""


def found_in(text: str | bytes) -> list[str]:
    """Which planted values `text` holds."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return [value for value in PLANTED if value.encode() in raw]


def told_in_files(layout: Layout) -> list[str]:
    """The stack's files that hold what was planted: logs by their text, all others by their names."""
    named = [name for _, *names in os.walk(layout.folder) for name in chain(*names) if found_in(name)]
    return named + [file.name for file in log_files(layout.logs) if found_in(file.read_bytes())]


def log_files(folder: Path) -> Iterator[Path]:
    """Every log of the stack, PostgreSQL's and Kafka's and those put aside too."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {f"{service}.log" for service in SERVICES} < {file.name for file in files}
    yield from files
