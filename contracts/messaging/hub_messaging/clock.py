"""Giờ nghiệp vụ: the one source of business time.

Business time (receipt, due, timers, callbacks) may run ahead of or behind the machine's clock in a demo or a
test: a small file, `{"offset_seconds": 86400.0}`, is read by every process. Retries, leases, tokens, signatures
and retention use real time (`real_now`), never this clock.
"""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
POLL_SECONDS = 0.2


def real_now() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


class Clock:
    """Business time = real time + the offset in `file` (none: no offset). The file is looked at every 0.2 s."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._offset = timedelta()
        self._seen: tuple[int, int] | None = None
        self._next_look = 0.0

    def now(self) -> datetime:
        """Business time now, aware, UTC. Raises ValueError when the offset file can't be understood."""
        if self._file is not None and time.monotonic() >= self._next_look:
            self._look()
        return real_now() + self._offset

    def _look(self) -> None:
        assert self._file is not None
        self._next_look = time.monotonic() + POLL_SECONDS
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            self._offset, self._seen = timedelta(), None
            return
        if (stat.st_mtime_ns, stat.st_ino) != self._seen:
            self._offset = read_offset(self._file)
            self._seen = (stat.st_mtime_ns, stat.st_ino)


def read_offset(file: Path) -> timedelta:
    """The offset that `file` holds. Raises ValueError when it holds none."""
    try:
        return timedelta(seconds=float(json.loads(file.read_text())["offset_seconds"]))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{file.name} is not a clock file: expected {{'offset_seconds': number}}") from error


def set_business_time(file: Path, business_now: datetime) -> None:
    """Moves the business clock of every process that reads `file` to `business_now`."""
    offset = (business_now - real_now()).total_seconds()
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps({"offset_seconds": offset}))
    os.replace(fresh, file)
