"""The secrets shared with routing, from its endpoints file; looked at again when the file changes."""

import json
import time
from pathlib import Path

from hub_web.signatures import secret_key

LOOK_SECONDS = 1.0


class Secrets:
    """Agency code → secrets, with `*` for every other. Raises ValueError when the file can't be understood."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._next_look = 0.0
        self._seen: tuple[int, int] | None = None
        self._secrets: dict[str, list[str]] = {}
        self._look()

    def of(self, agency: str) -> list[str]:
        """The secrets that are good for `agency`; the first one is signed with."""
        if time.monotonic() >= self._next_look:
            self._look()
        return self._secrets.get(agency) or self._secrets.get("*", [])

    def first_of(self, agency: str) -> str | None:
        return next(iter(self.of(agency)), None)

    def _look(self) -> None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        stat = self._file.stat()
        if (stat.st_mtime_ns, stat.st_ino) != self._seen:
            self._secrets = _read(self._file)
            self._seen = (stat.st_mtime_ns, stat.st_ino)


def _read(file: Path) -> dict[str, list[str]]:
    try:
        secrets = {code: list(endpoint["secrets"]) for code, endpoint in json.loads(file.read_text()).items()}
        for known in secrets.values():
            for secret in known:
                secret_key(secret)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file.name} is not an endpoints file with secrets") from error
    return secrets
