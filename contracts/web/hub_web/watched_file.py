"""A file that people mend while the service runs: read again when it has changed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")
LOOK_SECONDS = 1.0


class WatchedFile(Generic[T]):
    """What `read` makes of `file`, looked at once a second.

    At the start a file that can't be used is an error (OSError, ValueError); later it is logged, and what was known
    stays.
    """

    def __init__(self, file: Path, read: Callable[[Path], T]) -> None:
        self._file = file
        self._read = read
        self._seen = self._stamp()
        self._value = read(file)
        self._next_look = time.monotonic() + LOOK_SECONDS

    def now(self) -> T:
        """What the file says now."""
        if time.monotonic() >= self._next_look:
            self._look()
        return self._value

    def _look(self) -> None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
            self._value = self._read(self._file)
        except (OSError, ValueError) as error:
            log.warning("file_not_read_again", file=self._file.name, why=str(error))
        else:
            log.info("file_read_again", file=self._file.name)

    def _stamp(self) -> tuple[int, int, int]:
        stat = self._file.stat()
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
