"""Nơi lưu tệp: objects by id, in a folder or in S3 (obstore, loaded with the first file).

A folder's objects are on the disk when `put` returns: obstore renames them into place, but leaves the rest to chance.
S3 takes its credentials from AWS_* in the environment.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog

from services.intake.domain.files.file_refusals import FileDamaged, StorageAway, StorageFull

log = structlog.get_logger(__name__)

LISTED_AT_ONCE = 1000
CLIENT: dict[str, Any] = {"connect_timeout": "5s", "timeout": "30s"}
RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
"""Of S3: a sender waits for it, and can go on later."""
_FULL = ("StorageFull", "QuotaExceeded", "os error 28", "os error 122")
"""How obstore's errors name a disk without room, or a user's share of it."""

_NO_BUCKET = "NoSuchBucket"
"""S3's word in an answer of 404: not one object is away but the place itself."""


class Objects:
    """Puts, gets, deletes and lists objects. Raises StorageFull, StorageAway, FileDamaged (an object isn't there)."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None

    @cached_property
    def _store(self) -> Any:
        from obstore.store import LocalStore, from_url

        if self._folder is None:
            plain = {"allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"}
            options: Any = {"client_options": {**CLIENT, **plain}, "retry_config": RETRY}
            return from_url(self._url, **(options if self._url.startswith("s3:") else {}))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStore(self._folder)

    async def put(self, object_id: UUID, content: bytes | bytearray) -> None:
        """The object is there, whole and for good, or not at all."""
        import obstore

        with _as_refusals():
            await obstore.put_async(self._store, _key(object_id), content, use_multipart=False)
            if self._folder is not None:
                await asyncio.to_thread(_onto_the_disk, self._folder / _key(object_id), self._folder)

    async def get(self, object_id: UUID, start: int, length: int) -> bytes:
        import obstore

        with _as_refusals():
            return bytes(await obstore.get_range_async(self._store, _key(object_id), start=start, length=length))

    async def delete(self, object_ids: Sequence[UUID]) -> None:
        """One that isn't there is no error."""
        import obstore

        keys = [_key(object_id) for object_id in object_ids]
        # A folder's are deleted one by one, for a missing one ends the call; S3 takes many at once and minds none.
        for some in keys if self._folder is not None else [keys] if keys else []:
            with suppress(FileDamaged), _as_refusals():
                await obstore.delete_async(self._store, some)

    async def listed(self) -> AsyncIterator[list[tuple[UUID, datetime]]]:
        """Every object with the time of its writing, many at once; what isn't ours is left out."""
        if self._folder is not None and not self._folder.exists():
            return  # no file yet: obstore's 4 MB need not be loaded to see that
        import obstore

        with _as_refusals():
            async for found in obstore.list(self._store, chunk_size=LISTED_AT_ONCE):
                yield [(UUID(name), one["last_modified"]) for one in found if (name := _name_of(one["path"]))]

    def drop_torn(self, older_than_seconds: float) -> int:
        """Removes what a killed process has left half-written in a folder; obstore doesn't list it. How many."""
        gone = 0
        if self._folder is not None:
            for torn in self._folder.glob("??/*#*"):
                with suppress(FileNotFoundError):
                    if time.time() - torn.stat().st_mtime > older_than_seconds:
                        torn.unlink()
                        gone += 1
        return gone


def _key(object_id: UUID) -> str:
    """Spread over 256 folders by its last two digits: the first ones are the time."""
    return f"{object_id.hex[-2:]}/{object_id.hex}"


def _name_of(path: str) -> str | None:
    folder, _, name = path.rpartition("/")
    with suppress(ValueError):
        if UUID(name).hex == name and name[-2:] == folder[-2:]:
            return name
    return None


def _onto_the_disk(file: Path, folder: Path) -> None:
    """The file, its name in its folder, and that folder's name."""
    for place in (file, file.parent, folder):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _as_refusals() -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET in str(error):
            log.critical("file_bucket_missing")
            raise StorageAway from None
        raise FileDamaged from None
    except (BaseError, OSError) as error:
        refusal = StorageFull if any(word in str(error) for word in _FULL) else StorageAway
        log.warning("file_storage_trouble", refusal=refusal.__name__, trouble=type(error).__name__)
        raise refusal from None
