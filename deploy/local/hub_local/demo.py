"""Trình diễn: `hub demo`: a business day at several desks, live, and a proof that nothing was lost or done twice.

Real procedures, invented people, a pinned morning (02/03/2026 08:00). One agency is slow, one is down for a while,
one calls back twice, one does not answer before its terms have passed. Everything is seen through the front door:
intake's timeline of each dossier, and the ledger of the other side.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hub_local import dossiers
from hub_local.dossiers import MORNING, Offer
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
from hub_messaging.clock import set_business_time
from hub_worktime import parse_term
from hub_worktime.terms import Reason

OFFICER = "CB-001"
PATIENCE_SECONDS = 240.0
CLIENTS = 8
POLLS_AT_ONCE = 32

SENT, FAILED, UNREACHED = "message.sent.v1", "message.failed.v1", "citizen.unreached.v1"
CAUSES_A_DUTY = (
    "dossier.accepted.v1",
    "dossier.supplement_requested.v1",
    "dossier.refused.v1",
    "dossier.completed.v1",
    "deadline.missed.v1",
)
ONCE_EACH = (
    "dossier.accepted.v1",
    "dossier.routed.v1",
    "dossier.handed_over.v1",
    "dossier.completed.v1",
    "deadline.clock_started.v1",
    "deadline.clock_stopped.v1",
)
STAGES = ("waiting at the desk", "accepted", "handed over", "completed", "done, citizen told")


@dataclass(frozen=True, slots=True)
class Hurdle:
    """An agency that makes trouble: how, and in words."""

    words: str
    behaviour: dict[str, Any]


HURDLES = (
    Hurdle("answers after 1.5 s", {"steps": True, "answer_seconds": 1.5}),
    Hurdle("is down for 12 s", {"steps": True, "down": "unavailable", "down_seconds": 12}),
    Hurdle("calls back twice", {"steps": True, "completed": "twice_with_another_id"}),
    Hurdle("answers after its terms passed", {"steps": True, "callback": "on_command"}),
)
LATE = len(HURDLES) - 1


@dataclass
class Followed:
    """One dossier, as its timeline tells."""

    id: str
    desk: str
    agency: str = ""
    types: Counter[str] = field(default_factory=Counter)

    @property
    def stage(self) -> str:
        if self.is_done:
            return STAGES[4]
        if self.types["dossier.completed.v1"]:
            return STAGES[3]
        if self.types["dossier.handed_over.v1"]:
            return STAGES[2]
        return STAGES[1] if self.types["dossier.accepted.v1"] else STAGES[0]

    @property
    def duties(self) -> int:
        """How many times this person must be told something."""
        return sum(self.types[kind] for kind in CAUSES_A_DUTY)

    @property
    def told(self) -> int:
        return sum(self.types[kind] for kind in (SENT, FAILED, UNREACHED))

    @property
    def is_done(self) -> bool:
        ended = self.types["dossier.refused.v1"] or (
            self.types["dossier.completed.v1"] and self.types["deadline.clock_stopped.v1"]
        )
        return bool(ended) and self.told >= self.duties

    def flaws(self) -> list[str]:
        """What was lost or doubled, by the timeline."""
        if self.types["dossier.refused.v1"]:
            return [] if self.told == self.duties else ["told wrongly"]
        wrong = [f"{kind} {self.types[kind]} times" for kind in ONCE_EACH if self.types[kind] != 1]
        return wrong if self.told == self.duties else [*wrong, f"told {self.told} of {self.duties} times"]


@dataclass
class Progress:
    """What the demo shows while it runs."""

    total: int
    followed: list[Followed] = field(default_factory=list)
    hurdles: dict[str, Hurdle] = field(default_factory=dict)
    business_time: datetime = MORNING
    chapter: str = "starting"

    @property
    def stages(self) -> Counter[str]:
        return Counter(dossier.stage for dossier in self.followed)

    @property
    def done(self) -> int:
        return self.stages[STAGES[4]]

    @property
    def events(self) -> Counter[str]:
        return sum((dossier.types for dossier in self.followed), Counter[str]())


@dataclass(frozen=True, slots=True)
class Proof:
    """The summary: what was promised, what the other side's ledger holds, and what is wrong (nothing, one hopes)."""

    dossiers: int
    procedures: int
    desks: int
    events: Counter[str]
    ledger: dict[str, Any]
    flaws: list[str]


