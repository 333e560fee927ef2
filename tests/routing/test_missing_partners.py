"""Chưa xác định được cơ quan phối hợp: who leads goes to work, and who is missing is missed until it is there."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_messaging.outcomes import Sent
from services.routing.domain.answers import Complete
from services.routing.domain.competence import Rule
from services.routing.domain.transfer import Outcome
from services.routing.handlers.dossier_accepted import on_dossier_accepted
from services.routing.handlers.parcels import read_parcel
from tests.routing.desk import DOSSIER, Desk
from tests.routing.facts import COMMITTEE, COMMUNE, NOW, POLICE, a_competence, a_leg, accepted

LEADS = Rule("commune-police", ("*",), COMMUNE, POLICE.code)
HELPS = Rule("commune-committee", ("*",), COMMUNE, COMMITTEE.code)
TAXES = Rule("tax-office", ("*",), "*", COMMITTEE.code)
NOBODY_HELPS = a_competence(LEADS)
NOBODY_LEADS = a_competence(HELPS, edition="0")
MENDED = a_competence(LEADS, HELPS, edition="2")
BESIDE = [a_leg(), a_leg("partner-1", "commune-committee", role="cooperating")]
TWO_BESIDE = [*BESIDE, a_leg("partner-2", "tax-office", role="cooperating")]
AFTERWARDS = [a_leg(), a_leg("land", "commune-committee", role="cooperating", order=2)]
APPROVED = Complete(Outcome("approved", "KQ-1", NOW))


@pytest.fixture
def desk() -> Desk:
    """Nobody is competent to help."""
    return Desk(NOBODY_HELPS)


def parcels(desk: Desk) -> list[tuple[str, str, int]]:
    """Agency, kind and number of what was put on its way."""
    found = [read_parcel(work.body) for work in desk.work]
    return [(parcel.agency_code, parcel.kind, parcel.request) for parcel in found]


def bodies(desk: Desk, type: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in desk.uow.outbox.kept if one.envelope.type == type]


@pytest.mark.parametrize("legs", [BESIDE, AFTERWARDS], ids=["beside the lead", "after the lead"])
def test_the_agency_that_leads_has_the_dossier_at_once_and_the_missing_one_is_said(
    desk: Desk, legs: list[dict[str, Any]]
) -> None:
    desk.accept(legs=legs)

    assert parcels(desk) == [(POLICE.code, "dossier", 0)]
    assert desk.said == ["dossier.routed.v1", "dossier.routing_failed.v1"]
    (routed,), (failed,) = bodies(desk, desk.said[0]), bodies(desk, desk.said[1])
    assert [leg["leg"] for leg in routed["legs"]] == ["lead"]
    assert "added" not in routed
    assert (failed["leg"], failed["role"], failed["reason"]) == (legs[1]["leg"], "cooperating", "no-competent-agency")
    assert (desk.transfer.state, desk.transfer.failed_leg, desk.transfer.routed_at) == (
        "routing_failed",
        legs[1]["leg"],
        None,
    )


def test_without_an_agency_to_lead_nobody_gets_it_and_the_lead_alone_is_said_to_be_missing() -> None:
    desk = Desk(NOBODY_LEADS)
    desk.accept(legs=list(reversed(TWO_BESIDE)))

    assert (desk.work, desk.said) == ([], ["dossier.routing_failed.v1"])
    (failed,) = bodies(desk, "dossier.routing_failed.v1")
    assert (failed["leg"], failed["role"]) == ("lead", "lead")
    assert [leg.leg for leg in desk.transfer.unplaced] == ["lead"]
    assert desk.transfer.offices == ("H26.20.01",), "whom it was not sent to doesn't see it"


def test_when_somebody_leads_at_last_the_partner_that_is_still_missing_is_said_then() -> None:
    desk = Desk(NOBODY_LEADS)
    desk.accept(legs=TWO_BESIDE)
    desk.retry(MENDED)

    assert desk.said == ["dossier.routing_failed.v1", "dossier.routed.v1", "dossier.routing_failed.v1"]
    assert [fact["leg"] for fact in bodies(desk, "dossier.routing_failed.v1")] == ["lead", "partner-2"]
    assert [agency for agency, *_ in parcels(desk)] == [POLICE.code, COMMITTEE.code]


def test_each_missing_partner_is_said_once_and_joins_by_itself_when_it_is_found() -> None:
    desk = Desk(NOBODY_HELPS)
    desk.accept(legs=TWO_BESIDE)
    for edition in ("3", "4"):
        desk.retry(a_competence(LEADS, edition=edition))
    assert [fact["leg"] for fact in bodies(desk, "dossier.routing_failed.v1")] == ["partner-1", "partner-2"]

    desk.retry(MENDED)
    assert (desk.transfer.state, desk.transfer.failed_leg) == ("routing_failed", "partner-2")
    for _ in range(2):
        desk.retry(a_competence(LEADS, HELPS, TAXES, edition="5"))

    assert [fact.get("added") for fact in bodies(desk, "dossier.routed.v1")] == [None, ["partner-1"], ["partner-2"]]
    last = bodies(desk, "dossier.routed.v1")[-1]["legs"]
    assert [leg["leg"] for leg in last] == ["lead", "partner-1", "partner-2"], "the last one tells it as a whole"
    assert len(bodies(desk, "dossier.routing_failed.v1")) == 2
    assert len({one.envelope.id for one in desk.uow.outbox.kept}) == len(desk.said)
    assert [agency for agency, *_ in parcels(desk)] == [POLICE.code, COMMITTEE.code, COMMITTEE.code]
    assert (desk.transfer.state, desk.transfer.waiting) == ("routed", ())


def test_who_has_the_dossier_keeps_it_though_the_mended_table_names_another(desk: Desk) -> None:
    desk.accept(legs=BESIDE)
    moved = Rule("commune-police", ("*",), COMMUNE, COMMITTEE.code)
    desk.retry(a_competence(moved, HELPS, edition="2"))

    assert [leg.agency for leg in desk.transfer.legs] == [POLICE, COMMITTEE]


def test_what_came_in_meanwhile_reaches_the_partner_when_it_is_found_and_the_dossier_is_right_in_its_hands() -> None:
    desk = Desk(NOBODY_HELPS, "corrections")
    desk.accept(legs=BESIDE, sealed_form="a..b.c.d")
    desk.supplement()
    desk.correct()
    assert [kind for _, kind, _ in parcels(desk)] == ["dossier", "supplement", "correction"]

    desk.retry(MENDED)

    assert parcels(desk)[3:] == [(COMMITTEE.code, "dossier", 0), (COMMITTEE.code, "supplement", 1)]
    assert read_parcel(desk.work[3].body).sealed_form == "a..b.c1.d", "as it was corrected"
    assert desk.transfer.waiting == ()


def test_the_leads_result_is_told_at_once_and_the_missing_partner_stays_listed_and_still_gets_the_dossier(
    desk: Desk,
) -> None:
    desk.accept(legs=BESIDE)
    desk.settle(desk.work[0], Sent(None))
    desk.answer(APPROVED)

    assert desk.said[-1] == "dossier.completed.v1"
    assert desk.transfer.state == "routing_failed", "not everybody who should have heard of it has"

    desk.retry(MENDED)
    assert (desk.transfer.state, parcels(desk)[-1]) == ("completed", (COMMITTEE.code, "dossier", 0))
    desk.answer(APPROVED, "partner-1", COMMITTEE.code)
    assert desk.said.count("dossier.completed.v1") == 1


def test_a_missing_agency_that_decides_after_the_lead_keeps_the_dossier_from_being_completed(desk: Desk) -> None:
    desk.accept(legs=AFTERWARDS)
    desk.answer(APPROVED)
    assert "dossier.completed.v1" not in desk.said
    assert desk.transfer.state == "routing_failed"

    desk.retry(MENDED)
    assert parcels(desk) == [(POLICE.code, "dossier", 0), (COMMITTEE.code, "dossier", 0)]
    desk.answer(APPROVED, "land", COMMITTEE.code)
    assert (desk.said[-1], desk.transfer.state) == ("dossier.completed.v1", "completed")


def test_a_stopped_dossier_wants_no_partner_any_more(desk: Desk) -> None:
    desk.accept(legs=BESIDE)
    desk.settle(desk.work[0], Sent(None))
    desk.stop()
    desk.retry(MENDED)

    assert (desk.transfer.state, desk.transfer.unplaced) == ("handed_over", ())
    assert desk.transfer.to_recall
    assert desk.said.count("dossier.routed.v1") == 1
    assert desk.transfer.waiting == ()


def test_a_dossier_that_a_version_before_held_whole_for_a_partner_goes_on_when_it_is_tried_again(desk: Desk) -> None:
    desk.accept(legs=BESIDE)
    held = desk.transfer._replace(legs=tuple(leg._replace(agency=None, started=False) for leg in desk.transfer.legs))
    desk = Desk(NOBODY_HELPS)
    desk.uow.transfers.put(DOSSIER, held)
    desk.retry(NOBODY_HELPS)

    assert desk.said == ["dossier.routed.v1"], "the failure was said by that version"
    assert parcels(desk) == [(POLICE.code, "dossier", 0)]


def _acts(desk: Desk) -> list[Callable[[], None]]:
    """What may happen in any order; the lead answers as soon as it has the dossier."""

    def accept() -> None:
        desk.accept(legs=BESIDE, sealed_form="a..b.c.d")

    def mend() -> None:
        desk.competence = MENDED
        desk.retry(MENDED)

    def settle() -> None:
        for work in desk.work:
            desk.settle(work, Sent(None))

    return [accept, desk.supplement, mend, settle]


@settings(max_examples=80, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=4))
def test_whenever_the_data_are_mended_and_whatever_is_told_twice_the_same_legs_get_the_same(
    order: list[int], again: list[int]
) -> None:
    desk, orderly = Desk(NOBODY_HELPS), Desk(MENDED)
    acts, plain = _acts(desk), _acts(orderly)
    for index in (*order, *again, 3):
        acts[index]()
    for index in (0, 1, 3):
        plain[index]()

    assert {(work.id, work.lane, work.body) for work in desk.work} == {
        (work.id, work.lane, work.body) for work in orderly.work
    }
    assert len({work.id for work in desk.work}) == len(desk.work)
    assert (desk.transfer.legs, desk.transfer.state) == (orderly.transfer.legs, "handed_over")
    assert len({one.envelope.id for one in desk.uow.outbox.kept if "handed" not in one.envelope.type}) == len(
        [one for one in desk.said if "handed" not in one]
    )


def test_the_fact_under_another_id_makes_no_second_leg(desk: Desk) -> None:
    desk.accept(legs=BESIDE)
    before = desk.transfer
    fact = accepted(DOSSIER, legs=BESIDE)
    on_dossier_accepted(fact._replace(envelope=fact.envelope._replace(id=DOSSIER)), desk.uow, lambda: desk.competence)
    desk.uow.keep()

    assert (desk.transfer, len(desk.work), len(desk.said)) == (before, 1, 2)
