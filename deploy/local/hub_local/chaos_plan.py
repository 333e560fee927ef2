"""Kế hoạch quấy phá: which disturbances come when: a function of the seed and the length alone.

Every kind comes once, then against every target in turns, in an order that the seed shuffles; two that hurt the same
target never overlap, others may. Now and then one comes that has the whole stack for itself, because an operator must
help.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from hub_local.layout import SERVICES

SERVERS = ("kafka", "postgres")
PROCESSES = (*SERVICES, "sandbox", *SERVERS)
SHARED = ("routing", "notify", "sla")
"""Services whose work a second process may take over."""
AGENCIES, GATEWAY = "*", "sms"
"""How the sandbox calls every agency, and the SMS gateway."""
GAP_SECONDS = (1.5, 4.0)
"""From the start of one disturbance to that of the next."""
CALM_SECONDS = 2.0
"""A target has so much time between two disturbances."""
FIRST_ALONE_SECONDS, ALONE_GAP_SECONDS = (20.0, 45.0), (50.0, 100.0)
"""Until the first disturbance that has everything for itself; from the end of one of them to the next."""

BAD_PARTIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "answers 503": {"down": "unavailable"},
        "never answers": {"down": "hold"},
        "cuts every connection": {"down": "reset"},
        "takes it, answers after the time-out": {"late_answer_seconds": 12},
        "fails four times": {"fail_times": 4},
        "turns us away (403)": {"refuse_status": 403},
        "asks for patience (429)": {"refuse_status": 429},
        "is slow by 2 s": {"answer_seconds": 2},
        "calls back twice": {"completed": "twice"},
        "calls back twice under other ids": {"completed": "twice_with_another_id"},
        "calls back in the wrong order": {"steps": True, "out_of_order": True},
    }
)
"""How a party turns bad, and what the sandbox is told for it."""
ANSWERS_WRONGLY = ("calls back twice", "calls back twice under other ids", "calls back in the wrong order")
CLOCK_STEPS_HOURS = (2.0, -1.0, 30.0, -20.0, 0.02, -0.02)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to hurt: whom, for how many seconds, and in which of several manners."""

    name: str
    targets: Sequence[str]
    seconds: tuple[float, float] = (0.0, 0.0)
    manners: Sequence[str] = ("",)


KINDS = (
    Kind("kill", PROCESSES),
    Kind("freeze", PROCESSES, (0.5, 2.5)),
    Kind("freeze past its leases", SERVICES, (4.0, 8.0)),
    Kind("overtake", SHARED, (12.0, 15.0)),
    Kind("twin", SERVICES, (4.0, 8.0)),
    Kind("restart", SERVERS),
    Kind("away", (*SERVERS, "sandbox"), (3.0, 10.0)),
    Kind("cut", (*SERVERS, "sandbox")),
    Kind("silence", (*SERVERS, "sandbox"), (1.0, 6.0)),
    Kind("sessions ended", SERVICES),
    Kind("crawl", SERVERS, (3.0, 6.0)),
    Kind("disk full", SERVERS, (3.0, 6.0)),
    Kind("import cut", ("intake",), (4.0, 4.0), ("many at once", "procedures", "directory", "forms", "old book")),
    Kind("told again", ("topics",), manners=("same ids", "new ids")),
    Kind("clock step", ("clock",), manners=tuple(f"{hours:+g} h" for hours in CLOCK_STEPS_HOURS)),
    Kind("bad party", (AGENCIES,), (3.0, 8.0), tuple(BAD_PARTIES)),
    Kind("bad party", (GATEWAY,), (3.0, 8.0), tuple(name for name in BAD_PARTIES if name not in ANSWERS_WRONGLY)),
)
ALONE = (
    Kind("position lost", SERVICES, (40.0, 40.0), ("before the begin", "behind the end")),
    Kind("topic deleted", SERVICES, (40.0, 40.0)),
    Kind("restored", ("hub",), (60.0, 60.0), ("Kafka is ahead", "Kafka is lost")),
    Kind("down until it rings", ("kafka",), (80.0, 80.0)),
    Kind("down until it rings", ("postgres", *SHARED, AGENCIES, GATEWAY), (40.0, 40.0)),
)
"""Those that have everything for themselves, and how long each takes about."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What is done to whom, `at` seconds after the load began, for `seconds`. `number`: its place in the plan.

    `alone`: nothing else is hurt meanwhile; it ends when all is well, so that `seconds` is a guess.
    """

    number: int
    at: float
    kind: str
    target: str
    seconds: float = 0.0
    manner: str = ""
    alone: bool = False

    def __str__(self) -> str:
        names = {AGENCIES: "agencies", GATEWAY: "gateway"}
        manner = f" ({self.manner})" if self.manner else ""
        lasting = f" for {self.seconds:.1f} s" if self.seconds and not self.alone else ""
        return f"{self.kind}: {names.get(self.target, self.target)}{manner}{lasting}"