class Demo:
    """One run against a stack that is up."""

    def __init__(self, layout: Layout, door: FrontDoor, total: int) -> None:
        self._layout = layout
        self._door = door
        self.progress = Progress(total)

    async def run(self) -> Proof:
        """Submits, follows, moves the clock once, and proves. Raises TimeoutError when dossiers stay undone."""
        procedures, desks = await self._door.catalogue(), await self._door.desks()
        await self._door.put_behaviour("*", {"steps": True})
        offers = [offer for offer in dossiers.one_of_each(dossiers.offers(procedures)) if is_shown(offer)]
        chosen = dossiers.pairs(offers, desks, self.progress.total)
        following = asyncio.create_task(self._follow())
        try:
            await self._choose_hurdles(chosen)
            await self._submit_rest(chosen)
            await self._until(self._only_late_ones_left, "waiting for the slow and the absent")
            await self._let_terms_pass()
            await self._until(lambda: self.progress.done == self.progress.total, "last answers")
        finally:
            following.cancel()
        return await self._prove(chosen)

    async def _choose_hurdles(self, chosen: Sequence[tuple[Offer, Any]]) -> None:
        """The first dossiers, all honest, show which agencies there are; four of them then make trouble."""
        self.progress.chapter = "first dossiers"
        kinds: dict[str, int] = {}
        for number, (offer, _) in enumerate(chosen):
            kinds.setdefault(dossiers.agency_kind(offer), number)
        first = sorted(kinds.values())[: len(HURDLES)]
        for number, hurdle in zip(first, HURDLES, strict=True):
            dossier = await self._submit(number, *chosen[number])
            agency = await self._agency_of(dossier)
            self.progress.hurdles[agency] = hurdle
            await self._door.put_behaviour(agency, hurdle.behaviour)
        self._submitted = set(first)
        self._troubled = [chosen[number] for number in reversed(first)]

    async def _agency_of(self, dossier: Followed) -> str:
        while not dossier.agency:
            await asyncio.sleep(0.05)
        return dossier.agency

    async def _submit_rest(self, chosen: Sequence[tuple[Offer, Any]]) -> None:
        self.progress.chapter = "dossiers come in"
        numbers = [number for number in range(len(chosen)) if number not in self._submitted]
        rest = iter(enumerate(numbers))

        async def clerk() -> None:
            for turn, number in rest:
                # Every fifth goes where trouble waits, so that there is something to see with few dossiers too.
                troubled = self._troubled[turn // 5 % len(self._troubled)]
                await self._submit(number, *(chosen[number] if turn % 5 else troubled))

        await asyncio.gather(*(clerk() for _ in range(CLIENTS)))

    async def _submit(self, number: int, offer: Offer, desk: Any) -> Followed:
        """Most are accepted at the counter; some wait for an officer, some lack a paper, few are refused."""
        path = _PATHS.get(number % 20, _accepted_at_once) if number >= len(HURDLES) * 3 else _accepted_at_once
        answer = await path(self._post, number, offer, desk)
        dossier = Followed(answer["dossier_id"], desk["name"])
        self.progress.followed.append(dossier)
        return dossier

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        return await self._door.post("intake", path, json.dumps(body).encode(), str(uuid4()))

    async def _follow(self) -> None:
        """Asks for the timelines of all dossiers that are not done, again and again."""
        limit = asyncio.Semaphore(POLLS_AT_ONCE)

        async def look(dossier: Followed) -> None:
            async with limit:
                timeline = await self._door.get("intake", f"/v1/dossiers/{dossier.id}/timeline")
            dossier.types = Counter(step["type"] for step in timeline["steps"])
            routed = [step for step in timeline["steps"] if step["type"] == "dossier.routed.v1"]
            if routed:
                dossier.agency = routed[0]["facts"]["legs"][0]["agency"]["code"]

        while True:
            await asyncio.gather(*(look(dossier) for dossier in self.progress.followed if not dossier.is_done))
            await asyncio.sleep(0.3)

    async def _until(self, reached: Callable[[], bool], chapter: str) -> None:
        self.progress.chapter = chapter
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reached():
                await asyncio.sleep(0.1)

    def _late_ones(self) -> list[Followed]:
        return [
            dossier
            for dossier in self.progress.followed
            if self.progress.hurdles.get(dossier.agency) is HURDLES[LATE] and not dossier.types["dossier.completed.v1"]
        ]

    def _only_late_ones_left(self) -> bool:
        waiting = [dossier for dossier in self.progress.followed if not dossier.is_done]
        late = self._late_ones()
        settled = all(d.types["dossier.handed_over.v1"] and d.told >= d.duties for d in late)
        return len(waiting) == len(late) and settled

    async def _let_terms_pass(self) -> None:
        """Moves business time past the last promised date of those still waiting; then their agency answers."""
        late = self._late_ones()
        views = [await self._door.get("intake", f"/v1/dossiers/{dossier.id}") for dossier in late]
        dates = [datetime.fromisoformat(view["promise"]["due_at"]) for view in views if view["promise"]["due_at"]]
        if dates:
            self.progress.business_time = max(dates).astimezone(UTC) + timedelta(hours=1)
            set_business_time(self._layout.clock_file, self.progress.business_time)
            await self._until(
                lambda: (
                    sum(d.types["deadline.missed.v1"] for d in late) >= len(dates)
                    and all(d.told >= d.duties for d in late)
                ),
                "the clock moves past the promised dates",
            )
        for agency, hurdle in self.progress.hurdles.items():
            if hurdle is HURDLES[LATE]:
                await self._door.release(agency)

    async def _prove(self, chosen: Sequence[tuple[Offer, Any]]) -> Proof:
        """Holds the timelines against the other side's ledger."""
        self.progress.chapter = "proof"
        ledger = await self._door.sandbox("/ledger/summary")
        flaws = [f"dossier {dossier.id}: {flaw}" for dossier in self.progress.followed for flaw in dossier.flaws()]
        events = self.progress.events
        handed_over = events["dossier.handed_over.v1"]
        taken = ledger["effects"]["handover"] + ledger["effects"]["supplement"]
        if taken != handed_over:
            flaws.append(f"agencies hold {taken} hand-overs, the timelines {handed_over}")
        if ledger["effects"]["sms"] != events[SENT]:
            flaws.append(f"the gateway holds {ledger['effects']['sms']} messages, the timelines {events[SENT]}")
        if ledger["duplicates"]:
            flaws.append(f"{ledger['duplicates']} effects were made twice")
        flaws += await self._clock_differences()
        used = {offer.procedure["code"] for offer, _ in chosen}
        desks = {desk["code"] for _, desk in chosen}
        return Proof(len(self.progress.followed), len(used), len(desks), events, ledger, flaws)

    async def _clock_differences(self) -> list[str]:
        differing = await self._door.get("sla", "/v1/deadlines?differs=true")
        return [f"dossier {row['dossier_id']}: receipt and clock differ" for row in differing["items"]]


Post = Callable[[str, dict[str, Any]], Awaitable[Any]]


def is_shown(offer: Offer) -> bool:
    """All but the kind of agency that the reference data leaves uncovered on purpose."""
    return dossiers.agency_kind(offer) not in dossiers.UNCOVERED


def acceptance(offer: Offer) -> dict[str, Any]:
    """What an officer says with the acceptance: a date of their own where the published term gives none."""
    term = parse_term(offer.term)
    if term.unit is not None or term.reason in (Reason.IMMEDIATE, Reason.NOT_APPLICABLE):
        return {"officer": OFFICER}
    due_at = (MORNING + timedelta(days=9, hours=9)).isoformat()
    return {"officer": OFFICER, "promised": {"due_at": due_at, "reason": "Thời hạn công bố cần cán bộ xác định"}}


async def _accepted_at_once(post: Post, number: int, offer: Offer, desk: Any) -> Any:
    body = dossiers.submission(number, offer, desk)
    return await post("/v1/dossiers", {**body, "acceptance": acceptance(offer)})


async def _accepted_later(post: Post, number: int, offer: Offer, desk: Any) -> Any:
    """Sent in by a portal; an officer looks at it and accepts."""
    submitted = await post("/v1/dossiers", dossiers.submission(number, offer, desk))
    return await post(f"/v1/dossiers/{submitted['dossier_id']}/accept", acceptance(offer))


async def _supplemented(post: Post, number: int, offer: Offer, desk: Any) -> Any:
    """A paper is missing; the citizen brings it; then the officer accepts."""
    body = dossiers.submission(number, offer, desk)
    missing = body["components"][:1]
    submitted = await post("/v1/dossiers", {**body, "components": body["components"][1:]})
    here = f"/v1/dossiers/{submitted['dossier_id']}"
    reason = {"officer": OFFICER, "components": [part["code"] for part in missing], "reason": "Thiếu giấy tờ"}
    await post(f"{here}/request-supplement", reason)
    await post(f"{here}/supplement", {"officer": OFFICER, "components": missing})
    return await post(f"{here}/accept", acceptance(offer))


async def _refused(post: Post, number: int, offer: Offer, desk: Any) -> Any:
    """An officer refuses, with the reason."""
    submitted = await post("/v1/dossiers", dossiers.submission(number, offer, desk))
    reason = {"officer": OFFICER, "reason_code": "not-entitled", "reason": "Không thuộc đối tượng của thủ tục"}
    return await post(f"/v1/dossiers/{submitted['dossier_id']}/refuse", reason)


_PATHS = {3: _accepted_later, 7: _supplemented, 11: _accepted_later, 14: _refused, 17: _supplemented}
