"""Facts commute: whatever order they come in, and however often, the clock ends the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_events.event import Fact
from hub_events.examples import Example, examples_read_by
from hub_events.sla import DeadlineClockStoppedV1
from services.sla.bootstrap import HANDLERS
from tests.sla.world import World, accepted, at, completed, desk_step, fact_of, received, requested, stopped

END = at("30/04 08:00")
STORY = (
    accepted(at("02/03 08:00")),
    requested(at("03/03 09:00"), 1),
    received(at("05/03 09:00"), 1),
    requested(at("16/03 09:00"), 2),  # after the second date was missed
    received(at("17/03 09:00"), 2),
    completed(at("24/03 10:00")),
)
HANDLED = {handler.event.type for handler in HANDLERS}


def lived(facts: list[Fact[Any]]) -> tuple[Any, ...]:
    """What is true at the end: the facts kept, the state, how it ended, and what was announced in the end."""
    world = World(now=END)
    world.hear(*facts)
    world.pass_time(END)
    clock = world.clock()
    once = sorted(word for word in clock.said if not word.startswith("stopped:"))
    ended = world.said(DeadlineClockStoppedV1)[-1]
    return dict(clock.dates), dict(clock.pauses), clock.stop, clock.state, clock.outcome, once, ended, world.timers


@settings(max_examples=150, deadline=None)
@given(some.permutations(STORY), some.lists(some.sampled_from(STORY), max_size=4))
def test_any_order_and_repeats_end_the_same(shuffled: list[Fact[Any]], repeated: list[Fact[Any]]) -> None:
    again = [fact_of(fact.data) for fact in repeated]  # the same fact under another id
    assert lived([*shuffled, *again]) == lived(list(STORY))


def test_what_the_story_ends_as() -> None:
    _, _, _, state, outcome, once, ended, timers = lived(list(STORY))
    assert (state, outcome, ended.due_at, timers) == ("stopped", "on_time", at("24/03 17:00"), {})
    assert once == ["missed:1", "paused:1", "paused:2", "restarted:1", "restarted:2", "started"]


BY_PAPER = (
    accepted(at("02/03 08:00")),
    desk_step(at("04/03 09:00"), "signed"),
    desk_step(at("06/03 10:00")),
    completed(at("12/03 10:00")),  # the agency says so later, after the date
)


@settings(max_examples=60, deadline=None)
@given(some.permutations(BY_PAPER), some.lists(some.sampled_from(BY_PAPER), max_size=4))
def test_a_result_that_is_at_the_desk_in_time_is_in_time_whoever_speaks_first(
    shuffled: list[Fact[Any]], repeated: list[Fact[Any]]
) -> None:
    end = lived([*shuffled, *(fact_of(fact.data) for fact in repeated)])
    assert end == lived(list(BY_PAPER))
    _, _, stop, state, outcome, _, _, timers = end
    assert (stop.at, state, outcome, timers) == (at("06/03 10:00"), "stopped", "early", {})


def test_a_result_that_only_the_desk_records_is_never_called_missed_while_it_waits() -> None:
    world = World()
    world.hear(accepted(at("02/03 08:00")), desk_step(at("04/03 09:00"), "signed"))
    assert world.clock().state == "running", "another step ends nothing"
    world.hear(desk_step(at("06/03 10:00")))
    world.pass_time(END)
    assert "missed" not in world.types()
    assert world.timers == {}


def test_other_steps_of_the_desk_leave_nothing() -> None:
    world = World()
    world.hear(desk_step(at("04/03 09:00"), "signed"))
    assert (world.rows, world.told) == ({}, {})


WITHDRAWN = (
    accepted(at("02/03 08:00")),
    requested(at("03/03 09:00"), 1),
    received(at("05/03 09:00"), 1),
    stopped(at("06/03 10:00")),
    completed(at("06/03 11:00")),  # the agency hadn't heard of it
)


@settings(max_examples=100, deadline=None)
@given(some.permutations(WITHDRAWN), some.lists(some.sampled_from(WITHDRAWN), max_size=4))
def test_a_stop_ends_the_clock_whatever_is_heard_before_or_after(
    shuffled: list[Fact[Any]], repeated: list[Fact[Any]]
) -> None:
    end = lived([*shuffled, *(fact_of(fact.data) for fact in repeated)])
    assert end == lived(list(WITHDRAWN))
    _, _, stop, state, outcome, once, ended, timers = end
    assert (stop.cause, state, outcome, ended.cause, timers) == ("stopped", "stopped", "early", "stopped", {})
    assert "warned" not in str(once)
    assert "missed" not in str(once)


@pytest.mark.parametrize("withheld", range(len(STORY)))
def test_a_fact_that_is_withheld_for_weeks_mends_everything_when_it_comes(withheld: int) -> None:
    world = World()
    for number, fact in enumerate(STORY):
        if number != withheld:
            world.hear(fact)
            world.pass_time(END if number == len(STORY) - 1 else world.now)
    world.hear(STORY[withheld])
    world.pass_time(END)

    clock = world.clock()
    assert (clock.state, clock.outcome) == ("stopped", "on_time")
    ended = world.said(DeadlineClockStoppedV1)[-1]
    assert (ended.due_at, ended.outcome) == (at("24/03 17:00"), "on_time")
    assert world.timers == {}


@pytest.mark.parametrize("example", [e for e in examples_read_by("sla") if e.type in HANDLED], ids=str)
def test_every_published_example_is_understood_twice(example: Example) -> None:
    world = World()
    fact = example.fact
    world.hear(fact)
    before = (dict(world.rows), list(world.told))
    world.hear(fact)
    assert (dict(world.rows), list(world.told)) == before
