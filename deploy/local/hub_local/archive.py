"""Tệp sao lưu: one tar file with a manifest that names every member, its size and its SHA-256.

Nothing of a file is used before all of it has been read and agrees with its manifest.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from hub_local.layout import SERVICES, StackNotUsable

FORMAT = "mot-cua-hub backup 1"
MANIFEST = "manifest.json"
MEMBER = re.compile(
    rf"databases/({'|'.join(SERVICES)})\.dump|keys/[a-z][a-z0-9.-]*|files/[0-9a-f]{{2}}/[0-9a-f]{{32}}|clock\.json"
)
"""What a backup may hold; anything else makes it a foreign file."""
CHUNK = 1024 * 1024


def pack(folder: Path, about: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """Writes every file of `folder` into `target`, in full or not at all; the manifest. Readable by its owner only.

    Until it is whole it lies in `folder`, which must be on the same disk.
    """
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    manifest = {"format": FORMAT, **about, "files": {name: _digest(folder / name) for name in names}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False))
    fresh = folder / "whole.new"
    with os.fdopen(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as stream:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in (MANIFEST, *names):
                tar.add(folder / name, name, recursive=False)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, target)
    return manifest


def unpack(file: Path, folder: Path) -> dict[str, Any]:
    """Writes what `file` holds into `folder` and returns the manifest.

    Raises StackNotUsable for a file that is damaged, incomplete or no backup of this hub.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = _manifest(file, tar)
            found = {member.name: _extract(file, tar, member, folder) for member in tar if member.name != MANIFEST}
    except (tarfile.TarError, EOFError) as error:
        raise StackNotUsable(f"{file.name} is damaged or no backup: {error}. Take another backup file.") from None
    except OSError as error:
        raise StackNotUsable(f"{file} can't be read: {error.strerror or error}") from None
    wanted = manifest["files"]
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            trouble = "is missing" if name not in found else "does not agree with the manifest"
            raise StackNotUsable(f"{file.name} is damaged: {name} {trouble}. Take another backup file.")
    return manifest


def _manifest(file: Path, tar: tarfile.TarFile) -> dict[str, Any]:
    foreign = StackNotUsable(f"{file.name} is no backup of this hub ({FORMAT!r}); `hub backup` makes one")
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isfile():
        raise foreign
    try:
        manifest: dict[str, Any] = json.loads(_stream(tar, first).read())
    except ValueError:
        raise StackNotUsable(f"{file.name} is damaged: its manifest can't be read. Take another backup file.") from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != FORMAT:
        raise foreign
    if missing := [name for name in SERVICES if f"databases/{name}.dump" not in files]:
        raise StackNotUsable(f"{file.name} is incomplete: it holds no database of {', '.join(missing)}")
    return manifest


def _extract(file: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> dict[str, Any]:
    if not member.isfile() or not MEMBER.fullmatch(member.name):
        raise StackNotUsable(f"{file.name} holds what no backup of this hub does: {member.name[:80]!r}")
    place = folder / member.name
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        source = _stream(tar, member)
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            output.write(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    assert stream is not None, "a regular file has content"
    return stream


def _digest(file: Path) -> dict[str, Any]:
    with open(file, "rb") as stream:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
