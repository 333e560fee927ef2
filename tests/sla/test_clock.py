"""Đồng hồ thời hạn: when it runs, waits, warns, is missed and ends."""

from datetime import datetime, timedelta

import pytest

from hub_events.sla import (
    DeadlineClockPausedV1,
    DeadlineClockRestartedV1,
    DeadlineClockStartedV1,
    DeadlineClockStoppedV1,
    DeadlineMissedV1,
    DeadlineWarningRaisedV1,
)
from tests.sla.world import (
    DOSSIER,
    SEALED,
    World,
    accepted,
    at,
    by_officer,
    completed,
    finished_on_the_spot,
    promise,
    received,
    refused,
    requested,
)

MONDAY = at("02/03 08:00")
DUE = at("09/03 17:00")  # five working days later


@pytest.fixture
def world() -> World:
    return World()


def test_a_clock_starts_from_the_date_on_the_receipt(world: World) -> None:
    world.hear(accepted(MONDAY))

    (started,) = world.said(DeadlineClockStartedV1)
    assert (started.due_at, started.agrees, started.computed_due_at) == (DUE, True, DUE)
    assert world.clock().state == "running"


def test_a_term_of_none_has_a_clock_that_never_rings(world: World) -> None:
    world.hear(accepted(MONDAY, promise(MONDAY, "Không quy định")))

    (started,) = world.said(DeadlineClockStartedV1)
    assert (started.due_at, started.warn_at, started.agrees) == (None, None, True)
    assert world.timers == {}
    world.hear(completed(at("31/12 23:00")))
    assert world.said(DeadlineClockStoppedV1)[0].outcome == "no_term"


