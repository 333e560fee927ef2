"""Giới hạn lượt gọi: how many requests a second one calling system may send to this process.

A bucket of tokens for each subject, in memory: it holds two seconds' worth, and a request takes one. Each process
counts for itself, so behind n of them a system has up to n times as much. It keeps one party's loop from becoming
everybody's trouble; it is no means of charging. Answers of 429 carry the fields of
draft-ietf-httpapi-ratelimit-headers.
"""

import math
import time
from collections.abc import Callable

from hub_web.problems import Problem, problem_type

TOO_MANY_REQUESTS = problem_type("too-many-requests", 429, "Gọi quá nhiều lần trong một giây")
KEPT_SUBJECTS = 4_096
BURST_SECONDS = 2


class Rates:
    """Limits each subject to `per_second` requests, and twice as many at once."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._most = float(per_second * BURST_SECONDS)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Subject → tokens left, and when they were counted. The one heard of first is forgotten first."""

    def take(self, subject: str) -> None:
        """One request of `subject`. Raises Problem `too-many-requests`."""
        now = self._clock()
        left, counted_at = self._buckets.get(subject, (self._most, now))
        left = min(self._most, left + (now - counted_at) * self._per_second)
        if left < 1:
            self._buckets[subject] = (left, now)
            raise self._refusal((1 - left) / self._per_second)
        if subject not in self._buckets and len(self._buckets) >= KEPT_SUBJECTS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[subject] = (left - 1, now)

    def _refusal(self, seconds: float) -> Problem:
        wait = max(1, math.ceil(seconds))
        return Problem(
            TOO_MANY_REQUESTS,
            f"Mã truy cập này được gọi {self._per_second} lần mỗi giây.",
            next_step="Đợi theo Retry-After rồi gửi lại, giữ nguyên khóa; nhiều hồ sơ thì gửi POST /v1/dossiers/bulk.",
            headers={
                "Retry-After": str(wait),
                "RateLimit-Policy": f'"caller";q={self._per_second * BURST_SECONDS};w={BURST_SECONDS}',
                "RateLimit": f'"caller";r=0;t={wait}',
            },
        )
