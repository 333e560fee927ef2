"""What routing decides: every rule once, and the same end whatever the order and number of its facts."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_events.event import Fact
from hub_events.examples import examples_read_by
from hub_events.ids import derive_id
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierResultReturnedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
)
from hub_messaging.outcomes import Refused, Sent
from services.routing.domain.answers import Acknowledge, Answer, AskSupplement, Complete, RecordStep
from services.routing.domain.competence import Rule
from services.routing.domain.transfer import Asked, Outcome, Step, Transfer
from services.routing.handlers.agency_answer import TransferUnknown
from services.routing.handlers.dossier_accepted import on_dossier_accepted
from services.routing.handlers.dossier_corrected import on_dossier_corrected
from services.routing.handlers.dossier_desk_step_recorded import on_dossier_desk_step_recorded
from services.routing.handlers.dossier_result_returned import on_dossier_result_returned
from services.routing.handlers.dossier_stopped import on_dossier_stopped
from services.routing.handlers.dossier_supplement_received import on_dossier_supplement_received
from services.routing.handlers.parcels import read_parcel
from tests.routing.desk import COMPETENCE, DOSSIER, Desk
from tests.routing.facts import (
    COMMITTEE,
    COMMUNE,
    NOW,
    POLICE,
    a_competence,
    a_leg,
    a_uow,
    accepted,
    supplement,
)

NOBODY = Rule("tax-office", ("*",), "*", COMMITTEE.code)
APPROVED = Outcome("approved", "KQ-1", NOW)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_accepted_dossier_goes_to_the_competent_agencys_lane(desk: Desk) -> None:
    desk.accept()

    (work,) = desk.work
    assert (work.lane, work.kind, work.id) == (
        POLICE.code,
        "dossier",
        derive_id(derive_id(DOSSIER, "accepted"), "handover", "lead"),
    )
    assert desk.said == ["dossier.routed.v1"]
    assert desk.transfer.state == "routed"


def test_a_parcel_names_its_cause_where_tracing_looks_and_the_nameless_form_of_the_version_before_is_read(
    desk: Desk,
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fact = accepted(DOSSIER)
    desk.accept()
    on_dossier_accepted(
        Fact(fact.envelope._replace(traceparent=trace), fact.data), other := a_uow(), lambda: desk.competence
    )
    other.keep()
    (work,) = other.work.kept
    assert f'"traceparent":"{trace}"'.encode() in work.body

    (plain,) = desk.work
    parcel = json.loads(plain.body)
    nameless = json.dumps({**parcel, "cause": list(parcel["cause"].values())}).encode()
    assert read_parcel(nameless) == read_parcel(plain.body)


def test_without_a_competent_agency_the_failure_is_said_once_however_often_it_is_tried() -> None:
    desk = Desk(a_competence(NOBODY))
    desk.accept()
    desk.retry(a_competence(NOBODY, edition="2"))
    desk.retry(a_competence(NOBODY, edition="3"))

    assert desk.said == ["dossier.routing_failed.v1"]
    assert desk.work == []
    assert (desk.transfer.state, desk.transfer.edition) == ("routing_failed", "3")


def test_mended_data_send_on_what_had_failed_with_its_form_and_its_supplements_in_order() -> None:
    desk = Desk(a_competence(NOBODY))
    desk.accept(sealed_form="a..b.c.d")
    desk.supplement(2)
    desk.supplement(1)
    desk.retry(COMPETENCE)
    desk.retry(COMPETENCE)

    assert desk.said == ["dossier.routing_failed.v1", "dossier.routed.v1"]
    parcels = [read_parcel(work.body) for work in desk.work]
    assert [(parcel.kind, parcel.request) for parcel in parcels] == [
        ("dossier", 0),
        ("supplement", 1),
        ("supplement", 2),
    ]
    assert parcels[0].sealed_form == "a..b.c.d"
    assert desk.transfer.waiting == ()


def test_a_retry_of_what_is_on_its_way_changes_nothing(desk: Desk) -> None:
    desk.accept()
    before = desk.transfer
    desk.retry(COMPETENCE)

    assert (desk.transfer, len(desk.work), len(desk.said)) == (before, 1, 1)


def test_a_supplement_before_acceptance_is_no_affair_of_the_agency(desk: Desk) -> None:
    desk.supplement(promise=None)

    assert desk.uow.transfers.get(DOSSIER) is None


def test_a_supplement_that_is_read_before_the_acceptance_waits_for_it(desk: Desk) -> None:
    desk.supplement()
    assert (desk.transfer.state, desk.work) == ("unknown", [])

    desk.accept()

    assert [work.kind for work in desk.work] == ["dossier", "supplement"]


def test_the_same_supplement_under_another_id_is_sent_once(desk: Desk) -> None:
    desk.accept()
    desk.supplement(1)
    on_dossier_supplement_received(supplement(DOSSIER, 1), desk.uow)
    desk.uow.keep()

    assert [work.kind for work in desk.work] == ["dossier", "supplement"]


def test_the_hand_over_tells_business_time_and_the_agencys_number(desk: Desk) -> None:
    desk.accept()
    desk.settle(desk.work[0], Sent("CA-0001"), attempts=3)

    body = json.loads(desk.uow.outbox.kept[-1].body)
    assert (body["attempts"], body["foreign_number"], body["handed_over_at"]) == (3, "CA-0001", "2026-03-02T01:05:00Z")
    assert desk.transfer.state == "handed_over"


def test_a_refusal_is_said_again_after_a_redo_that_was_refused_again_and_a_success_outranks_it(desk: Desk) -> None:
    desk.accept()
    (work,) = desk.work
    desk.settle(work, Refused("http-422"), attempts=1)
    desk.settle(work, Refused("http-422"), attempts=2)
    assert (desk.said.count("dossier.hand_over_refused.v1"), desk.transfer.state) == (2, "refused")
    assert len({record.envelope.id for record in desk.uow.outbox.kept}) == 3

    desk.settle(work, Sent(None), attempts=3)
    assert desk.transfer.state == "handed_over"


def test_an_agency_cannot_speak_of_anothers_dossier(desk: Desk) -> None:
    desk.accept()
    for leg, agency in (("lead", COMMITTEE.code), ("other", POLICE.code)):
        with pytest.raises(TransferUnknown):
            desk.answer(Complete(APPROVED), leg, agency)


def test_an_answer_that_overtakes_our_own_record_of_the_hand_over_counts(desk: Desk) -> None:
    desk.accept()
    desk.answer(Complete(APPROVED))
    desk.settle(desk.work[0], Sent("CA-0001"))

    assert desk.transfer.state == "completed"
    assert desk.said[-2:] == ["dossier.completed.v1", "dossier.handed_over.v1"]


def test_a_late_acknowledgement_is_noted_and_the_dossier_stays_completed(desk: Desk) -> None:
    desk.accept()
    desk.answer(Complete(APPROVED))

    assert desk.answer(Acknowledge(NOW, "CA-0001")) == "new"
    assert desk.transfer.state == "completed"
    assert desk.transfer.legs[0].acknowledged_at == NOW


def test_of_two_results_the_first_stands_and_the_other_is_kept_as_a_contradiction(desk: Desk) -> None:
    desk.accept()
    desk.answer(Complete(APPROVED))
    rejected = Outcome("rejected", None, NOW)

    assert [desk.answer(Complete(rejected)), desk.answer(Complete(rejected))] == ["contradiction", "known"]
    (leg,) = desk.transfer.legs
    assert (leg.outcome, leg.conflicts) == (APPROVED, (rejected,))
    assert desk.transfer.contradicted
    assert desk.said.count("dossier.completed.v1") == 1


def test_a_result_that_is_repeated_with_another_minute_is_the_same_result(desk: Desk) -> None:
    desk.accept()
    desk.answer(Complete(APPROVED))

    assert desk.answer(Complete(Outcome("approved", "KQ-1", NOW.replace(minute=30)))) == "known"


def legs_completed(desk: Desk) -> list[tuple[str, str, str | None]]:
    said = [one for one in desk.uow.outbox.kept if one.envelope.type == "dossier.leg_completed.v1"]
    return [(body["leg"], body["role"], body.get("result_number")) for body in (json.loads(one.body) for one in said)]


def test_a_leg_that_decides_alone_is_completed_with_its_dossier(desk: Desk) -> None:
    desk.accept()
    desk.answer(Complete(APPROVED))
    assert legs_completed(desk) == []


TWO_IN_ROW = [a_leg("lead"), a_leg("land", "commune-committee", role="cooperating", order=2)]
BOTH = a_competence(
    Rule("commune-police", ("*",), COMMUNE, POLICE.code), Rule("commune-committee", ("*",), COMMUNE, COMMITTEE.code)
)


def test_legs_in_sequence_start_one_after_the_other_and_the_dossier_is_completed_with_the_last() -> None:
    desk = Desk(BOTH)
    desk.accept(legs=TWO_IN_ROW)
    desk.supplement()
    assert [(work.lane, work.kind) for work in desk.work] == [(POLICE.code, "dossier"), (POLICE.code, "supplement")]

    desk.answer(Complete(APPROVED))
    assert "dossier.completed.v1" not in desk.said
    assert [(work.lane, work.kind) for work in desk.work[2:]] == [
        (COMMITTEE.code, "dossier"),
        (COMMITTEE.code, "supplement"),
    ]

    desk.answer(Complete(Outcome("approved", "KQ-2", NOW)), "land", COMMITTEE.code)
    assert desk.said[-1] == "dossier.completed.v1"
    assert legs_completed(desk) == [("lead", "lead", "KQ-1"), ("land", "cooperating", "KQ-2")]
    assert desk.transfer.state == "completed"
    assert desk.transfer.waiting == ()


BESIDE = [a_leg(), a_leg("partner-1", "commune-committee", role="cooperating")]


@pytest.mark.parametrize("first", ["lead", "partner-1"])
def test_an_agency_that_cooperates_gets_the_dossier_at_once_and_holds_up_no_result(first: str) -> None:
    desk = Desk(BOTH)
    desk.accept(legs=BESIDE)
    assert [(work.lane, read_parcel(work.body).role) for work in desk.work] == [
        (POLICE.code, "lead"),
        (COMMITTEE.code, "cooperating"),
    ]
    results: dict[str, Callable[[], str]] = {
        "partner-1": lambda: desk.answer(Complete(Outcome("rejected", None, NOW)), "partner-1", COMMITTEE.code),
        "lead": lambda: desk.answer(Complete(APPROVED)),
    }
    results.pop(first)()
    assert (desk.transfer.state == "completed", "dossier.completed.v1" in desk.said) == (first == "lead",) * 2
    (last,) = results.values()
    last()
    completed = [record for record in desk.uow.outbox.kept if record.envelope.type == "dossier.completed.v1"]
    assert [json.loads(one.body)["result"] for one in completed] == ["approved"], "said once, by whoever resolves"
    assert legs_completed(desk) == [("partner-1", "cooperating", None)], "whoever cooperates is heard, late too"
    assert desk.transfer.state == "completed"


def test_what_an_agency_that_resolves_is_sent_says_nothing_of_roles() -> None:
    desk = Desk(BOTH)
    desk.accept(legs=BESIDE)
    assert [b'"role"' in work.body for work in desk.work] == [False, True]


ANSWERS: list[Answer] = [
    Acknowledge(NOW, "CA-0001"),
    RecordStep(Step("appraisal", "Thẩm định", None, NOW)),
    RecordStep(Step("signing", "Ký duyệt", "cb-02", NOW.replace(hour=2))),
    AskSupplement(Asked(NOW, ("to-khai",)), None),
    Complete(APPROVED),
]


def _end(desk: Desk) -> tuple[Transfer, set[tuple[UUID, bytes]], set[tuple[UUID, bytes]]]:
    works = {(work.id, work.lane.encode()) for work in desk.work}
    events = {(record.envelope.id, record.body) for record in desk.uow.outbox.kept}
    return desk.transfer, works, events


def _live(read: list[int], heard: list[int]) -> Desk:
    """Reads the events in the order of `read`, then hears answers and outcomes in the order of `heard`."""
    desk = Desk()
    events: list[Callable[[], None]] = [desk.accept, lambda: desk.supplement(1), lambda: desk.supplement(2)]
    for index in read:
        events[index]()
    settled: set[UUID] = set()
    for index in heard:
        if index < len(ANSWERS):
            desk.answer(ANSWERS[index])
        for work in desk.work if index == len(ANSWERS) else ():
            if work.id not in settled:
                settled.add(work.id)
                desk.settle(work, Sent("CA-0001" if work.kind == "dossier" else None))
    return desk


ORDERLY = _end(_live([0, 1, 2], [5, 0, 1, 2, 3, 4]))


@settings(max_examples=150, deadline=None)
@given(
    st.permutations([0, 1, 2]),
    st.lists(st.integers(0, 2), max_size=3),
    st.permutations(range(6)),
    st.lists(st.integers(0, 5), max_size=4),
)
def test_any_order_and_any_repetition_end_the_same(
    read: list[int], reread: list[int], heard: list[int], reheard: list[int]
) -> None:
    assert _end(_live([*read, *reread], [*heard, *reheard])) == ORDERLY


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=3))
def test_a_stopped_dossier_is_sent_to_nobody_whatever_is_read_when(order: list[int], again: list[int]) -> None:
    desk = Desk(BOTH)
    events: list[Callable[[], None]] = [
        lambda: desk.accept(legs=TWO_IN_ROW, sealed_form="a..b.c.d"),
        lambda: desk.supplement(1),
        lambda: desk.supplement(2),
        desk.stop,
    ]
    for index in (*order, *again):
        events[index]()
    assert desk.work == [], "what was put on its way is taken back"
    assert [leg.started for leg in desk.transfer.legs] == [False, False]
    assert (desk.transfer.waiting, desk.transfer.to_recall) == ((), False)
    assert desk.said == ["dossier.routed.v1"]


def test_a_dossier_that_an_agency_has_when_it_is_stopped_is_to_be_recalled_until_it_answers(desk: Desk) -> None:
    desk.accept()
    (work,) = desk.work
    desk.stop()
    assert not desk.transfer.to_recall
    desk.settle(work, Sent("CA-0001"))  # the attempt was under way
    assert desk.transfer.to_recall
    desk.answer(Complete(APPROVED))
    assert not desk.transfer.to_recall


HANDLED: dict[str, Callable[[Any, Desk], None]] = {
    DossierAcceptedV1.type: lambda fact, desk: on_dossier_accepted(fact, desk.uow, lambda: COMPETENCE),
    DossierSupplementReceivedV1.type: lambda fact, desk: on_dossier_supplement_received(fact, desk.uow),
    DossierStoppedV1.type: lambda fact, desk: on_dossier_stopped(fact, desk.uow, desk.offers),
    DossierCorrectedV1.type: lambda fact, desk: on_dossier_corrected(fact, desk.uow, desk.offers),
    DossierDeskStepRecordedV1.type: lambda fact, desk: on_dossier_desk_step_recorded(fact, desk.uow),
    DossierResultReturnedV1.type: lambda fact, desk: on_dossier_result_returned(fact, desk.uow),
}


@pytest.mark.parametrize("example", [one for one in examples_read_by("routing") if one.type in HANDLED], ids=str)
def test_every_published_example_is_understood(example: Any, desk: Desk) -> None:
    HANDLED[example.type](example.fact, desk)
    desk.uow.keep()


def test_work_of_different_dossiers_never_shares_an_id(desk: Desk) -> None:
    for dossier in (uuid4(), uuid4()):
        desk.accept(dossier)

    assert len({work.id for work in desk.work}) == 2
