"""Thử lại: when a row whose attempt did not end well is tried again, and when it is tried no more by itself."""

from datetime import timedelta

from hub_messaging.breaker import PROBE_LONGEST_SECONDS, Breaker, jitter
from hub_messaging.clock import real_now
from hub_messaging.outcomes import OURS, Blocked, TryAgain
from hub_messaging.work import READY, SET_ASIDE, UNKNOWN, Settled, WorkRow

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 300.0
HOURLY_AFTER = timedelta(hours=24)
SET_ASIDE_AFTER = 8


def again(row: WorkRow, outcome: TryAgain | Blocked, breaker: Breaker) -> Settled:
    """A failure that other dossiers share is the lane's, and the row's own count does not grow."""
    if isinstance(outcome, Blocked) or outcome.reason in OURS:
        return _ready(row, outcome, row.own_failures, 0.0)
    if breaker.is_open:
        # The breaker says when; a row that waited longer would delay the recovery.
        return _ready(row, outcome, row.own_failures, jitter.uniform(0, PROBE_LONGEST_SECONDS))
    if breaker.failed_in_a_row > 0:
        return _ready(row, outcome, row.own_failures, _pause_after(row, row.attempts + 1))
    return own_failure(row, outcome)


def own_failure(row: WorkRow, outcome: TryAgain) -> Settled:
    """It fails while others pass."""
    own = row.own_failures + 1
    if own >= SET_ASIDE_AFTER:
        return Settled(row, SET_ASIDE, outcome.reason, row.attempts + 1, own)
    return _ready(row, outcome, own, _pause_after(row, own))


def unclear(row: WorkRow, reason: str) -> Settled:
    """It is not tried again before somebody has found out."""
    return Settled(row, UNKNOWN, reason, row.attempts + 1, row.own_failures)


def _pause_after(row: WorkRow, failures: int) -> float:
    """Full jitter up to 5 minutes; hourly once the row is a day old."""
    wait = jitter.uniform(0, min(FIRST_WAIT_SECONDS * 2.0 ** min(failures, 12), LONGEST_WAIT_SECONDS))
    return max(wait, 3600.0) if real_now() - row.created_at > HOURLY_AFTER else wait


def _ready(row: WorkRow, outcome: TryAgain | Blocked, own: int, wait: float) -> Settled:
    if isinstance(outcome, TryAgain):
        wait = max(wait, outcome.after_seconds)
    return Settled(row, READY, outcome.reason, row.attempts + 1, own, wait)
