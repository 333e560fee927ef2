"""Kết quả của một lần gửi: what became of one attempt at an outside party.

Sent        the party took it.
TryAgain    time-out, connection trouble, 5xx, 408, 425, 429: again later (full jitter, or the longer Retry-After).
Refused     the party will not take this one: final, to its owner's list.
Blocked     3xx, 401, 403, 404, 405: nothing of this lane can work: the lane opens, the row waits.
Unknown     it may or may not have been taken, and the party makes an effect of every request: not sent again unless
            somebody finds out that it was not (see `hub_messaging.unknown`).
"""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from hub_messaging.clock import real_now

RETRY_AFTER_LIMIT_SECONDS = 3600.0
NOT_BEGUN: Final = "not-begun"
BEGUN_BEFORE: Final = "begun-before"
NOT_RECORDED: Final = "not-recorded"
PROCESS_ENDED: Final = "process-ended"
NOT_TAKEN: Final = frozenset(
    {NOT_BEGUN, "no-connection", "address-unusable", "http-408", "http-425", "http-429", "http-503"}
)
"""Reasons to try again that say for certain that the party took nothing; any other may hide an effect."""

OURS: Final = frozenset({NOT_BEGUN, BEGUN_BEFORE, NOT_RECORDED})
"""Reasons that lie with us: the party has failed in nothing, nor has the row."""

SHARED: Final = " again and again"
"""Follows the reason of a refusal that was repeated until it was the lane's."""
MAY_BE_TAKEN: Final = (
    "^(timeout|connection-broken|answer-unreadable|bug"
    f"|{NOT_RECORDED}|{PROCESS_ENDED}|http-409({SHARED})?|http-5(0[0-24-9]|[1-9][0-9]))$"
)
"""Reasons that may hide an effect, as a pattern: of the others it is certain that they don't.

A conflict may say that the party has it already.
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """The party took it. `detail`: what it answered that the service needs (its own number)."""

    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    reason: str
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """`alone`: the refusal says nothing about the lane's other rows, however often it is repeated."""

    reason: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Blocked:
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    reason: str


Outcome = Sent | TryAgain | Refused | Blocked | Unknown


def classify(status: int, retry_after: str | None) -> Outcome | None:
    """What an HTTP status means for the row; None for 2xx (the caller reads the body)."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400 or status in (401, 403, 404, 405):
        return Blocked(f"http-{status}")
    if status in (408, 425, 429) or status >= 500:
        return TryAgain(f"http-{status}", _seconds(retry_after))
    return Refused(f"http-{status}")


def without_a_key(outcome: Outcome) -> Outcome:
    """The same outcome at a party that makes an effect of every request: what is not certain is not sent again."""
    if isinstance(outcome, TryAgain) and outcome.reason not in NOT_TAKEN:
        return Unknown(outcome.reason)
    return outcome


def _seconds(retry_after: str | None) -> float:
    """Retry-After, in seconds or as a date (RFC 9110 §10.2.3); unreadable: 0."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdecimal():
        return min(float(retry_after), RETRY_AFTER_LIMIT_SECONDS)
    try:
        ahead = (parsedate_to_datetime(retry_after) - real_now()).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return 0.0
    return min(max(ahead, 0.0), RETRY_AFTER_LIMIT_SECONDS)
