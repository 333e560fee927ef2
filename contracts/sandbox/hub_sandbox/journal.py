"""An append-only file of JSON lines that survives a kill of its process: what was waited for is in it.

Lines are gathered for at most 2 ms and written by one system call; a machine's crash may lose the last ones.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

GATHER_SECONDS = 0.002


class Journal:
    """Opens (or creates) `file`; None: nothing is remembered and `written` returns at once."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._waiting: list[bytes] = []
        self._wait_for_it: list[asyncio.Future[None]] = []
        self._descriptor: int | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._cut_unfinished_line()

    def read(self) -> Iterator[Any]:
        """Every line so far, oldest first."""
        if self._file is not None:
            with self._file.open("rb") as lines:
                for line in lines:
                    yield orjson.loads(line)

    def add(self, line: dict[str, Any]) -> None:
        """Takes `line`; it is in the file when a later `written` returns."""
        if self._descriptor is None:
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._write)
        self._waiting.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    async def written(self) -> None:
        if self._waiting:
            written = asyncio.get_running_loop().create_future()
            self._wait_for_it.append(written)
            await written

    def clear(self) -> None:
        """Forgets everything."""
        self._write()
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        self._write()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self) -> None:
        if self._waiting and self._descriptor is not None:
            lines = b"".join(self._waiting)
            self._waiting.clear()
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]
        waited, self._wait_for_it = self._wait_for_it, []
        for written in waited:
            if not written.done():
                written.set_result(None)

    def _cut_unfinished_line(self) -> None:
        assert self._file is not None
        assert self._descriptor is not None
        content = self._file.read_bytes()
        os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)
