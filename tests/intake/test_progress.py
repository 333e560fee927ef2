"""Tiến độ và dòng thời gian: facts of the other services commute, and every one of them is understood."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_events.event import Envelope, Event, Fact
from hub_events.examples import Example, examples_of
from hub_events.notify import CitizenUnreachedV1, MessageFailedV1, MessageSentV1
from hub_events.routing import (
    AgencyRef,
    DossierAcknowledgedV1,
    DossierCompletedV1,
    DossierHandedOverV1,
    DossierRoutedV1,
    DossierRoutingFailedV1,
    DossierSupplementAskedV1,
    RoutedLeg,
)
from hub_events.sla import (
    DeadlineClockPausedV1,
    DeadlineClockRestartedV1,
    DeadlineClockStartedV1,
    DeadlineClockStoppedV1,
    DeadlineMissedV1,
    DeadlineWarningRaisedV1,
)
from hub_events.topics import ABOUT_DOSSIERS, topics_read_by
from services.intake.api.answers import timeline_view
from services.intake.bootstrap import HANDLERS
from services.intake.domain.progress import Progress
from services.intake.domain.timeline import step_of
from services.intake.handlers.timeline import on_reported
from services.intake.store.unit_of_work import IntakeUnitOfWork

DOSSIER = UUID("0195c2f1-7c00-7a31-9d2e-5b1f0c9a4e11")
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
POLICE = AgencyRef(code="G01.01.02", name="Công an phường Ba Đình")
COMMITTEE = AgencyRef(code="H26.15", name="UBND phường Ba Đình")


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def routed(agency: AgencyRef) -> DossierRoutedV1:
    return DossierRoutedV1(legs=(RoutedLeg(leg="lead", agency=agency),), competence="competence@1")


# The life of one dossier: routed twice, two supplements, completed by two callbacks that disagree.
LIFE: tuple[tuple[Event, int], ...] = (
    (DossierRoutingFailedV1(reason="no-rule", leg="lead", competence="competence@0"), 1),
    (routed(COMMITTEE), 2),
    (routed(POLICE), 3),
    (DossierHandedOverV1(leg="lead", agency=POLICE, handed_over_at=at(4), attempts=1), 4),
    (DossierHandedOverV1(leg="lead", agency=POLICE, what="supplement", handed_over_at=at(40), attempts=1), 40),
    (DossierAcknowledgedV1(leg="lead", agency=POLICE, acknowledged_at=at(5)), 6),
    (DossierSupplementAskedV1(leg="lead", agency=POLICE, asked_at=at(20)), 21),
    (DossierSupplementAskedV1(leg="lead", agency=POLICE, asked_at=at(45)), 46),
    (DossierCompletedV1(leg="lead", agency=POLICE, completed_at=at(60), result="approved"), 61),
    (DossierCompletedV1(leg="lead", agency=POLICE, completed_at=at(62), result="rejected"), 63),
    (DeadlineClockStartedV1(due_at=at(500), agrees=True), 2),
    (DeadlineClockPausedV1(paused_at=at(22), request=1), 22),
    (DeadlineClockRestartedV1(due_at=at(900), previous_due_at=at(500), request=1, agrees=False), 40),
    (DeadlineClockPausedV1(paused_at=at(46), request=2), 46),
    (DeadlineClockRestartedV1(due_at=at(800), previous_due_at=at(900), request=2, agrees=False), 50),
    (DeadlineWarningRaisedV1(due_at=at(500), warned_at=at(15)), 15),
    (DeadlineWarningRaisedV1(due_at=at(800), warned_at=at(700)), 700),
    (DeadlineMissedV1(due_at=at(500), missed_at=at(501)), 501),
    (DeadlineMissedV1(due_at=at(800), missed_at=at(801), request=2), 801),
    (DeadlineClockStoppedV1(stopped_at=at(60), due_at=at(800), outcome="early"), 61),
    (MessageFailedV1(duty="accepted", channel="sms", supplier="sms", failed_at=at(2), reason="blocked"), 2),
    (CitizenUnreachedV1(duty="accepted", unreached_at=at(2), reason="no-channel-left"), 2),
    (MessageSentV1(duty="accepted", channel="sms", supplier="sms", sent_at=at(3), attempts=1), 3),
    (MessageSentV1(duty="completed", channel="sms", supplier="sms", sent_at=at(64), attempts=1), 64),
)


def fact(event: Event, minutes: int) -> Fact[Any]:
    envelope = Envelope(uuid4(), event.type, "/hub/test", str(DOSSIER), at(minutes), at(minutes))
    return Fact(envelope, event)


FACTS = [fact(event, minutes) for event, minutes in LIFE]


def told(facts: list[Fact[Any]]) -> IntakeUnitOfWork:
    """A unit of work in which the facts were handled, in this order."""
    uow = IntakeUnitOfWork(START)
    for one in facts:
        on_reported(one, uow)
        uow.keep()
    return uow


def test_the_end_is_what_happened() -> None:
    progress = told(FACTS).progress.get(DOSSIER)
    assert progress is not None
    assert (progress.agency_code, progress.routed_at, progress.routing_failed_reason) == ("G01.01.02", at(3), "no-rule")
    assert (progress.handed_over_at, progress.acknowledged_at) == (at(4), at(5))
    assert (progress.completed_at, progress.result) == (at(60), "approved"), "the first result stands"
    assert (progress.clock_number, progress.clock_due_at, progress.clock_agrees) == (2, at(800), False)
    assert (progress.supplement_asked_at, progress.clock_paused_number) == (at(45), 2)
    assert (progress.clock_stopped_at, progress.clock_outcome) == (at(60), "early")
    assert (progress.warned_due_at, progress.missed_due_at) == (at(800), at(800))
    assert progress.notice == "sent"
    assert progress.missing == ()


@given(st.permutations(FACTS))
@settings(max_examples=200, deadline=None)
def test_in_whatever_order_facts_come_the_end_is_the_same(shuffled: list[Fact[Any]]) -> None:
    assert told(shuffled).progress.get(DOSSIER) == told(FACTS).progress.get(DOSSIER)


@given(st.permutations(FACTS), st.data())
@settings(max_examples=50, deadline=None)
def test_facts_told_twice_change_nothing(shuffled: list[Fact[Any]], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(FACTS)))
    under_other_ids = [Fact(one.envelope._replace(id=uuid4()), one.data) for one in again]
    uow = told([*shuffled, *again, *under_other_ids])
    assert uow.progress.get(DOSSIER) == told(FACTS).progress.get(DOSSIER)
    steps = {step.event_id: step for step in uow.timeline.kept}
    assert len(timeline_view(DOSSIER, list(steps.values())).steps) == len(FACTS)


@given(st.permutations(FACTS))
@settings(max_examples=50, deadline=None)
def test_the_acceptance_may_be_registered_before_or_after_what_follows_from_it(shuffled: list[Fact[Any]]) -> None:
    before = Progress(DOSSIER).watch(START, expects_clock=True)
    for one in shuffled:
        before = before.after(one.data, one.envelope.occurred_at)
    after = told(shuffled).progress.get(DOSSIER)
    assert after is not None
    assert before == after.watch(START, expects_clock=True)


@pytest.mark.parametrize(
    ("types", "missing"),
    [
        ([], ("route", "clock", "notice")),
        (["dossier.routing_failed.v1"], ("route", "clock", "notice")),
        (["dossier.routed.v1"], ("clock", "notice")),
        (["dossier.routed.v1", "deadline.clock_started.v1"], ("notice",)),
        (["dossier.routed.v1", "deadline.clock_started.v1", "message.failed.v1"], ()),
        (["dossier.routed.v1", "deadline.clock_started.v1", "citizen.unreached.v1"], ()),
    ],
)
def test_what_is_missing_after_an_acceptance(types: list[str], missing: tuple[str, ...]) -> None:
    progress = Progress(DOSSIER).watch(START, expects_clock=True)
    for event, minutes in LIFE:
        progress = progress.after(event, at(minutes)) if event.type in types else progress
    assert (progress.missing, progress.settled) == (missing, not missing)


def test_a_notice_about_something_else_is_no_word_about_the_acceptance() -> None:
    progress = Progress(DOSSIER)
    for event, minutes in LIFE:
        if isinstance(event, MessageSentV1) and event.duty == "completed":
            progress = progress.after(event, at(minutes))
    assert "notice" in progress.missing


def test_without_a_term_no_clock_is_missed() -> None:
    assert "clock" not in Progress(DOSSIER).watch(START, expects_clock=False).missing


def test_every_event_of_the_three_topics_is_handled() -> None:
    said = {event for topic in topics_read_by("intake") for event in topic.events}
    assert {handler.event for handler in HANDLERS} == said


EXAMPLES = [example for type in ABOUT_DOSSIERS for example in examples_of(type)]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_published_example_becomes_a_readable_step(example: Example) -> None:
    """Of what intake itself says too."""
    fact = example.fact
    kept = step_of(
        fact.data,
        dossier_id=fact.dossier_id,
        event_id=fact.id,
        occurred_at=START,
        recorded_at=fact.envelope.recorded_at,
    )
    (step,) = timeline_view(fact.dossier_id, [kept]).steps
    assert step.text.endswith(".")
    assert "None" not in step.text
    assert step.where["code"]
    assert "sealed" not in str(step.facts)
