"""Files that are either there in full or not at all, whenever the writer is killed; and folders held by one owner."""

import fcntl
import json
import os
import shutil
import time
from pathlib import Path
from typing import IO, Any

TRIES = 5


class Held(Exception):
    """Another process holds the lock; `owner` is what it wrote about itself."""

    def __init__(self, owner: dict[str, Any]) -> None:
        super().__init__("held by another process")
        self.owner = owner


def write_whole(file: Path, content: str, mode: int = 0o600) -> None:
    """Writes `content` to `file` at once: a reader or a crash sees the old content or the new one."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, file)


def put_in_place(fresh: Path, final: Path) -> None:
    """Gives a finished folder its final name, durably."""
    os.replace(fresh, final)
    parent = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def empty_folder(folder: Path, mode: int = 0o700) -> Path:
    """`folder`, new and empty: what an interrupted run left there is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=mode)
    return folder


class Lock:
    """An exclusive hold on a file, ended by the kernel when its holder dies: no stale lock is possible."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: IO[str] | None = None

    def take(self, owner: dict[str, Any]) -> None:
        """Takes the lock and writes `owner` into its file. Raises Held when someone else has it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        stream = open(self._file, "a+", encoding="utf-8")  # noqa: SIM115 - open as long as the lock is held
        for attempt in range(TRIES):
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt < TRIES - 1:
                    time.sleep(0.02)  # someone may just be asking who the owner is
        else:
            with stream:
                raise Held(_owner(stream))
        stream.truncate(0)
        stream.write(json.dumps(owner))
        stream.flush()
        self._stream = stream

    def owner(self) -> dict[str, Any] | None:
        """What the present holder wrote about itself; None when nobody holds the lock."""
        if not self._file.exists():
            return None
        with open(self._file, encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _owner(stream)
            return None

    def release(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _owner(stream: IO[str]) -> dict[str, Any]:
    stream.seek(0)
    try:
        owner = json.loads(stream.read())
    except ValueError:  # the holder has taken the lock and is about to write
        return {}
    return owner if isinstance(owner, dict) else {}