def place_of(target: str) -> str:
    """What a disturbance has for itself: records are written to a Kafka that nobody hurts at that moment."""
    return "kafka" if target == "topics" else target


PLACES = tuple(sorted({place_of(target) for kind in (*KINDS, *ALONE) for target in kind.targets}))


def places_of(what: Disturbance) -> Sequence[str]:
    """All that a disturbance has for itself, in an order in which no two can wait for each other."""
    return PLACES if what.alone else (place_of(what.target),)


@dataclass
class _Timetable:
    """When each target may be hurt again, in tenths of a second; `closed`: somebody has everything for himself."""

    closed: Sequence[tuple[float, float]]
    free_at: dict[str, int] = field(default_factory=dict)

    def open_from(self, at: float) -> float:
        """The first moment from `at` on at which a disturbance may begin."""
        ends = ((begin, round(end + CALM_SECONDS, 1)) for begin, end in self.closed)
        return next((end for begin, end in ends if begin - CALM_SECONDS <= at < end), at)

    def take(self, place: str, at: float, seconds: float) -> bool:
        ends = at + seconds + CALM_SECONDS
        if round(10 * at) < self.free_at.get(place, 0) or any(at < end and begin < ends for begin, end in self.closed):
            return False
        self.free_at[place] = round(10 * ends)
        return True


Card = tuple[Kind, str, str]


def plan(seed: int, seconds: float) -> list[Disturbance]:
    """All disturbances of a run whose load lasts `seconds`; the last one ends before that."""
    chance = random.Random(seed)  # noqa: S311 - a plan, no secret
    alone = list(_alone(chance, seconds))
    cards, timetable = _cards(chance, KINDS), _Timetable([(one.at, one.at + one.seconds) for one in alone])
    held: list[Card] = []
    found = alone
    at = round(chance.uniform(*GAP_SECONDS), 1)
    while (at := timetable.open_from(at)) < seconds:
        held.append(next(cards))
        for card in held:
            kind, target, manner = card
            lasting = round(chance.uniform(*kind.seconds), 1)
            if at + lasting < seconds and timetable.take(place_of(target), at, lasting):
                found.append(Disturbance(0, at, kind.name, target, lasting, manner))
                held.remove(card)
                break
        at = round(at + chance.uniform(*GAP_SECONDS), 1)
    in_time = sorted(found, key=lambda one: one.at)
    return [replace(one, number=number) for number, one in enumerate(in_time, start=1)]


def _alone(chance: random.Random, seconds: float) -> Iterator[Disturbance]:
    """Those that have everything for themselves, with time between them."""
    at = round(chance.uniform(*FIRST_ALONE_SECONDS), 1)
    for kind, target, manner in _cards(chance, ALONE):
        lasting = kind.seconds[0]
        if at + lasting >= seconds:
            return
        yield Disturbance(0, at, kind.name, target, lasting, manner, alone=True)
        at = round(at + lasting + chance.uniform(*ALONE_GAP_SECONDS), 1)


def _cards(chance: random.Random, kinds: Sequence[Kind]) -> Iterator[Card]:
    """Each kind against each target in each manner, shuffled; and again from the beginning.

    One of each kind comes first, so that a short run leaves no kind out.
    """
    deck = [(kind, target, manner) for kind in kinds for target in kind.targets for manner in kind.manners]
    while True:
        chance.shuffle(deck)
        first = {kind.name: (kind, target, manner) for kind, target, manner in reversed(deck)}
        ahead = set(first.values())
        yield from (card for card in deck if card in ahead)
        yield from (card for card in deck if card not in ahead)
