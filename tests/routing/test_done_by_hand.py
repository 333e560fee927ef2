"""Kết quả đã có tại quầy: what the desk decided by hand, past an agency, is handed over to nobody afterwards."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_events.event import Fact
from hub_messaging.outcomes import Refused, Sent
from services.routing.domain.answers import Complete
from tests.routing.conftest import Hub
from tests.routing.desk import Desk
from tests.routing.facts import (
    COMMITTEE,
    NOW,
    POLICE,
    a_competence,
    accepted,
    result_ready,
    result_returned,
    stopped,
    supplement,
)
from tests.routing.test_handlers import APPROVED, BESIDE, BOTH, NOBODY, TWO_IN_ROW
from tests.routing.test_lanes import handed_over
from tests.routing.test_missing_partners import MENDED, NOBODY_HELPS
from tests.routing.test_transfers import TAX, missing

FORM = "a..b.c.d"


def _at_the_desk(desk: Desk, **changes: Any) -> list[Callable[[], None]]:
    """What is read of a dossier that the desk ends by hand."""
    return [
        lambda: desk.accept(sealed_form=FORM, **changes),
        lambda: desk.supplement(1),
        desk.correct,
        desk.step,
        desk.hand_back,
    ]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from([TWO_IN_ROW, BESIDE]), st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=3))
def test_a_dossier_done_by_hand_is_sent_to_nobody_whatever_is_read_when(
    legs: list[Any], order: list[int], again: list[int]
) -> None:
    desk = Desk(BOTH)
    facts = _at_the_desk(desk, legs=legs)
    for index in (*order, *again):
        facts[index]()
    assert desk.work == [], "what was put on its way is taken back"
    assert [leg.started for leg in desk.transfer.legs] == [False, False]
    assert (desk.transfer.waiting, desk.transfer.to_recall, desk.transfer.to_correct) == ((), False, False)
    assert desk.transfer.done_at == NOW + timedelta(hours=2), "when the result was there first"
    assert desk.said == ["dossier.routed.v1"]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(5)))
def test_one_that_was_held_without_an_agency_to_lead_is_missed_no_more_and_sent_to_nobody_once_there_is_one(
    order: list[int],
) -> None:
    desk = Desk(a_competence(NOBODY))
    facts = _at_the_desk(desk, legs=BESIDE)
    for index in order:
        facts[index]()
    assert (desk.transfer.state, desk.transfer.unplaced, desk.transfer.waiting) == ("routed", (), ())
    desk.retry(BOTH)
    assert (desk.work, desk.transfer.state, "dossier.routed.v1" in desk.said) == ([], "routed", False)


@pytest.mark.parametrize("step", ["signed", "fee-asked", "appraised"])
def test_other_steps_of_the_desk_are_no_affair_of_the_agencies(step: str) -> None:
    desk = Desk()
    desk.accept()
    desk.step(step)
    assert (len(desk.work), desk.transfer.done_at) == (1, None)


def test_an_attempt_that_was_under_way_ends_as_it_ends_and_its_agency_is_heard_but_not_recalled() -> None:
    desk = Desk(BOTH, "cancellations")
    desk.accept()
    (work,) = desk.work
    desk.step()
    desk.settle(work, Sent("CA-0001"))
    assert (desk.transfer.state, desk.transfer.to_recall, desk.work) == ("handed_over", False, [])
    desk.answer(Complete(APPROVED))
    assert (desk.transfer.state, desk.said[-1]) == ("completed", "dossier.completed.v1")


def test_what_follows_the_leg_that_its_agency_has_is_not_begun_though_that_agency_answers_later() -> None:
    desk = Desk(BOTH)
    desk.accept(legs=TWO_IN_ROW)
    desk.settle(desk.work[0], Sent())
    desk.step()
    desk.answer(Complete(APPROVED))
    assert [work.lane for work in desk.work] == [POLICE.code]
    assert [leg.state for leg in desk.transfer.legs] == ["completed", "planned"]


def test_a_leg_that_its_agency_refused_stays_refused() -> None:
    desk = Desk(BOTH)
    desk.accept(legs=TWO_IN_ROW)
    desk.settle(desk.work[0], Refused("http-422"))
    desk.hand_back()
    assert [leg.state for leg in desk.transfer.legs] == ["refused", "planned"]


REVEALS: list[Callable[[Desk], object]] = [
    lambda desk: desk.settle(desk.work[0], Sent()),
    lambda desk: desk.answer(Complete(APPROVED)),
]


@pytest.mark.parametrize("reveal", REVEALS, ids=["taken", "answered"])
def test_where_the_agency_that_decides_has_it_a_missing_partner_joins_all_the_same(
    reveal: Callable[[Desk], object],
) -> None:
    desk = Desk(NOBODY_HELPS)
    desk.accept(legs=BESIDE)
    reveal(desk)
    desk.step()
    desk.hand_back()
    assert (desk.transfer.done_at, desk.transfer.state) == (None, "routing_failed")
    desk.retry(MENDED)
    assert [work.lane for work in desk.work] == [POLICE.code, COMMITTEE.code]


# With a database and sockets.

stack = pytest.mark.stack
ENDS: list[Callable[[Any], Fact[Any]]] = [result_ready, result_returned]


@stack
@pytest.mark.parametrize("end", ENDS)
async def test_what_was_not_sent_yet_when_the_result_came_by_hand_never_is(
    hub: Hub, end: Callable[[Any], Fact[Any]]
) -> None:
    await hub.behave(down="unavailable")
    gone, staying, at_once = await hub.accept(), await hub.accept(), uuid4()
    await hub.read(supplement(gone))
    await hub.read(end(gone))
    await hub.read(accepted(at_once), end(at_once))
    await hub.behave(callback="never")
    await handed_over(hub, staying, 15)

    assert await hub.effects(gone) + await hub.effects(at_once) == []
    states = await hub.fetch("SELECT state, outcome FROM work WHERE dossier_id = $1", gone)
    assert [tuple(row) for row in states] == [("done", "withdrawn")] * 2
    shown = await hub.state(gone)
    assert (shown["done_at"] is not None, shown["stopped_at"], shown["legs"][0]["state"]) == (True, None, "planned")
    assert await hub.fetch("SELECT FROM work WHERE dossier_id = $1", at_once) == [], "in one batch"


@stack
@pytest.mark.parametrize("end", [*ENDS, stopped])
async def test_a_held_dossier_that_ended_at_the_desk_is_listed_no_more_and_said_to_be_routed_by_no_later_rule(
    hub: Hub, end: Callable[[Any], Fact[Any]]
) -> None:
    dossier_id = await hub.accept(**TAX)
    assert (await missing(hub))["lead"] == 1
    await hub.read(end(dossier_id))
    assert await missing(hub) == {"lead": 0, "cooperating": 0}
    assert (await hub.get("/v1/transfers?state=routing_failed")).json()["items"] == []

    going_on = await hub.accept(**TAX)
    hub.mend()
    await handed_over(hub, going_on)
    assert (await hub.post(f"/v1/transfers/{dossier_id}/retry")).status_code == 200
    assert await hub.types(dossier_id) == ["dossier.routing_failed.v1"]
    assert await hub.effects(dossier_id) == []


@stack
async def test_one_that_was_stopped_under_the_version_before_is_listed_no_more(hub: Hub) -> None:
    gone, open_still = await hub.accept(**TAX), await hub.accept(**TAX)
    await hub.read(stopped(gone))
    await hub.fetch("UPDATE transfer SET state = 'routing_failed'")
    await hub.fetch(import_module("services.routing.migrations.versions.0008_done_by_hand").STOPPED_BEFORE)
    items = (await hub.get("/v1/transfers?state=routing_failed")).json()["items"]
    assert [item["dossier_id"] for item in items] == [str(open_still)]
