"""Nghĩa vụ thông báo: who is told what, once, and what happens when nobody can be told."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_events.event import Fact
from hub_events.examples import Example, examples_read_by
from hub_events.ids import derive_id
from hub_events.intake import DossierAcceptedV1
from hub_events.notify import (
    CitizenUnreachedV1,
    CitizenUnreachedV2,
    MessageFailedV1,
    MessageFailedV2,
    MessageSentV1,
    MessageSentV2,
)
from hub_messaging.errors import CannotProcess
from hub_messaging.outcomes import Refused, Sent
from hub_sandbox.sms import _REFERENCE
from services.notify.bootstrap import handlers
from services.notify.handlers.ports import Sending
from tests.notify.world import (
    DOSSIER,
    SENDING,
    World,
    accepted,
    at,
    completed,
    corrected,
    desk_step,
    fact_of,
    letter,
    missed,
    refused,
    requested,
    stopped,
    supplemented,
)

DUE = at("11/03 17:00")
CODE = "H26.15.01-260302-0001"


@pytest.fixture
def world() -> World:
    return World()


def test_an_acceptance_is_told_with_code_and_date(world: World) -> None:
    fact = accepted("sms", due_at=DUE)
    world.hear(fact)

    assert world.texts() == [f"Ho so {CODE} (Dang ky khai sinh) da duoc tiep nhan. Hen tra ket qua: 17:00 11/03/2026."]
    (work,) = world.work.values()
    assert work.id == derive_id(fact.id, "duty", "accepted", "sms")
    assert (work.lane, work.dossier_id) == ("sms:gateway", DOSSIER)
    assert world.states() == {"accepted:1": "due"}


def test_a_term_without_date_is_told_without_one(world: World) -> None:
    world.hear(accepted("sms"))
    assert world.texts() == [f"Ho so {CODE} (Dang ky khai sinh) da duoc tiep nhan."]


def test_each_duty_has_its_own_words_and_reference(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), missed(DUE))
    world.take("late:1")
    world.hear(requested("sms", request=1), requested("sms", request=2), missed(at("20/03 17:00"), request=2))
    world.take("late:3")
    world.hear(completed())
    assert world.references() == ["accepted", "late", "supplement:1", "supplement:2", "late:3", "completed"]
    assert world.texts()[2].startswith(f"Ho so {CODE} (")
    assert "chua co ket qua khi den hen tra 17:00 11/03/2026" in world.texts()[1]
    assert "17:00 20/03/2026" in world.texts()[4]
    assert "da giai quyet xong" in world.texts()[5]


def test_a_refusal_is_told_without_code_and_reason(world: World) -> None:
    world.hear(refused("sms"))
    assert "khong duoc tiep nhan" in world.texts()[0]
    assert world.references() == ["refusal"]


def test_a_stop_is_told_once_and_said_by_the_second_versions_alone(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), stopped("sms"), stopped("sms"))
    assert world.texts()[1] == (
        f"Ho so {CODE} (Xac nhan thong tin ve cu tru) da dung giai quyet. Moi lien he noi da nop ho so."
    )
    assert world.references() == ["accepted", "stopped"]
    assert _REFERENCE.match(f"{DOSSIER}:stopped"), "the gateway of tests and demo knows it"
    message = next(work.id for work in world.work.values() if work.kind == "stopped:1")
    world.settle(message, Refused("blocked"))
    world.settle(message, Sent("GW-1"), attempts=2)
    assert [event.duty for event in world.said(MessageFailedV2)] == ["stopped"]
    assert [event.duty for event in world.said(MessageSentV2)] == ["stopped"]
    assert world.said(MessageSentV1) == world.said(MessageFailedV1) == []


def test_the_new_date_of_each_apology_letter_is_told_once_and_other_forms_bring_no_message(world: World) -> None:
    first, right = letter(at("26/03 17:00")), letter(at("16/03 17:00"), 2)
    world.hear(accepted("sms", due_at=DUE), letter(None), first, first, right)
    assert world.texts()[1:] == [
        f"Ho so {CODE} (Dang ky khai sinh) duoc hen lai ngay tra ket qua: {due}. Xin xem phieu hen lai."
        for due in ("17:00 26/03/2026", "17:00 16/03/2026")
    ]
    assert world.references() == ["accepted", "reappointed", "reappointed:2"]
    assert all(_REFERENCE.match(f"{DOSSIER}:{reference}") for reference in world.references())
    message = next(work.id for work in world.work.values() if work.kind == "reappointed:1")
    world.settle(message, Sent("GW-1"))
    assert [event.duty for event in world.said(MessageSentV2)] == ["reappointed"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_date_that_a_letter_has_put_off_is_told_to_nobody_as_missed(world: World, order: tuple[int, ...]) -> None:
    facts = [accepted("sms", due_at=DUE), letter(at("26/03 17:00")), missed(DUE)]
    world.hear(*(facts[place] for place in order))
    assert sorted(world.references()) == ["accepted", "reappointed"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_letters_date_is_told_to_nobody_once_papers_were_asked_for_or_brought(
    world: World, order: tuple[int, ...]
) -> None:
    again = supplemented(due_at=at("20/03 17:00"))
    facts = [accepted("sms", due_at=DUE), letter(at("16/03 17:00")), requested("sms"), again]
    world.hear(*(facts[place] for place in order))
    assert world.references() == ["accepted"]
    assert "17:00 20/03/2026" in world.texts()[0]


def test_the_date_of_a_later_supplement_is_told_as_missed_although_a_letter_put_off_the_first(world: World) -> None:
    again = supplemented(due_at=at("20/03 17:00"))
    world.hear(accepted("sms", due_at=DUE), letter(at("16/03 17:00")), again, missed(at("20/03 17:00"), 1))
    assert world.references() == ["accepted", "late:2"]


def test_a_miss_that_was_told_before_the_letter_stays_told(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), missed(DUE))
    world.take("late:1")
    world.hear(letter(at("26/03 17:00")), letter(at("27/03 17:00"), 2, request=None))
    assert world.references() == ["accepted", "late", "reappointed", "reappointed:2"]


def test_a_new_date_waits_for_code_and_contact_and_is_told_to_nobody_after_a_stop() -> None:
    early, late = World(), World()
    early.hear(letter(at("16/03 17:00")), accepted("sms", due_at=DUE))
    assert sorted(early.references()) == ["accepted", "reappointed"]
    late.hear(accepted("sms", due_at=DUE), stopped("sms"), letter(at("16/03 17:00")))
    assert late.references() == ["accepted", "stopped"]


def test_after_a_stop_nobody_is_told_of_a_result_or_a_missed_date(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), stopped("sms"), completed(), missed(DUE))
    assert world.references() == ["accepted", "stopped"]
    assert world.states() == {"accepted:1": "due", "stopped:1": "due"}


def test_what_waited_for_the_code_when_the_stop_came_is_told_no_more() -> None:
    early = World()
    early.hear(completed(), missed(DUE), stopped("sms"), accepted("sms", due_at=DUE))
    assert sorted(early.references()) == ["accepted", "stopped"]


def test_what_was_on_its_way_before_the_stop_stays_and_goes_first(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), completed(), stopped("sms"))
    assert world.references() == ["accepted", "completed", "stopped"]


@settings(max_examples=60, deadline=None)
@given(some.data())
def test_whatever_the_order_a_stop_is_the_last_word(data: some.DataObject) -> None:
    world = World()
    facts = (accepted("sms", due_at=DUE), requested("sms", request=1), completed(), missed(DUE), stopped("sms"))
    world.hear(*data.draw(some.permutations(facts)))
    told = [one for one in world.references() if one in ("completed", "late", "stopped")]
    assert told.count("stopped") == 1
    assert told[-1] == "stopped"


def test_a_stop_before_acceptance_is_told_by_the_procedures_name_and_reaches_nobody_without_a_phone() -> None:
    uncoded, silent = World(), World()
    uncoded.hear(stopped("sms", dossier_code=None))
    assert uncoded.texts()[0].startswith("Ho so Xac nhan thong tin ve cu tru da dung giai quyet")
    silent.hear(stopped())
    assert [event.duty for event in silent.said(CitizenUnreachedV2)] == ["stopped"]


def test_a_corrected_contact_is_told_from_then_on_and_nothing_is_told_twice(world: World) -> None:
    world.hear(accepted(due_at=DUE))
    assert world.states() == {"accepted:1": "unreached"}
    world.hear(corrected("sms"), completed())
    assert world.states() == {"accepted:1": "unreached", "completed:1": "due"}


def test_a_result_that_only_the_desk_records_is_told_as_the_agencys_would_be() -> None:
    desk, agency = World(), World()
    desk.hear(accepted("sms", due_at=DUE), desk_step("signed"), desk_step())
    agency.hear(accepted("sms", due_at=DUE), completed())
    assert desk.texts()[1:] == agency.texts()[1:]
    assert "da giai quyet xong" in desk.texts()[1]
    assert desk.references() == ["accepted", "completed"]


@settings(max_examples=60, deadline=None)
@given(some.permutations((accepted("sms", due_at=DUE), completed(), desk_step(), desk_step(), desk_step("appraised"))))
def test_a_result_that_both_report_is_told_once_under_the_same_id(shuffled: list[Fact]) -> None:  # type: ignore[type-arg]
    both, desk_alone, agency_alone = World(), World(), World()
    both.hear(*shuffled, *shuffled)
    first = next(fact for fact in shuffled if isinstance(fact.data, DossierAcceptedV1))
    desk_alone.hear(first, desk_step())
    agency_alone.hear(first, completed())
    assert both.work.keys() == desk_alone.work.keys() == agency_alone.work.keys(), "a restore that hears one first"
    assert both.states() == {"accepted:1": "due", "completed:1": "due"}


def test_other_steps_of_the_desk_are_told_to_nobody_and_leave_nothing(world: World) -> None:
    for step in ("signed", "fee-asked", "late-entry", "some-later-step"):
        world.hear(desk_step(step))
    assert (world.rows, world.work, world.told) == ({}, {}, {})


def test_a_result_is_told_once_when_the_agency_speaks_after_the_message_went_out(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE), desk_step())
    message = next(work.id for work in world.work.values() if work.kind == "completed:1")
    world.settle(message, Sent("GW-2"))
    world.hear(completed(), desk_step())
    assert world.states()["completed:1"] == "sent"
    assert [event.duty for event in world.said(MessageSentV1)] == ["completed"]
    assert len(world.work) == 2


def test_a_supplement_before_acceptance_is_told_by_the_procedures_name(world: World) -> None:
    world.hear(requested("sms", after=False))
    assert "can bo sung giay to truoc khi tiep nhan" in world.texts()[0]


@pytest.mark.parametrize(("channels", "reason"), [((), "no-contact"), (("email",), "no-phone")])
def test_who_cannot_be_told_is_unreached_at_once(world: World, channels: tuple[str, ...], reason: str) -> None:
    world.hear(accepted(*channels, due_at=DUE), completed())

    assert world.work == {}
    assert world.states() == {"accepted:1": "unreached", "completed:1": "unreached"}
    assert [(event.duty, event.reason) for event in world.said(CitizenUnreachedV1)] == [
        ("accepted", reason),
        ("completed", reason),
    ]


def test_a_result_that_comes_before_the_acceptance_waits_for_code_and_contact(world: World) -> None:
    world.hear(requested("sms"), completed())
    assert world.states() == {"completed:1": "waiting_contact", "supplement:1": "waiting_contact"}
    assert (world.work, world.told) == ({}, {})

    world.hear(accepted("sms", due_at=DUE))
    assert set(world.states().values()) == {"due"}
    assert len(world.work) == 3


def test_a_supplement_without_code_waits_for_the_acceptance(world: World) -> None:
    world.hear(requested("sms"))
    assert world.states() == {"supplement:1": "waiting_contact"}
    world.hear(accepted("sms"))
    assert f"Ho so {CODE} (" in world.texts()[0]


def test_the_contact_that_was_named_last_is_told(world: World) -> None:
    world.hear(accepted("sms", minute=1))
    world.take("accepted:1")
    world.hear(refused())  # the applicant withdrew the number
    assert world.states() == {"accepted:1": "sent", "refusal:1": "unreached"}


def test_a_message_that_was_taken_is_sent_and_says_by_whom(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE))
    (work_id,) = world.work
    world.settle(work_id, Sent("gw-7"), attempts=3)

    duty = world.duty("accepted:1")
    assert (duty.state, duty.attempts, duty.supplier_reference) == ("sent", 3, "gw-7")
    (sent,) = world.said(MessageSentV1)
    assert (sent.duty, sent.supplier, sent.attempts, sent.supplier_reference) == ("accepted", "gateway", 3, "gw-7")


def test_a_message_that_was_refused_has_failed_and_may_be_sent_by_an_operator_later(world: World) -> None:
    world.hear(accepted("sms", due_at=DUE))
    (work_id,) = world.work
    world.settle(work_id, Refused("http-422"))
    assert world.states() == {"accepted:1": "failed"}
    assert [event.reason for event in world.said(MessageFailedV1)] == ["http-422"]

    world.settle(work_id, Sent("gw-8"), attempts=2)
    assert world.states() == {"accepted:1": "sent"}
    assert len(world.said(MessageSentV1)) == 1


@pytest.mark.parametrize("reason", ["no-phone", "phone-invalid"])
def test_a_contact_that_proves_to_have_no_phone_is_unreached(world: World, reason: str) -> None:
    world.hear(accepted("sms"))
    world.settle(next(iter(world.work)), Refused(reason))
    assert world.states() == {"accepted:1": "unreached"}
    assert world.said(MessageFailedV1) == []
    assert [event.reason for event in world.said(CitizenUnreachedV1)] == [reason]


STORY = (
    accepted("sms", due_at=DUE),
    requested("sms", request=1),
    requested("sms", request=2),
    missed(DUE),
    missed(at("20/03 17:00"), request=2),
    completed(),
    desk_step("signed"),
    desk_step(),
)


@settings(max_examples=120, deadline=None)
@given(some.permutations(STORY), some.lists(some.sampled_from(STORY), max_size=4))
def test_nobody_is_told_twice_whatever_the_order_and_however_often(shuffled: list[Fact], repeated: list[Fact]) -> None:  # type: ignore[type-arg]
    world, in_order = World(), World()
    world.hear(*shuffled, *(fact_of(fact.data) for fact in repeated))
    in_order.hear(*STORY)

    assert sorted(world.texts()) == sorted(in_order.texts())
    assert sorted(world.references()) == sorted(in_order.references())
    assert world.states() == in_order.states()


@settings(max_examples=40, deadline=None)
@given(some.permutations(STORY))
def test_the_same_fact_makes_the_same_message_in_any_order(shuffled: list[Fact]) -> None:  # type: ignore[type-arg]
    world, in_order = World(), World()
    world.hear(*shuffled)
    in_order.hear(*STORY)
    assert world.work.keys() == in_order.work.keys()


def test_a_template_that_asks_for_what_is_not_known_refuses_the_fact_and_a_replay_tells_it() -> None:
    class Wanting:
        def render(self, template: str, fields: object) -> str:
            raise CannotProcess("template-field-missing", f"template {template}")

    world, fact = World(sending=Sending(Wanting(), "gateway")), accepted("sms")
    with pytest.raises(CannotProcess, match="template-field-missing"):
        world.hear(fact)
    assert (world.rows, world.work, world.told) == ({}, {}, {})

    world.sending = SENDING
    world.hear(fact)
    assert len(world.work) == 1


HANDLED = {handler.event.type for handler in handlers(SENDING)}


@pytest.mark.parametrize("example", [e for e in examples_read_by("notify") if e.type in HANDLED], ids=str)
def test_every_published_example_is_understood_twice(example: Example) -> None:
    world = World()
    world.hear(example.fact)
    before = dict(world.rows), dict(world.work), dict(world.told)
    world.hear(example.fact)
    assert (world.rows, world.work, world.told) == before
