"""Giới hạn lượt gọi: how many requests a second one calling system may send to this process.

A bucket of tokens for each subject, in memory: it holds two seconds' worth, and a request takes one. Each process
counts for itself, so behind n of them a system has up to n times as much. It keeps one party's loop from becoming
everybody's trouble; it is no means of charging. Single systems may have limits of their own, in a file. Answers of 429
carry the fields of draft-ietf-httpapi-ratelimit-headers.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hub_web.problems import Problem, problem_type
from hub_web.watched_file import WatchedFile

TOO_MANY_REQUESTS = problem_type("too-many-requests", 429, "Gọi quá nhiều lần trong một giây")
KEPT_SUBJECTS = 4_096
BURST_SECONDS = 2
MOST_PER_SECOND, MOST_LIMITS = 100_000, 10_000
_NOBODYS: Mapping[str, int] = MappingProxyType({})


def read_limits(file: Path) -> Mapping[str, int]:
    """A JSON object: a token's `sub` → its requests a second. Raises OSError, and ValueError naming the place."""
    try:
        said = json.loads(file.read_bytes(), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "no JSON"
        raise ValueError(f"{file.name}: {why}") from None
    if not isinstance(said, dict) or len(said) > MOST_LIMITS:
        raise ValueError(f"{file.name}: must be an object of up to {MOST_LIMITS} systems")
    for number, (subject, limit) in enumerate(said.items(), 1):
        if not subject.strip() or type(limit) is not int or not 1 <= limit <= MOST_PER_SECOND:
            raise ValueError(f"{file.name}: entry {number}: must be a name and a whole number, 1 to {MOST_PER_SECOND}")
    return said


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(said := dict(pairs)) < len(pairs):
        raise ValueError("a system stands there twice")
    return said


class Rates:
    """Limits each subject to `per_second` requests, or to its own limit, and twice as many at once."""

    def __init__(
        self,
        per_second: int,
        own: Callable[[], Mapping[str, int]] = lambda: _NOBODYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._own = own
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Subject → tokens left, and when they were counted. The one heard of first is forgotten first."""

    def take(self, subject: str) -> None:
        """One request of `subject`. Raises Problem `too-many-requests`."""
        now = self._clock()
        per_second = self._own().get(subject, self._per_second)
        most = float(per_second * BURST_SECONDS)
        left, counted_at = self._buckets.get(subject, (most, now))
        left = min(most, left + (now - counted_at) * per_second)
        if left < 1:
            self._buckets[subject] = (left, now)
            raise _refusal(per_second, (1 - left) / per_second)
        if subject not in self._buckets and len(self._buckets) >= KEPT_SUBJECTS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[subject] = (left - 1, now)


def rates_of(per_second: int, limits_file: Path | None) -> Rates:
    """The limits that the settings describe. Raises OSError and ValueError for a file that can't be used."""
    return Rates(per_second) if limits_file is None else Rates(per_second, WatchedFile(limits_file, read_limits).now)


def _refusal(per_second: int, seconds: float) -> Problem:
    wait = max(1, math.ceil(seconds))
    return Problem(
        TOO_MANY_REQUESTS,
        f"Mã truy cập này được gọi {per_second} lần mỗi giây.",
        next_step="Đợi theo Retry-After rồi gửi lại, giữ nguyên khóa; nhiều hồ sơ thì gửi POST /v1/dossiers/bulk.",
        headers={
            "Retry-After": str(wait),
            "RateLimit-Policy": f'"caller";q={per_second * BURST_SECONDS};w={BURST_SECONDS}',
            "RateLimit": f'"caller";r=0;t={wait}',
        },
    )