def test_the_due_minute_itself_is_on_time_and_the_next_one_is_late(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.pass_time(DUE + timedelta(seconds=59, microseconds=999_999))
    assert world.said(DeadlineMissedV1) == []

    world.pass_time(DUE + timedelta(minutes=1))
    (missed,) = world.said(DeadlineMissedV1)
    assert (missed.due_at, missed.missed_at, missed.request) == (DUE, DUE + timedelta(minutes=1), 0)


@pytest.mark.parametrize(
    ("done", "outcome"),
    [
        (DUE - timedelta(days=1), "early"),
        (at("09/03 00:00"), "on_time"),  # the due day begins
        (at("08/03 23:59"), "early"),
        (DUE, "on_time"),
        (DUE + timedelta(seconds=59), "on_time"),
        (DUE + timedelta(minutes=1), "late"),
    ],
)
def test_a_result_is_early_before_the_due_day_and_late_after_the_due_minute(
    world: World, done: datetime, outcome: str
) -> None:
    world.hear(accepted(MONDAY), completed(done))
    world.pass_time(DUE + timedelta(days=3))

    (stopped,) = world.said(DeadlineClockStoppedV1)
    assert (stopped.outcome, stopped.due_at) == (outcome, DUE)
    assert len(world.said(DeadlineMissedV1)) == (outcome == "late")
    assert world.timers == {}


def test_a_missed_date_is_announced_once_however_often_its_timer_rings(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.pass_time(DUE + timedelta(days=1))
    for _ in range(3):
        world.ring()
    assert world.types() == ["clock_started", "warning_raised", "missed"]
    assert world.timers == {}


def test_a_miss_that_is_said_when_the_result_is_known_names_its_end(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.now = DUE + timedelta(hours=1)  # nobody rang until then
    world.hear(completed(DUE + timedelta(minutes=30)))
    world.ring()
    (missed,) = world.said(DeadlineMissedV1)
    assert missed.ended_at == DUE + timedelta(minutes=30)

    watched = World()
    watched.hear(accepted(MONDAY))
    watched.pass_time(DUE + timedelta(minutes=1))
    (missed,) = watched.said(DeadlineMissedV1)
    assert missed.ended_at is None


def test_a_timer_that_rings_too_early_is_set_again(world: World) -> None:
    world.hear(accepted(MONDAY))
    timers = dict(world.timers)
    world.timers.clear()
    world.ring()
    assert world.timers == timers
    assert world.types() == ["clock_started"]


def test_a_timer_without_a_clock_is_cleared(world: World) -> None:
    world.timers[DOSSIER, "miss"] = MONDAY
    world.pass_time(MONDAY)
    assert world.timers == {}
    assert world.told == {}


def test_a_warning_comes_once_before_the_date(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.pass_time(DUE)

    (warning,) = world.said(DeadlineWarningRaisedV1)
    assert warning.due_at == DUE
    assert warning.warned_at == at("06/03 07:00")  # Friday; the date is on Monday


def test_a_warning_that_comes_too_late_to_warn_is_not_given(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.now = DUE + timedelta(days=2)  # nobody rang for days
    world.ring(kind="warn")
    assert world.types() == ["clock_started", "missed"]


def test_while_the_applicant_is_asked_nothing_rings_and_a_supplement_starts_the_term_from_zero(world: World) -> None:
    world.hear(accepted(MONDAY), requested(at("03/03 09:00")))
    assert world.clock().state == "paused"
    assert world.timers == {}
    world.pass_time(at("20/03 09:00"))

    world.hear(received(at("20/03 09:00")))
    assert world.clock().state == "running"
    (paused,), (restarted,) = world.said(DeadlineClockPausedV1), world.said(DeadlineClockRestartedV1)
    assert (paused.paused_at, paused.request) == (at("03/03 09:00"), 1)
    assert (restarted.due_at, restarted.request, restarted.agrees) == (at("27/03 17:00"), 1, True)
    world.pass_time(at("28/03 09:00"))
    assert [missed.request for missed in world.said(DeadlineMissedV1)] == [1]


def test_a_second_date_that_is_missed_is_a_second_miss(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.pass_time(at("10/03 09:00"))
    world.hear(requested(at("10/03 09:00")), received(at("11/03 09:00")))
    world.pass_time(at("31/03 09:00"))
    assert [(missed.request, missed.due_at) for missed in world.said(DeadlineMissedV1)] == [
        (0, DUE),
        (1, at("18/03 17:00")),
    ]


def test_a_supplement_before_acceptance_does_not_touch_the_clock(world: World) -> None:
    world.hear(requested(at("02/03 07:30"), after=False), accepted(MONDAY))
    assert world.types() == ["clock_started"]
    assert world.clock().state == "running"


def test_a_result_while_the_clock_waits_is_judged_by_when_it_stood_still(world: World) -> None:
    world.hear(accepted(MONDAY), requested(at("03/03 09:00")), completed(at("30/03 09:00")))
    (stopped,) = world.said(DeadlineClockStoppedV1)
    assert stopped.outcome == "early"


def test_what_was_finished_on_the_spot_in_time_began_and_ended_with_one_fact(world: World) -> None:
    world.hear(finished_on_the_spot(MONDAY, MONDAY + timedelta(hours=1)))
    world.pass_time(DUE + timedelta(days=1))
    assert world.types() == ["clock_started", "clock_stopped"]
    assert world.said(DeadlineClockStoppedV1)[0].outcome == "early"


def test_what_was_finished_on_the_spot_after_its_date_is_late_and_nobody_is_told_of_a_miss(world: World) -> None:
    again = finished_on_the_spot(MONDAY, DUE + timedelta(days=1))
    world.hear(again, again)
    world.pass_time(DUE + timedelta(days=2))
    assert world.types() == ["clock_started", "clock_stopped"], "who holds the result is not told that it will be late"
    assert world.said(DeadlineClockStoppedV1)[0].outcome == "late"
    assert world.timers == {}


def test_what_was_approved_on_the_spot_in_time_and_collected_later_is_not_late(world: World) -> None:
    world.hear(finished_on_the_spot(MONDAY, DUE, returned_at=DUE + timedelta(days=1)))
    world.pass_time(DUE + timedelta(days=2))
    (stopped,) = world.said(DeadlineClockStoppedV1)
    assert (stopped.stopped_at, stopped.outcome) == (DUE, "on_time")


def test_a_refusal_after_acceptance_stops_the_clock_and_before_it_says_nothing(world: World) -> None:
    world.hear(refused(at("03/03 09:00")))
    assert world.told == {}
    world.hear(accepted(MONDAY))
    assert world.types() == ["clock_started", "clock_stopped"]
    assert world.timers == {}


def test_an_answer_that_comes_late_about_a_result_in_time_is_on_time_and_the_miss_stays_history(world: World) -> None:
    world.hear(accepted(MONDAY))
    world.pass_time(DUE + timedelta(hours=1))
    world.hear(completed(DUE - timedelta(hours=1)))

    assert world.types()[-2:] == ["missed", "clock_stopped"]
    assert world.said(DeadlineClockStoppedV1)[0].outcome == "on_time"


def test_a_result_that_is_known_in_time_is_never_called_missed_even_if_time_has_run_on(world: World) -> None:
    """The service was away over the due date and reads the acceptance first."""
    world.now = DUE + timedelta(days=2)
    world.hear(accepted(MONDAY), completed(DUE - timedelta(hours=1)))
    world.pass_time(world.now)
    assert world.types() == ["clock_started", "clock_stopped"]


def test_a_supplement_heard_after_the_result_corrects_how_it_ended(world: World) -> None:
    world.hear(accepted(MONDAY), completed(at("10/03 09:00")))
    assert world.said(DeadlineClockStoppedV1)[-1].outcome == "late"
    world.hear(requested(at("03/03 09:00")), received(at("05/03 09:00")))
    world.pass_time(at("31/03 09:00"))

    assert [stopped.outcome for stopped in world.said(DeadlineClockStoppedV1)] == ["late", "early", "early"]
    assert world.said(DeadlineClockStoppedV1)[-1].due_at == at("12/03 17:00")
    assert world.said(DeadlineMissedV1) == []


def test_sla_keeps_no_word_that_an_officer_wrote(world: World) -> None:
    world.hear(accepted(MONDAY, by_officer(MONDAY, DUE)))
    assert SEALED not in str(world.rows)
