"""Điều không còn cần báo: nobody whose result is there is told to wait, nobody who brought papers is asked for them."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_events.event import Fact
from hub_events.notify import MessageSentV1
from hub_messaging.outcomes import Refused, Sent
from tests.hosted import retold
from tests.notify.conftest import Hub
from tests.notify.test_corrected_contact import troubled
from tests.notify.world import (
    World,
    accepted,
    at,
    completed,
    desk_step,
    letter,
    missed,
    requested,
    stopped,
    supplemented,
)
from tests.waiting import until

DUE, LATER = at("11/03 17:00"), at("18/03 17:00")


@pytest.fixture
def world() -> World:
    return World()


def apart_and_at_once(facts: list[Fact]) -> tuple[World, World]:  # type: ignore[type-arg]
    """The same facts in a batch each, and all in one."""
    apart, at_once = World(), World()
    apart.hear(*facts)
    at_once.hear_at_once(*facts)
    return apart, at_once


@pytest.mark.parametrize("result", [completed(), desk_step()])
def test_who_was_told_of_the_result_is_not_told_that_it_is_late(world: World, result: Fact) -> None:  # type: ignore[type-arg]
    world.hear(accepted("sms", due_at=DUE), result, missed(DUE))
    assert world.references() == ["accepted", "completed"]
    assert world.states() == {"accepted:1": "due", "completed:1": "due"}


def test_a_miss_of_a_dossier_that_has_ended_is_told_to_nobody(world: World) -> None:
    world.hear(missed(DUE, ended_at=DUE), accepted("sms", due_at=DUE))
    assert world.references() == ["accepted"]


@settings(max_examples=60, deadline=None)
@given(
    some.permutations((accepted("sms", due_at=DUE), missed(DUE), missed(LATER, request=1), completed(), desk_step()))
)
def test_whatever_the_order_a_result_is_told_instead_of_a_miss_that_still_waits(facts: list[Fact]) -> None:  # type: ignore[type-arg]
    for world in apart_and_at_once(facts):
        assert sorted(world.references()) == ["accepted", "completed"]
        assert world.states() == {"accepted:1": "due", "completed:1": "due"}


@pytest.mark.parametrize("outcome", [Sent("GW-1"), Refused("http-422")])
def test_a_miss_that_the_supplier_may_have_ends_as_it_ends(world: World, outcome: Sent | Refused) -> None:
    world.hear(accepted("sms", due_at=DUE), missed(DUE))
    late = world.message("late:1")
    world.begun.add(late)  # timed out
    world.hear(completed())
    world.settle(late, outcome)
    assert world.states()["late:1"] == ("sent" if isinstance(outcome, Sent) else "failed")


@pytest.mark.parametrize("outcome", [Sent("GW-1"), Refused("http-422")])
def test_what_was_taken_back_under_way_is_owed_no_more_and_said_if_it_was_sent(
    world: World, outcome: Sent | Refused
) -> None:
    world.hear(accepted("sms", due_at=DUE), missed(DUE))
    late = world.message("late:1")
    world.hear(completed())
    world.settle(late, outcome)
    sent = {"late:1": "sent"} if isinstance(outcome, Sent) else {}
    assert world.states() == {"accepted:1": "due", "completed:1": "due", **sent}
    assert [(type(event), event.model_dump()["duty"]) for event in world.told.values()] == [
        (MessageSentV1, "late") for _ in sent
    ]


def test_who_has_brought_the_papers_is_not_asked_for_them(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), requested("sms", request=1), requested("sms", request=2), supplemented(1))
    assert world.references() == ["accepted", "supplement:2"]
    world.take("supplement:2")
    world.hear(supplemented(2))
    assert world.states() == {"accepted:1": "due", "supplement:2": "sent"}


@settings(max_examples=60, deadline=None)
@given(some.permutations((accepted("sms"), requested("sms", request=1), supplemented(1), requested("sms", request=2))))
def test_whatever_the_order_who_has_brought_the_papers_is_asked_for_others_alone(facts: list[Fact]) -> None:  # type: ignore[type-arg]
    for world in apart_and_at_once(facts):
        assert sorted(world.references()) == ["accepted", "supplement:2"]
        assert world.states() == {"accepted:1": "due", "supplement:2": "due"}


def test_what_is_told_again_under_another_id_is_not_asked_for_twice(world: World) -> None:
    world.hear(accepted("sms"), requested("sms", request=1))
    under_way = world.message("supplement:1")
    world.hear(supplemented(1), requested("sms", request=1))
    assert world.references() == ["accepted"]
    world.settle(under_way, Sent("GW-1"))
    world.hear(requested("sms", request=1))
    assert world.states() == {"accepted:1": "due", "supplement:1": "sent"}
    assert world.references() == ["accepted"]


def test_the_date_that_was_set_anew_is_shown(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), requested("sms"), supplemented(1, due_at=LATER))
    assert world.notices().due_at == LATER
    late_reader = World()
    late_reader.hear(supplemented(1, due_at=LATER), accepted("sms", due_at=DUE))
    assert late_reader.notices().due_at == LATER


def test_after_a_stop_its_lane_sends_first_what_is_on_its_way(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), missed(DUE), stopped("sms"))
    assert world.references() == ["accepted", "late", "stopped"]


# With a gateway


@pytest.mark.stack
async def test_while_the_gateway_is_away_a_result_overtakes_the_miss(hub: Hub) -> None:
    await hub.behave(down="unavailable")
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms", due_at=DUE), **hub.contact(dossier)), retold(dossier, missed(DUE)))
    await until(lambda: troubled(hub))
    await hub.read(retold(dossier, completed()))
    await hub.behave()
    await until(lambda: hub.settled(dossier, accepted="sent", completed="sent"), within=20)
    assert [effect["duty"] for effect in await hub.effects(dossier)] == ["accepted", "completed"]


@pytest.mark.stack
@pytest.mark.parametrize(("told", "last"), [(completed(), stopped("sms")), (missed(DUE), completed())])
async def test_nothing_is_sent_again_after_the_last_word(hub: Hub, told: Fact, last: Fact) -> None:  # type: ignore[type-arg]
    dossier = uuid4()
    contact = hub.contact(dossier)
    await hub.read(retold(dossier, accepted("sms", due_at=DUE), **contact))
    await until(lambda: hub.settled(dossier, accepted="sent"))
    await hub.behave(refuse_status=422)
    await hub.read(retold(dossier, told))
    duty = "completed" if "completed" in told.data.type else "late"
    await until(lambda: hub.settled(dossier, accepted="sent", **{duty: "failed"}))
    await hub.behave()
    await hub.read(retold(dossier, last, **(contact if "stopped" in last.data.type else {})))

    notice = f"/v1/notices/{dossier}/{duty}/1"
    assert (await hub.post(f"{notice}/redo")).json()["slug"] == "nothing-to-redo"
    again = {"sent": False, "why": "Nhà cung cấp không có tin này"}
    assert (await hub.post(f"{notice}/settle", again)).json()["slug"] == "nothing-to-settle"
    assert duty not in await duties(hub, dossier)
    ended = {**again, "again": False}
    assert (await hub.post(f"{notice}/settle", ended)).status_code == 200


async def duties(hub: Hub, dossier: UUID) -> list[str]:
    return [effect["duty"] for effect in await hub.effects(dossier)]


SECOND, THIRD = at("12/03 17:00"), at("16/03 17:00")  # an officer may set an earlier date than the one before


@settings(max_examples=100, deadline=None)
@given(
    some.permutations(
        (
            accepted("sms", due_at=LATER),
            requested("sms"),
            supplemented(due_at=SECOND),
            requested("sms", request=2),
            supplemented(2, due_at=THIRD),
            missed(LATER),
            missed(SECOND, request=1),
        )
    )
)
def test_whatever_the_order_the_newest_date_holds_and_a_miss_of_another_is_owed_no_more(facts: list[Fact]) -> None:  # type: ignore[type-arg]
    for world in apart_and_at_once(facts):
        assert world.notices().due_at == THIRD
        assert not [reference for reference in world.references() if reference.startswith("late")]


def test_a_date_that_holds_no_more_is_told_to_nobody_as_missed(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), requested("sms"), supplemented(due_at=LATER), missed(DUE))
    assert "late:1" not in world.states()
    world.hear(missed(LATER, request=1))
    assert "late:2" in world.states(), "the date that holds has passed"


def test_a_miss_is_not_told_while_papers_are_waited_for(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), requested("sms"), missed(DUE))
    assert "late:1" not in world.states()


def test_papers_that_were_wanted_before_the_acceptance_take_no_miss_back(world: World) -> None:
    world.hear(requested("sms", after=False), supplemented(), accepted("sms", due_at=DUE), missed(DUE))
    assert "late:1" in world.states()


def test_a_receipt_without_a_date_takes_none_from_a_supplement(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), supplemented(2, due_at=None), supplemented(due_at=LATER), accepted("sms"))
    assert world.notices().due_at == LATER


# Dates in what still waits


def test_an_acceptance_that_still_waits_names_the_date_that_a_supplement_brought(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), requested("sms"), supplemented(due_at=LATER))
    assert world.references() == ["accepted"]
    (text,) = world.texts()
    assert "17:00 18/03/2026" in text
    world.hear(requested("sms", request=2), supplemented(2, due_at=SECOND))
    (text,) = world.texts()
    assert "17:00 12/03/2026" in text
    world.take("accepted:1")
    assert world.states() == {"accepted:1": "sent"}


@settings(max_examples=60, deadline=None)
@given(some.permutations((supplemented(due_at=LATER), supplemented(2, due_at=THIRD), requested("sms"))))
def test_whatever_the_order_of_supplements_the_newest_date_is_told(facts: list[Fact]) -> None:  # type: ignore[type-arg]
    for world in apart_and_at_once([accepted("sms", due_at=DUE), *facts]):
        (text,) = [text for text in world.texts() if "da duoc tiep nhan" in text]
        assert "17:00 16/03/2026" in text


@pytest.mark.parametrize("outcome", [Sent("GW-1"), Refused("http-422")])
def test_what_was_under_way_with_the_old_date_is_followed_by_the_one_with_the_new(
    world: World, outcome: Sent | Refused
) -> None:
    world.hear(accepted("sms", due_at=DUE))
    old = world.message("accepted:1")
    world.hear(supplemented(due_at=LATER))
    world.settle(old, outcome)
    world.take("accepted:1")
    assert world.states() == {"accepted:1": "sent"}
    assert len(world.said(MessageSentV1)) == 1


def test_an_acceptance_that_failed_is_sent_again_with_the_date_that_holds(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE))
    failed = world.message("accepted:1")
    world.settle(failed, Refused("http-422"))
    world.hear(supplemented(due_at=LATER))
    assert world.states() == {"accepted:1": "failed"}
    world.redo(failed)
    assert ["17:00 18/03/2026" in text for text in world.texts()] == [False, True]


@pytest.mark.parametrize("after", [requested("sms"), supplemented(due_at=LATER)])
def test_the_date_of_a_letter_is_told_no_more_once_papers_are_asked_for_or_brought(world: World, after: Fact) -> None:  # type: ignore[type-arg]
    world.hear(accepted("sms", due_at=DUE), letter(SECOND), after)
    assert "reappointed" not in world.references()
    world.hear(supplemented(due_at=LATER), letter(THIRD, 2, request=1))
    assert "reappointed:2" in world.references(), "a letter about the new date is told"


def test_a_letter_that_failed_is_not_sent_again_beside_a_newer_date(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), letter(SECOND))
    failed = world.message("reappointed:1")
    world.settle(failed, Refused("http-422"))
    world.hear(supplemented(due_at=LATER))
    with pytest.raises(AssertionError):
        world.redo(failed)


@pytest.mark.stack
async def test_an_acceptance_that_got_another_date_while_the_gateway_was_away_is_told_once(hub: Hub) -> None:
    await hub.behave(down="unavailable")
    dossier = uuid4()
    contact = hub.contact(dossier)
    await hub.read(retold(dossier, accepted("sms", due_at=DUE), **contact))
    await until(lambda: troubled(hub))
    await hub.read(retold(dossier, requested("sms"), **contact), retold(dossier, supplemented(due_at=LATER)))
    await hub.behave()
    await until(lambda: hub.settled(dossier, accepted="sent"), within=20)
    assert await duties(hub, dossier) == ["accepted"]
