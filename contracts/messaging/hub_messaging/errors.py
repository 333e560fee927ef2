"""What can go wrong with one record, sorted by what happens next.

NotYet            reference data it needs is not here: kept, tried again by time; an alarm after 10 minutes.
CannotProcess     this record never will: a dead letter with the reason, in the same transaction.
(anything else)   a bug: once more, then a dead letter `bug`; many in a row stop the reader with an alarm.
LostLease         another process owns this role now: what was not committed is dropped.
EventTooLarge     a record above 512 KB is refused before the commit.
"""


class HubError(Exception):
    """Base of the hub's own errors. `reason` is a stable slug for programs, metrics and lists."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class NotYet(HubError):
    """The record needs something that is not here yet."""


class CannotProcess(HubError):
    """The record can never be processed as it is."""


class LostLease(HubError):
    """Another process has taken over roles: those in `names`."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__("lost-lease", ", ".join(sorted(names)))
        self.names = names


class EventTooLarge(HubError):
    """An event's bytes exceed what a topic takes."""
