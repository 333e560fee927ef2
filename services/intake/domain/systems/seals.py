"""Niêm phong dòng thời gian: what is known of a seal, and what is wrong with the first thing that is wrong.

An entry's hash covers the step; a seal's chain covers the hashes of its entries and the chain of the seal before it.
So whoever wrote down one chain knows of every step up to it whether it is still there as it was.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

SEALED_AT_ONCE = 1_000
"""Steps in a seal; those that share the last one's transaction and event come with it."""


class Seal(NamedTuple):
    """One batch of steps, as others may write it down."""

    number: int
    sealed_at: datetime
    entries: int
    chain: bytes


class FaultKind(StrEnum):
    """What was done to the timeline."""

    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"
    INSERTED = "inserted"
    AHEAD = "ahead"
    SEAL_ALTERED = "seal-altered"
    SEAL_MISSING = "seal-missing"


class Fault(NamedTuple):
    """The first thing that is wrong. `entry`: its place in the seal, from 1; None: the seal, or a step not in it."""

    kind: FaultKind
    seal: int
    entry: int | None = None
    dossier_id: UUID | None = None
    event_id: UUID | None = None


class Finding(NamedTuple):
    """A seal held against the steps. `follows`: the one before it is there; places of entries count from 1."""

    seal: Seal
    follows: bool
    chained: bool
    removed: int | None
    changed: int | None
    moved: int | None
    erased: int
    between: int
    """Steps from behind the seal before to the end of this one, whether it names them or not."""


class Verdict(NamedTuple):
    """What a look at some seals found: the good ones up to the first fault."""

    good: list[Finding]
    fault: Fault | None


def judge(after: int, findings: Iterable[Finding]) -> Verdict:
    """Which of the seals behind number `after` hold, and what is wrong with the first that doesn't."""
    good: list[Finding] = []
    for expected, finding in enumerate(findings, start=after + 1):
        fault = _fault(expected, finding)
        if fault is not None:
            return Verdict(good, fault)
        good.append(finding)
    return Verdict(good, None)


def _fault(expected: int, found: Finding) -> Fault | None:
    number = found.seal.number
    if number != expected or not found.follows:
        return Fault(FaultKind.SEAL_MISSING, expected if number != expected else number - 1)
    if not found.chained:
        return Fault(FaultKind.SEAL_ALTERED, number)
    kinds = ((FaultKind.REMOVED, found.removed), (FaultKind.CHANGED, found.changed), (FaultKind.MOVED, found.moved))
    wrong = [(entry, kind) for kind, entry in kinds if entry is not None]
    if wrong:
        entry, kind = min(wrong)
        return Fault(kind, number, entry)
    if found.between != found.seal.entries:
        return Fault(FaultKind.INSERTED, number)
    return None
