"""Đính chính liên hệ: whose number was wrong is told at the right one, and what still waits is told nobody else."""

from uuid import uuid4

import pytest

from hub_events.notify import CitizenUnreachedV1, MessageFailedV1, MessageSentV1
from hub_messaging.outcomes import Refused, Sent
from hub_sandbox.sms import recipient_hash
from tests.hosted import SMS_TOKEN, retold
from tests.notify.conftest import PHONE, Hub
from tests.notify.test_looked_after import NEW_PHONE, recipients, rows
from tests.notify.world import SEALED, SEALED_ANEW, World, accepted, completed, corrected, fact_of, requested
from tests.waiting import until

WRONG, RIGHT = (recipient_hash(phone, SMS_TOKEN) for phone in (PHONE, NEW_PHONE))


@pytest.fixture
def world() -> World:
    return World()


def test_what_still_waits_goes_to_the_corrected_contact_alone_and_in_its_order(world: World) -> None:
    world.hear(accepted("sms"), requested("sms"), corrected("sms"), completed())
    assert world.references() == ["accepted", "supplement:1", "completed"]
    assert world.recipients() == [SEALED_ANEW] * 3
    assert set(world.states().values()) == {"due"}
    assert len(world.taken_back) == 2


def test_a_correction_in_the_same_batch_is_no_other(world: World) -> None:
    world.hear_at_once(accepted("sms"), corrected("sms"), completed())
    assert world.references() == ["accepted", "completed"]
    assert world.recipients() == [SEALED_ANEW] * 2


@pytest.mark.parametrize("at_once", [True, False])
def test_a_correction_that_is_read_first_is_no_other(world: World, at_once: bool) -> None:
    facts = corrected("sms"), accepted("sms"), completed()
    if at_once:
        world.hear_at_once(*facts)
    else:
        world.hear(*facts)
    assert world.recipients() == [SEALED_ANEW] * 2


def test_the_last_of_several_corrections_is_told_and_the_same_contact_said_again_changes_nothing(world: World) -> None:
    world.hear(accepted("sms"), corrected("sms"))
    before = dict(world.work)
    again = requested("sms").data.model_copy(update={"sealed_contact": SEALED_ANEW})
    world.hear(fact_of(again, minute=9))
    assert {work_id: work for work_id, work in world.work.items() if work.kind == "accepted:1"} == before


def test_an_attempt_under_way_to_the_wrong_contact_does_not_end_the_duty(world: World) -> None:
    world.hear(accepted("sms"))
    wrong = world.message("accepted:1")
    world.hear(corrected("sms"))
    world.settle(wrong, Sent("GW-1"))
    assert (world.states(), world.told) == ({"accepted:1": "due"}, {})

    world.settle(world.message("accepted:1"), Sent("GW-2"))
    world.settle(wrong, Refused("http-422"))
    assert [event.supplier_reference for event in world.said(MessageSentV1)] == ["GW-2"]
    assert (world.states(), world.said(MessageFailedV1)) == ({"accepted:1": "sent"}, [])
    assert world.recipients() == [SEALED_ANEW]


@pytest.mark.parametrize("outcome", [Sent("GW-1"), Refused("http-422"), Refused("phone-invalid")])
def test_what_the_supplier_may_have_had_is_told_at_the_right_contact_once_it_ends(
    world: World, outcome: Sent | Refused
) -> None:
    world.hear(accepted("sms"))
    wrong = world.message("accepted:1")
    world.begun.add(wrong)  # timed out
    world.hear(corrected("sms"))
    assert world.recipients() == [SEALED], "it may have been taken: nothing is sent beside it"

    world.settle(wrong, outcome)
    assert (world.states(), world.told) == ({"accepted:1": "due"}, {})
    world.settle(world.message("accepted:1"), Sent("GW-2"))
    assert world.states() == {"accepted:1": "sent"}
    assert world.recipients() == [SEALED, SEALED_ANEW]


