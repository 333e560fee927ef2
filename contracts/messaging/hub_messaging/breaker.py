"""Cầu dao: what the owner of a lane knows of it: what runs, whether the party answers, when to ask it again."""

import random
import time
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from hub_messaging.leases import Lease
from hub_messaging.work import WorkRow

jitter = random.SystemRandom()

OPEN_AFTER = 5
AHEAD = 2
"""Times as many rows as calls are held: the next ones are there when calls end."""
MOST_UNWRITTEN = 256
"""So many outcomes of a lane may wait to be written; a kill then sends those rows again, under their keys."""
PROBE_FIRST_SECONDS, PROBE_LONGEST_SECONDS = 0.5, 5.0


def most_held(concurrency: int) -> int:
    """So many rows of a lane are in its owner's memory at most."""
    return AHEAD * concurrency + MOST_UNWRITTEN


@dataclass
class Breaker:
    """Opens when failures are shared by dossiers; lets one probe through at a time; closes on the first success."""

    failed_in_a_row: int = 0
    dossiers: set[UUID] = field(default_factory=set)
    openings: int = 0
    probe_at: float = 0.0
    why: str | None = None

    @property
    def is_open(self) -> bool:
        return self.why is not None

    def passed(self) -> bool:
        """A success; True when it closes the breaker."""
        was_open = self.is_open
        self.failed_in_a_row, self.openings, self.why = 0, 0, None
        self.dossiers.clear()
        return was_open

    def failed(self, dossier_id: UUID, why: str, *, at_once: bool = False) -> None:
        if self.is_open and time.monotonic() < self.probe_at:
            return  # begun before the breaker opened; it says nothing new
        self.failed_in_a_row += 1
        if len(self.dossiers) < 2:
            self.dossiers.add(dossier_id)
        shared = self.failed_in_a_row >= OPEN_AFTER and len(self.dossiers) > 1
        if at_once or shared or self.is_open:
            self.openings += 1
            self.why = why
            wait = min(PROBE_FIRST_SECONDS * 2.0 ** min(self.openings - 1, 10), PROBE_LONGEST_SECONDS)
            self.probe_at = time.monotonic() + wait * jitter.uniform(0.5, 1.0)


@dataclass
class Lane:
    """One owned lane, in its owner's memory. `lease`: None once another process has it."""

    name: str
    concurrency: int
    lease: Lease | None = None
    breaker: Breaker = field(default_factory=Breaker)
    held: dict[UUID, WorkRow] = field(default_factory=dict)
    """Rows in this memory: waiting, being sent, or ended and not written yet."""
    waiting: deque[WorkRow] = field(default_factory=deque)
    """Rows that go out as soon as a call ends, without a look into the database in between."""
    calls: int = 0
    not_before: float = 0.0
    """The party asked for quiet until then (Retry-After)."""
    refused_in_a_row: int = 0
    last_refusal: str = ""

    @property
    def asks_again_at(self) -> float:
        """From when on the lane may send again by itself: a probe is due, a quiet time is over."""
        return max(self.breaker.probe_at if self.breaker.is_open else 0.0, self.not_before)

    def room(self, now: float) -> int:
        """How many more rows may be held now."""
        if self.lease is None or now < self.not_before:
            return 0
        if self.breaker.is_open and self.concurrency > 0:
            return 1 if now >= self.breaker.probe_at and not self.held else 0
        ahead = AHEAD * self.concurrency - self.calls - len(self.waiting)
        return max(0, min(ahead, most_held(self.concurrency) - len(self.held)))

    def hold(self, row: WorkRow) -> None:
        """Takes a row into this memory."""
        self.held[row.id] = row
        self.waiting.append(row)

    def next_call(self) -> WorkRow | None:
        """The row whose turn it is, if the party may be called now."""
        if self.lease is None:  # lost while the rows were looked for: an outcome told so
            self.let_go()
        if not self.waiting or self.calls >= self.concurrency:
            return None
        self.calls += 1
        return self.waiting.popleft()

    def let_go(self) -> None:
        """What waits here is no longer ours to send, or not now: it is due in the database, as before."""
        for row in self.waiting:
            del self.held[row.id]
        self.waiting.clear()

    def refusal_is_shared(self, reason: str | None) -> bool:
        """Counts equal refusals in a row (None: another outcome): from the fifth on the lane is wrong, not the row."""
        if reason is None:
            self.refused_in_a_row, self.last_refusal = 0, ""
            return False
        self.refused_in_a_row = self.refused_in_a_row + 1 if reason == self.last_refusal else 1
        self.last_refusal = reason
        return self.refused_in_a_row >= 5
