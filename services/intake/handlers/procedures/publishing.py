"""What publications and withdrawals of procedures share: their unit of work, their counter, and a procedure's end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub_events.ids import derive_id
from hub_messaging.outbox import PublishReference
from hub_messaging.unit_of_work import Journal, Shelf
from services.intake.domain.procedures.publication import PROCEDURES, Head, NewVersion, ReferenceVersion, Seen
from services.intake.domain.procedures.withdrawal import Ending, Withdrawal
from services.intake.domain.reference.reference_events import withdrawal_event

COUNTERS, HEADS, SEEN, ENDINGS, WITHDRAWALS = "counters", "heads", "seen", "endings", "withdrawals"
"""The shelves, in the order in which their rows are locked: with the counter all of them follow one another."""


class PublishingWork(Protocol):
    """The unit of work of a publication."""

    now: datetime
    counters: Shelf[str, ReferenceVersion]
    heads: Shelf[str, Head]
    seen: Shelf[str, Seen]
    endings: Shelf[str, Ending]
    withdrawals: Shelf[UUID, Withdrawal]
    versions: Journal[NewVersion]
    publish_reference: PublishReference


def next_counter(uow: PublishingWork) -> ReferenceVersion:
    """The reference version of this transaction, once something is published."""
    return (uow.counters.get(PROCEDURES) or ReferenceVersion(PROCEDURES, 0)).next()


def newest_version(code: str, packaged: Mapping[str, int], uow: PublishingWork) -> int:
    """The version that counts now; 0: there is none. `packaged`: the newest of the packaged data, by code."""
    head = uow.heads.get(code)
    return max(head.version if head else 0, packaged.get(code, 0))


def say_ending(ending: Ending, version: int, uow: PublishingWork) -> None:
    """Keeps what stands of a procedure's end, and tells all. `version`: the last one that it is about."""
    uow.endings.put(ending.code, ending)
    event = withdrawal_event(ending, version, uow.now)
    uow.publish_reference(event, id=derive_id(ending.withdrawal, f"{event.key} {ending.edition}"))
