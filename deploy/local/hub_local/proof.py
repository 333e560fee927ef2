"""Bằng chứng: what must be true of every accepted dossier, whatever happened: nothing lost, nothing done twice.

Looked at from outside: effects where they arrive, in the ledger of the other side; facts in intake's timeline, which
gathers them from all topics; dossiers in intake's own table; what is left to do in each service's tables.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from hub_local.front_door import FrontDoor
from hub_local.layout import SERVICES, Layout
from hub_local.postgres import database_url

TOLD: Mapping[str, int] = {"handover lead": 1, "sms accepted": 1, "sms completed": 1}
"""What the other side gets of a dossier that is accepted and completed."""
FACTS: Mapping[str, int] = dict.fromkeys(
    (
        "accepted",
        "routed",
        "handed_over",
        "completed",
        "clock_started",
        "clock_stopped",
        "sent accepted:1",
        "sent completed:1",
    ),
    1,
)
"""What the timeline tells of it."""
AT_THE_DESK = (
    "submitted",
    "supplement_requested",
    "supplement_received",
    "withdrawal_requested",
    "stopped",
    "desk_step_recorded",
    "fee_paid",
    "corrected",
    "finished_on_the_spot",
    "result_returned",
    "sent supplement:1",
    "sent stopped:1",
    "sent late:2",
)
"""What the timeline tells of those that go another way at the desk."""
LATE, TOLD_LATE, FACT_TOLD_LATE = "missed", "sms late", "sent late:1"
"""A missed deadline: the fact, the message that the gateway then gets, and the fact that it got it."""
WATCHED = frozenset({*FACTS, *AT_THE_DESK, LATE, FACT_TOLD_LATE})
"""Facts that come as often as they are wanted; how often an agency speaks of a step is its own affair."""
EFFECTS = ("sms ", "handover ", "supplement ")
"""How the words for an effect begin."""
PAGE = 10_000


@dataclass(slots=True)
class Wanted:
    """What must be true of one dossier: effects, facts and its phase; as it stands, of one that is completed.

    `may`: what may have happened besides, how often: it was under way when the desk did something else.
    """

    effects: Counter[str] = field(default_factory=lambda: Counter(TOLD))
    words: Counter[str] = field(default_factory=lambda: Counter(FACTS))
    may: Counter[str] = field(default_factory=Counter)
    phase: str = "completed"

    def also(self, *words: str, phase: str | None = None) -> None:
        """One more of each: facts, and the effects among them."""
        self.effects.update(word for word in words if word.startswith(EFFECTS))
        self.words.update(word for word in words if not word.startswith(EFFECTS))
        self.phase = phase or self.phase

    def perhaps(self, *words: str) -> None:
        """Something has overtaken these: they need not have happened."""
        self.effects.subtract(word for word in words if word.startswith(EFFECTS))
        self.words.subtract(word for word in words if not word.startswith(EFFECTS))
        self.may.update(words)

    def only(self, *words: str, phase: str, may: Iterable[str] = ()) -> None:
        """Nothing else than these."""
        self.effects.clear()
        self.words.clear()
        self.may = Counter(may)
        self.also(*words, phase=phase)


@dataclass(frozen=True, slots=True)
class Seen:
    """One dossier from outside: effects at the other side, facts on the timeline, each with how often."""

    effects: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    wanted: Wanted = field(default_factory=Wanted)

    def lost(self, *, late: bool = False) -> list[str]:
        """What did not happen; `late`: its deadline is known to have been missed."""
        effects, words = _expected(self, late=late)
        return [f"{what} is missing" for what in (*(effects - self.effects), *(words - self.words))]

    def doubled(self) -> list[str]:
        """What happened more often than it must."""
        effects, words = _expected(self, late=False)
        effects[TOLD_LATE] = words[FACT_TOLD_LATE] = words[LATE]
        effects, words = effects + self.wanted.may, words + self.wanted.may
        facts = Counter({word: self.words[word] for word in WATCHED})
        more = [(self.effects, effects, what) for what in self.effects - effects]
        more += [(facts, words, what) for what in facts - words]
        return [f"{what}: {seen[what]} times instead of {wanted[what]}" for seen, wanted, what in more]


def _expected(seen: Seen, *, late: bool) -> tuple[Counter[str], Counter[str]]:
    effects, words = Counter(seen.wanted.effects), Counter(seen.wanted.words)
    if not seen.wanted.may[LATE] and (late or seen.words[LATE]):
        words[LATE] = 1  # told, too, unless notify knew of the result before
    return effects, words


def words_of(steps: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """A timeline in words: `accepted`, `routed`, …, `clock_started`, `sent accepted:1`, `unreached late:1`."""
    words: Counter[str] = Counter()
    for step in steps:
        word = step["type"].split(".")[1]
        facts = step["facts"]
        words[f"{word} {facts['duty']}:{facts.get('occasion', 1)}" if "duty" in facts else word] += 1
    return words


class Witness:
    """Looks at a running stack from outside."""

    def __init__(self, layout: Layout, passwords: dict[str, str], door: FrontDoor) -> None:
        self._layout = layout
        self._passwords = passwords
        self._door = door

    async def timeline(self, dossier_id: str) -> list[dict[str, Any]]:
        """The steps of intake's timeline."""
        found: list[dict[str, Any]] = (await self._door.get("intake", f"/v1/dossiers/{dossier_id}/timeline"))["steps"]
        return found

    async def effects_after(self, number: int) -> dict[str, Counter[str]]:
        """By dossier, what reached the other side after effect `number`."""
        found: dict[str, Counter[str]] = {}
        while True:
            page = await self._door.sandbox(f"/ledger/effects?after={number}&limit={PAGE}")
            for effect in page["effects"]:
                found.setdefault(effect["dossier_id"], Counter())[f"{effect['kind']} {effect['duty']}"] += 1
            if not page["effects"]:
                return found
            number = page["after"]

    async def callbacks(self) -> list[dict[str, Any]]:
        """Every message of an agency, in the order in which they were planned."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self._door.sandbox(f"/ledger/callbacks?after={len(found)}&limit={PAGE}")
            if not page["callbacks"]:
                return found
            found += page["callbacks"]

    async def number_of_effects(self) -> int:
        """How many effects the ledger holds."""
        return sum((await self._door.sandbox("/ledger/summary"))["effects"].values())

    async def leftovers(self, *, dead: bool = False) -> dict[str, dict[str, int]]:
        """By service, what it has still to do, counted in its tables; `dead`: dead letters are meant to be there."""
        return {service: await self._left_in(service, dead=dead) for service in SERVICES}

    async def _left_in(self, service: str, *, dead: bool) -> dict[str, int]:
        async with self.database(service) as connection:
            left = {
                "unsent": await connection.fetchval("SELECT count(*) FROM outbox_pending"),
                "waiting": await connection.fetchval("SELECT count(*) FROM refused_record WHERE state = 'waiting'"),
            }
            if not dead:
                left["dead"] = await connection.fetchval("SELECT count(*) FROM refused_record WHERE state = 'dead'")
            if service in ("routing", "notify"):
                left["work"] = await connection.fetchval("SELECT count(*) FROM work WHERE state <> 'done'")
        return left

    async def count_dossiers(self) -> int:
        """How many dossiers intake's register holds."""
        async with self.database("intake") as connection:
            found: int = await connection.fetchval("SELECT count(*) FROM dossier")
        return found

    def deadlocks(self) -> int:
        """How many deadlocks PostgreSQL had to end, by its log."""
        log = self._layout.logs / "postgres.log"
        return log.read_text(errors="replace").count("deadlock detected")

    @asynccontextmanager
    async def database(self, service: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """A connection to one service's database, as its role."""
        connection = await asyncpg.connect(database_url(self._layout, self._passwords, service), timeout=10)
        try:
            yield connection
        finally:
            await connection.close()