def test_who_withdraws_the_number_is_not_written_to(world: World) -> None:
    world.hear(accepted("sms"), corrected())
    assert (world.work, world.states()) == ({}, {"accepted:1": "unreached"})
    assert [event.reason for event in world.said(CitizenUnreachedV1)] == ["no-contact"]


@pytest.mark.parametrize("outcome", [Sent("GW-1"), Refused("http-422")])
def test_an_attempt_under_way_to_a_number_that_was_withdrawn_reaches_nobody(
    world: World, outcome: Sent | Refused
) -> None:
    world.hear(accepted("sms"))
    withdrawn = world.message("accepted:1")
    world.hear(corrected())
    world.settle(withdrawn, outcome)
    assert world.states() == {"accepted:1": "unreached"}
    assert [type(event) for event in world.told.values()] == [CitizenUnreachedV1]


def test_a_refusal_at_the_wrong_number_that_a_person_ends_leaves_what_was_told_at_the_right_one(world: World) -> None:
    world.hear(accepted("sms"))
    wrong = world.message("accepted:1")
    world.begun.add(wrong)  # timed out
    world.hear(corrected("sms"))
    world.settle(wrong, Refused("http-422"))
    world.settle(world.message("accepted:1"), Sent("GW-2"))
    told = dict(world.told)
    assert world.redo(wrong) == [(wrong, "done", "contact-changed")]
    assert (world.states(), world.told, world.recipients()) == ({"accepted:1": "sent"}, told, [SEALED, SEALED_ANEW])


def test_what_was_sent_before_the_correction_stays_sent(world: World) -> None:
    world.hear(accepted("sms"))
    world.settle(world.message("accepted:1"), Sent("GW-1"))
    world.hear(corrected("sms"))
    assert (world.states(), world.recipients()) == ({"accepted:1": "sent"}, [SEALED])


@pytest.mark.stack
@pytest.mark.parametrize("at_once", [True, False])
async def test_while_the_gateway_is_away_nothing_goes_to_the_wrong_number(hub: Hub, at_once: bool) -> None:
    await hub.behave(down="unavailable")
    dossier = uuid4()
    taken = retold(dossier, accepted("sms"), **hub.contact(dossier))
    right = retold(dossier, corrected("sms"), **hub.contact(dossier, phone=NEW_PHONE))
    if at_once:
        await hub.read(taken, right)
    else:
        await hub.read(taken)
        await until(lambda: troubled(hub))
        await hub.read(right)
    await hub.behave()

    await until(lambda: hub.settled(dossier, accepted="sent"), within=20)
    assert await recipients(hub, dossier) == [RIGHT]
    given_up = [] if at_once else [("done", "contact-changed")]
    assert [row[:2] for row in await rows(hub, dossier)] == [*given_up, ("done", "sent")]
    assert await hub.types(dossier) == ["message.sent.v1"]


@pytest.mark.stack
async def test_a_call_under_way_ends_as_it_ends_and_the_citizen_is_told_all_the_same(hub: Hub) -> None:
    await hub.behave(late_answer_seconds=1.5)
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))
    await until(lambda: effects(hub, dossier, 1))
    await hub.read(retold(dossier, corrected("sms"), **hub.contact(dossier, phone=NEW_PHONE)))
    await hub.behave()

    await until(lambda: hub.settled(dossier, accepted="sent"), within=20)
    assert await recipients(hub, dossier) == [WRONG, RIGHT]
    (notice,) = (await hub.get(f"/v1/notices/{dossier}")).json()["notices"]
    assert notice["supplier_reference"] == (await hub.effects(dossier))[1]["answer"]
    assert await hub.types(dossier) == ["message.sent.v1"]


async def troubled(hub: Hub) -> bool:
    return (await hub.get("/v1/suppliers")).json()["items"][0]["trouble"] is not None


async def effects(hub: Hub, dossier: object, number: int) -> bool:
    return len(await hub.effects(dossier)) == number  # type: ignore[arg-type]
