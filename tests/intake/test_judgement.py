"""Xét hạn: of what ended, however it waited before, clock, register and database say the same."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_events.event import Fact
from hub_events.intake import Promise
from hub_messaging.database import Pool
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Agreed, Dossier
from services.intake.domain.judgement import Judgement, judgement
from services.intake.domain.national_status import standing_of
from services.intake.domain.progress import Progress
from services.intake.store.desk.lives import LIVES
from services.intake.store.tables import DOSSIERS, PROGRESSES
from tests.intake.conftest import MONDAY_MORNING
from tests.intake.test_citizen_view import dossier
from tests.intake.test_lines import written
from tests.sla import world

SUPERIOR = Agreed("ct-01", "sealed")


class Story:
    """What happened to one dossier: as the register has it, and as the facts that the clock hears.

    It is accepted and asked for supplements; of its end may be heard late, so that lies near any moment of it. Or it is
    finished on the spot.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._at = MONDAY_MORNING
        self._moments: list[datetime] = []
        self.facts: list[Fact[Any]] = []
        self.dossier: Dossier = dossier("submitted")._replace(id=UUID(int=dice.getrandbits(100)))
        self.progress, self.life = Progress(self.dossier.id), Life(self.dossier.id, "H26.15.01")
        self._waits(dice.randrange(2))
        promise = self._promise()
        self.dossier = self.dossier.accept(
            f"H26.15.01-260302-{self.dossier.id.int % 10**8:08d}", self._later(), "cb-01", promise
        )
        if dice.random() < 0.2:
            self._on_the_spot(promise)
            return
        self._heard(world.accepted(self._at, promise))
        self._waits(dice.randrange(4))
        for end in dice.sample(["completed", "ready", "stopped"], dice.choice([1, 1, 2])):
            self._end(end, dice.choice(self._moments) + timedelta(seconds=dice.choice([-1, 0, 59, 60, 7_000, 90_000])))

    def judged(self) -> Judgement:
        found = judgement(standing_of(self.dossier, self.progress, self.life))
        assert found is not None
        return found

    def _waits(self, most: int) -> None:
        for _ in range(most):
            self.dossier = self.dossier.request_supplement(self._later(), "cb-01", (), None, SUPERIOR)
            assert self.dossier.supplement
            number, accepted = self.dossier.supplement.number, self.dossier.accepted
            self._heard(world.requested(self._at, number, after=accepted))
            if accepted and self._dice.random() < 0.4:
                return
            new = self._promise() if accepted else None
            self.dossier = self.dossier.receive_supplement(self._later(), (), (), new, "")
            if new is not None:
                self._heard(world.received(self._at, number, new))

    def _on_the_spot(self, promise: Promise) -> None:
        accepted_at, approved_at, returned_at = self._at, self._later(), self._later()
        self.dossier = self.dossier.hand_back()
        approved = self.life._replace(result_ready_at=approved_at, result_ready_by="ct-01", on_the_spot=True)
        self.life = approved.hand_back(returned_at, "cb-01", "applicant")
        moments = {"accepted_at": accepted_at, "appraised_at": accepted_at, "returned_at": returned_at}
        self._heard(world.finished_on_the_spot(MONDAY_MORNING, approved_at, promise=promise, **moments))

    def _end(self, end: str, at: datetime) -> None:
        match end:
            case "completed":
                done = world.completed(at)
                self.progress = self.progress.after(done.data, at)
                self._heard(done)
            case "ready":
                self.life = self.life._replace(result_ready_at=at, result_ready_by="cb-01")
                self._heard(world.desk_step(at))
            case _:
                self.life = self.life._replace(stopped_at=at, stopped_by="cb-01", stop_reason="khac")
                self._heard(world.stopped(at))

    def _later(self) -> datetime:
        self._at += timedelta(minutes=self._dice.choice([1, 30, 600, 2_000, 5_000]), seconds=self._dice.randrange(60))
        self._moments.append(self._at)
        return self._at

    def _promise(self) -> Promise:
        if self._dice.random() < 0.15:
            return world.promise(self._at, "Không quy định")
        due_at = self._at + timedelta(minutes=self._dice.choice([1, 60, 1_500, 8_000]))
        self._moments.append(due_at)
        return world.by_officer(self._at, due_at)

    def _heard(self, fact: Fact[Any]) -> None:
        self.facts.append(world.fact_of(fact.data, self.dossier.id))


STORIES = some.randoms(use_true_random=False).map(Story)


@settings(max_examples=300, deadline=None)
@given(STORIES, some.randoms(use_true_random=False))
def test_the_clock_and_the_register_judge_alike(story: Story, dice: random.Random) -> None:
    sla = world.World()
    sla.hear(*dice.sample(story.facts, len(story.facts)))
    clock, judged = sla.clock(story.dossier.id), story.judged()
    assert clock.current
    assert (clock.current.promise.due_at, clock.outcome) == (judged.due_at, judged.outcome or "no_term")


@pytest.mark.stack
async def test_the_lines_of_the_register_say_by_what_it_is_judged(pool: Pool) -> None:
    stories = {story.dossier.id: story for story in (Story(random.Random(seed)) for seed in range(500))}
    await written(pool, DOSSIERS, {id: story.dossier for id, story in stories.items()}, ())
    reported_before = {id: Progress(id) for id in list(stories)[::2]}
    await written(pool, PROGRESSES, reported_before, ())
    await written(pool, PROGRESSES, {id: story.progress for id, story in stories.items()}, reported_before)
    await written(pool, LIVES, {id: story.life for id, story in stories.items()}, ())
    lines = await pool.fetch("SELECT dossier_id, due_at, coalesce(judged_at, completed_at) AS at FROM register_line")
    assert len(lines) == len(stories)
    for line in lines:
        assert Judgement(line["due_at"], line["at"]) == stories[line["dossier_id"]].judged()
