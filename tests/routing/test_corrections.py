"""Đính chính: agencies that have a dossier get it right, by a call or by a person; the others have it right at once."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_messaging.outcomes import Refused, Sent
from services.routing.domain.answers import Complete
from services.routing.domain.transfer import ENDED
from services.routing.handlers.parcels import read_parcel
from tests.routing.conftest import Hub
from tests.routing.desk import DOSSIER, Desk
from tests.routing.facts import COMMITTEE, NOW, POLICE, a_competence, corrected
from tests.routing.test_handlers import APPROVED, BOTH, NOBODY, TWO_IN_ROW
from tests.routing.test_recall import declare, handed_over, kinds
from tests.waiting import until

FORM = "a..b.c0.d"


def correcting(competence: Any = BOTH) -> Desk:
    return Desk(competence, "corrections")


def test_an_agency_that_has_it_gets_the_correction_behind_it_in_its_lane() -> None:
    desk = correcting()
    desk.accept(sealed_form=FORM)
    desk.correct(case="thuong-tru")
    desk.correct(case="thuong-tru")
    assert [(work.lane, work.kind) for work in desk.work] == [(POLICE.code, "dossier"), (POLICE.code, "correction")]
    parcel = read_parcel(desk.work[-1].body)
    assert (parcel.what, parcel.case, parcel.request, parcel.sealed_form) == (
        ("applicant",),
        "thuong-tru",
        1,
        "a..b.c1.d",
    )
    desk.settle(desk.work[-1], Sent())
    assert desk.said[-1] == "dossier.correction_handed_over.v1"
    assert desk.transfer.legs[0].handed_over_at is None, "a correction moves no leg"


def test_a_leg_that_starts_later_has_it_right_from_the_beginning() -> None:
    desk = correcting()
    desk.accept(legs=TWO_IN_ROW, sealed_form=FORM)
    desk.correct(1)
    desk.correct(2)
    desk.answer(Complete(APPROVED))
    later = [work for work in desk.work if work.lane == COMMITTEE.code]
    assert [(work.kind, read_parcel(work.body).sealed_form) for work in later] == [("dossier", "a..b.c2.d")]
    assert desk.transfer.waiting == ()


def test_what_nobody_was_competent_for_yet_is_handed_over_right() -> None:
    desk = correcting(a_competence(NOBODY))
    desk.accept(sealed_form=FORM)
    desk.supplement(sealed_form="a..b.s1.d")
    desk.correct(1, components=[{"code": "ban-sao", "copies": 2}])
    desk.retry(BOTH)
    parcels = [read_parcel(work.body) for work in desk.work]
    assert [(one.kind, one.sealed_form) for one in parcels] == [
        ("dossier", "a..b.c1.d"),
        ("supplement", "a..b.c1.d"),
    ]
    assert [part.code for part in parcels[0].components] == ["ban-sao"]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=3))
def test_whatever_is_read_when_the_agency_ends_with_the_newest(order: list[int], again: list[int]) -> None:
    desk = correcting()
    facts = [
        lambda: desk.accept(sealed_form=FORM),
        lambda: desk.correct(1),
        lambda: desk.correct(2),
        lambda: desk.correct(3),
    ]
    for index in (*order, *again):
        facts[index]()
    forms = [read_parcel(work.body).sealed_form for work in desk.work]
    assert forms[-1] == "a..b.c3.d"
    assert forms == sorted(forms, key=str), "an older one is never told after a newer one"
    assert (desk.transfer.waiting, desk.transfer.corrections) == ((), (1, 2, 3))


def test_the_last_correction_is_the_one_with_the_highest_number_whatever_the_clock_said() -> None:
    desk = correcting()
    desk.accept(legs=TWO_IN_ROW, sealed_form=FORM)
    desk.correct(1, hour=5)
    desk.correct(2, hour=4)
    desk.answer(Complete(APPROVED))
    assert read_parcel(desk.work[-1].body).sealed_form == "a..b.c2.d"


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=3))
def test_an_older_supplement_that_comes_after_a_newer_one_brings_no_older_form_and_date(
    order: list[int], again: list[int]
) -> None:
    desk = correcting()
    facts = [
        lambda: desk.accept(sealed_form=FORM),
        lambda: desk.supplement(1, sealed_form="a..b.s1.d"),
        lambda: desk.supplement(2, sealed_form="a..b.s2.d"),
        lambda: desk.supplement(3, sealed_form="a..b.s3.d"),
    ]
    for index in (*order, *again):
        facts[index]()
    sent = [parcel for work in desk.work if (parcel := read_parcel(work.body)).kind == "supplement"]
    assert sorted(parcel.request for parcel in sent) == [1, 2, 3], "each brings its papers"
    telling = [parcel for parcel in sent if parcel.sealed_form is not None]
    assert [parcel.request for parcel in telling] == sorted(parcel.request for parcel in telling)
    assert telling[-1].request == 3
    assert all(parcel.promised_at is None for parcel in sent if parcel not in telling)


@pytest.mark.parametrize("changes", [{"dossier_code": None}, {"sealed_form": None, "what": ["contact"]}])
def test_a_contact_or_a_dossier_that_is_not_accepted_is_no_affair_of_the_agency(changes: dict[str, Any]) -> None:
    desk = correcting()
    desk.accept(sealed_form=FORM)
    before = desk.transfer
    desk.correct(**changes)
    assert (len(desk.work), desk.transfer) == (1, before)


def test_an_agency_that_takes_no_such_call_or_refuses_it_is_listed() -> None:
    desk = Desk(BOTH)
    desk.accept(sealed_form=FORM)
    desk.correct()
    assert (desk.transfer.to_correct, desk.transfer.legs[0].untold, len(desk.work)) == (True, (1,), 1)

    refusing = correcting()
    refusing.accept(sealed_form=FORM)
    refusing.correct()
    refusing.settle(refusing.work[-1], Refused("http-422"))
    assert (refusing.transfer.to_correct, refusing.said) == (True, ["dossier.routed.v1"])
    refusing.settle(refusing.work[-1], Sent())  # redone by a person
    assert not refusing.transfer.to_correct


def refused(desk: Desk, reason: str = "http-422") -> Desk:
    desk.accept(sealed_form=FORM)
    desk.settle(desk.work[0], Refused(reason))
    return desk


def test_what_an_agency_refused_it_gets_anew_with_what_is_corrected_and_no_correction_of_it() -> None:
    desk = refused(correcting())
    desk.supplement()
    desk.correct(1)
    desk.settle(desk.work[-1], Refused("http-422"))
    desk.correct(2)
    first, _supplement, second, third = desk.work
    assert (second.replaces, third.replaces) == ((first.id,), (first.id, second.id))
    assert [(one.lane, one.kind) for one in (second, third)] == [(POLICE.code, "dossier")] * 2
    parcels = [read_parcel(work.body) for work in desk.work]
    assert [one.sealed_form for one in parcels] == [FORM, None, "a..b.c1.d", "a..b.c2.d"]
    dates = (parcels[0].received_at, parcels[1].promised_at)
    assert [(one.received_at, one.promised_at) for one in parcels[2:]] == [dates] * 2, "as a supplement moved them"
    assert desk.transfer.to_correct, "until it has taken it"
    desk.settle(third, Sent("CA-0001"))
    assert (desk.transfer.state, desk.transfer.to_correct) == ("handed_over", False)
    desk.correct(3)
    assert desk.work[-1].kind == "correction"


@pytest.mark.parametrize(("offered", "last", "untold"), [("corrections", "correction", ()), ("", "dossier", (2,))])
def test_what_is_corrected_while_it_is_handed_over_anew_follows_that(
    offered: str, last: str, untold: tuple[int, ...]
) -> None:
    desk = refused(Desk(BOTH, offered))
    desk.correct(1)
    desk.correct(2)
    anew = desk.work[1]
    assert (anew.kind, desk.work[-1].kind) == ("dossier", last)
    assert desk.transfer.state == "routed", "it is on its way again"
    desk.settle(anew, Sent("CA-0001"))
    assert desk.transfer.legs[0].untold == untold


def test_what_a_person_has_ended_is_not_handed_over_anew_nor_corrected_by_a_call() -> None:
    desk = refused(correcting(), ENDED)
    desk.correct()
    assert (len(desk.work), desk.transfer.legs[0].untold, desk.transfer.state) == (1, (1,), "refused")


NO_DAY = {"counted_from": NOW, "term": {"text": "không quy định", "reason": "not-set"}}


def test_a_dossier_that_was_promised_for_no_day_is_handed_over_anew_too() -> None:
    desk = correcting()
    desk.accept(sealed_form=FORM, promise=NO_DAY)
    desk.settle(desk.work[0], Refused("http-422"))
    desk.correct()
    _first, anew = desk.work
    assert (anew.kind, read_parcel(anew.body).promised_at) == ("dossier", None)


@pytest.mark.parametrize("unknown", ["received_at", "promised_at"])
def test_where_a_version_before_kept_too_little_to_hand_over_anew_a_person_tells(unknown: str) -> None:
    desk = refused(correcting())
    assert desk.transfer.plan is not None
    before: Any = {unknown: None}
    desk.uow.transfers.put(DOSSIER, desk.transfer._replace(plan=desk.transfer.plan._replace(**before)))
    desk.correct()
    assert (len(desk.work), desk.transfer.legs[0].untold) == (1, (1,))


def test_an_agency_that_may_have_it_is_told_a_correction() -> None:
    desk = refused(correcting(), "http-409")
    desk.correct()
    assert (desk.work[-1].kind, desk.work[-1].replaces) == ("correction", ())


def test_of_a_stopped_dossier_nothing_is_corrected() -> None:
    desk = correcting()
    desk.accept(sealed_form=FORM)
    desk.settle(desk.work[0], Sent())
    desk.stop()
    desk.correct()
    assert (desk.work, desk.transfer.to_correct) == ([], False)


@pytest.mark.stack
async def test_a_correction_reaches_the_agency_once_and_opened(hub: Hub) -> None:
    await declare(hub, offers=["cancellations", "corrections"])
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await correct(hub, dossier_id)
    await until(lambda: hub.types(dossier_id), lambda types: types[-1] == "dossier.correction_handed_over.v1")
    assert await kinds(hub, dossier_id) == ["handover", "correction"]
    assert (await hub.get("/v1/transfers?to_correct=true")).json()["items"] == []
    assert "Nguyễn Văn Đúng" not in str(await hub.fetch("SELECT * FROM transfer"))
    bodies = [row["body"] for row in await hub.fetch("SELECT body FROM work_body")]
    assert len(bodies) == 2
    assert not any("Nguyễn Văn Đúng".encode() in body for body in bodies)


@pytest.mark.stack
async def test_where_no_call_is_taken_a_person_tells_and_says_so(hub: Hub) -> None:
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await correct(hub, dossier_id)
    (listed,) = (await hub.get("/v1/transfers?to_correct=true")).json()["items"]
    assert (listed["to_correct"], listed["legs"][0]["untold"]) == (True, [1])
    path = f"/v1/transfers/{dossier_id}/legs/lead/corrections/told"
    assert (await hub.post(path, scopes=["transfers:read"])).status_code == 403
    assert (await hub.post(path, area=["H99.01"])).status_code == 404
    assert (await hub.post(path.replace("lead", "other"))).status_code == 404
    assert (await hub.post(path)).json()["to_correct"] is False
    assert (await hub.get("/v1/transfers?to_correct=true")).json()["items"] == []


async def listed(hub: Hub) -> list[tuple[str, str]]:
    items = (await hub.get(f"/v1/lanes/{POLICE.code}/work")).json()["items"]
    return [(one["kind"], one["outcome"]) for one in items]


async def refused_by_an_agency_that_takes_corrections(hub: Hub, **changes: Any) -> UUID:
    await declare(hub, offers=["cancellations", "corrections"])
    await hub.behave(callback="never", refuse_status=422)
    dossier_id = await hub.accept(**changes)
    await until(lambda: listed(hub), lambda found: found == [("dossier", "http-422")])
    return dossier_id


@pytest.mark.stack
async def test_a_refused_dossier_that_the_desk_corrects_is_handed_over_anew_and_waits_for_nobody(hub: Hub) -> None:
    dossier_id = await refused_by_an_agency_that_takes_corrections(hub)
    await hub.behave(callback="never")
    await correct(hub, dossier_id)
    await handed_over(hub, dossier_id)
    assert (await kinds(hub, dossier_id), await listed(hub)) == (["handover"], [])
    assert (await hub.get("/v1/transfers?to_correct=true")).json()["items"] == []
    assert await rows(hub) == [("done", "replaced"), ("done", "sent")]


async def rows(hub: Hub) -> list[tuple[str, str]]:
    return [tuple(row) for row in await hub.fetch("SELECT state, outcome FROM work ORDER BY seq")]


AS_VERSIONS_BEFORE_WROTE = """
UPDATE transfer SET legs = jsonb_set(legs, '{0,anew}', anew -> (legs -> 0 ->> 'leg')), anew = NULL
WHERE dossier_id = $1
"""


@pytest.mark.stack
@pytest.mark.parametrize("before", [False, True])
async def test_what_was_handed_over_anew_is_replaced_in_its_turn_whichever_version_wrote_it(
    hub: Hub, before: bool
) -> None:
    dossier_id = await refused_by_an_agency_that_takes_corrections(hub)
    await correct(hub, dossier_id)
    await until(lambda: rows(hub), lambda found: found == [("done", "replaced"), ("refused", "http-422")])
    (legs,) = await hub.fetch("SELECT legs::text FROM transfer")
    assert "anew" not in legs["legs"], "a version before would refuse to read it"
    if before:
        await hub.fetch(AS_VERSIONS_BEFORE_WROTE, dossier_id)
    await hub.behave(callback="never")
    await correct(hub, dossier_id, 2)
    await handed_over(hub, dossier_id)
    assert await rows(hub) == [("done", "replaced"), ("done", "replaced"), ("done", "sent")]


@pytest.mark.stack
async def test_of_two_corrections_read_at_once_the_first_hands_over_anew_and_the_second_follows(hub: Hub) -> None:
    dossier_id = await refused_by_an_agency_that_takes_corrections(hub)
    await hub.behave(callback="never")
    await correct(hub, dossier_id, 1, 2)
    await until(lambda: hub.types(dossier_id), lambda types: types[-1] == "dossier.correction_handed_over.v1")
    assert (await kinds(hub, dossier_id), await listed(hub)) == (["handover", "correction"], [])
    assert (await hub.get("/v1/transfers?to_correct=true")).json()["items"] == []


@pytest.mark.stack
async def test_that_no_day_was_promised_is_kept_for_the_hand_over_anew(hub: Hub) -> None:
    dossier_id = await refused_by_an_agency_that_takes_corrections(hub, promise=NO_DAY)
    await hub.behave(callback="never")
    await correct(hub, dossier_id)
    await handed_over(hub, dossier_id)
    assert await kinds(hub, dossier_id) == ["handover"]


@pytest.mark.stack
async def test_what_a_person_sent_again_is_not_replaced_and_the_correction_is_listed(hub: Hub) -> None:
    dossier_id = await refused_by_an_agency_that_takes_corrections(hub)
    await hub.behave(callback="never", down="unavailable")
    (row,) = await hub.fetch("SELECT id FROM work")
    assert (await hub.post(f"/v1/lanes/{POLICE.code}/work/{row['id']}/redo")).status_code == 200
    await correct(hub, dossier_id)
    await hub.behave(callback="never")
    await handed_over(hub, dossier_id)
    assert await kinds(hub, dossier_id) == ["handover"]
    (shown,) = (await hub.get("/v1/transfers?to_correct=true")).json()["items"]
    assert shown["legs"][0]["untold"] == [1]


@pytest.mark.stack
async def test_a_correction_that_came_while_the_officer_telephoned_stays_listed(hub: Hub) -> None:
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await correct(hub, dossier_id)
    await correct(hub, dossier_id, 2)
    path = f"/v1/transfers/{dossier_id}/legs/lead/corrections/told"
    assert (await hub.post(f"{path}?up_to=0")).status_code == 422
    for _ in range(2):
        told = (await hub.post(f"{path}?up_to=1")).json()
        assert (told["to_correct"], told["legs"][0]["untold"]) == (True, [2])
    assert (await hub.post(f"{path}?up_to=2")).json()["to_correct"] is False


async def correct(hub: Hub, dossier_id: UUID, *numbers: int) -> None:
    form = {"applicant": {"full_name": "Nguyễn Văn Đúng"}, "components": [], "request": "Đăng ký thường trú"}
    sealed = hub.keys.seal("form", dossier_id, form)
    await hub.read(*(corrected(dossier_id, number, sealed_form=sealed) for number in numbers or (1,)))
