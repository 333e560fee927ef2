"""Thu hồi: agencies that have a dossier when the desk stops it are told to stop; whoever can't be told is in sight."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_local.stack import Stack
from hub_messaging.outcomes import Refused, Sent
from hub_messaging.topics import apply_topics
from hub_messaging.work import NewWork
from services.routing.domain.answers import Acknowledge, AnswerRecall, Complete, answer_recall
from services.routing.domain.transfer import Leg, Recall
from services.routing.handlers.agency_answer import TransferUnknown
from services.routing.handlers.recall import read_cancellation
from services.routing.store.rerouting import TO_RECALL_OLDEST, measure
from tests.hosted import SECRET, process, say
from tests.routing.conftest import Hub, write_endpoints
from tests.routing.desk import DOSSIER, Desk
from tests.routing.facts import COMMITTEE, NOW, POLICE, accepted, stopped, supplement
from tests.routing.test_handlers import APPROVED, BOTH, TWO_IN_ROW
from tests.waiting import until

OFFERED = {"offers": ["cancellations"]}


def recalling(competence: Any = BOTH) -> Desk:
    return Desk(competence, "cancellations")


def test_an_agency_that_has_it_is_told_to_stop_once_and_its_word_ends_the_list() -> None:
    desk = recalling()
    desk.accept()
    desk.settle(desk.work[0], Sent("CA-0001"))
    desk.stop()
    desk.stop()
    (call,) = desk.work
    told = read_cancellation(call.body)
    assert (call.lane, call.kind, told.foreign_number, told.leg) == (POLICE.code, "cancellation", "CA-0001", "lead")
    assert (desk.transfer.to_recall, desk.transfer.legs[0].recall.asked_at) == (True, NOW)

    desk.settle(call, Sent("stopped"))
    assert (desk.transfer.to_recall, desk.said[-1]) == (False, "dossier.recalled.v1")


@pytest.mark.parametrize("answer", ["decided", "unknown"])
def test_one_that_does_not_agree_stays_listed_until_its_result_or_a_persons_word(answer: str) -> None:
    desk = recalling()
    desk.accept()
    desk.settle(desk.work[0], Sent())
    desk.stop()
    desk.settle(desk.work[-1], Sent(answer))
    assert (desk.transfer.to_recall, desk.said[-1]) == (True, "dossier.recall_refused.v1")
    desk.answer(Complete(APPROVED))
    assert not desk.transfer.to_recall


@pytest.mark.parametrize("outcome", [Sent(), Sent("họ đã dừng"), Refused("http-422")])
def test_no_word_is_no_answer(outcome: Sent | Refused) -> None:
    desk = recalling()
    desk.accept()
    desk.settle(desk.work[0], Sent())
    desk.stop()
    before = desk.said
    desk.settle(desk.work[-1], outcome)
    assert (desk.transfer.to_recall, desk.said) == (True, before)
    desk.answer(AnswerRecall("stopped", NOW))  # it calls back later
    assert not desk.transfer.to_recall


def test_whatever_reveals_that_an_agency_has_it_leads_to_the_call() -> None:
    reveals: list[Callable[[Desk, NewWork], object]] = [
        lambda desk, work: desk.settle(work, Sent("CA-0001")),
        lambda desk, _work: desk.answer(Acknowledge(NOW, "CA-0001")),
    ]
    for reveal in reveals:
        desk = recalling()
        desk.accept()
        (work,) = desk.work
        desk.stop()
        assert desk.work == [], "nobody is known to have it"
        reveal(desk, work)
        assert [(call.lane, call.kind) for call in desk.work] == [(POLICE.code, "cancellation")]


def test_only_agencies_that_have_their_leg_are_told() -> None:
    desk = recalling()
    desk.accept(legs=TWO_IN_ROW)
    desk.settle(desk.work[0], Sent())
    desk.stop()
    assert [(call.lane, call.kind) for call in desk.work] == [(POLICE.code, "cancellation")]


def test_one_that_takes_no_such_call_is_listed_and_told_when_it_does() -> None:
    desk = Desk(BOTH)
    desk.accept()
    desk.settle(desk.work[0], Sent())
    desk.stop()
    assert (desk.transfer.to_recall, desk.transfer.legs[0].recall, desk.work) == (True, Recall(), [])
    desk.offered.add("cancellations")
    desk.retry(BOTH)
    desk.retry(BOTH)
    assert [call.kind for call in desk.work] == ["cancellation"]


def _live(order: list[int]) -> Desk:
    """A hand-over whose attempt is under way while the rest happens in any order."""
    desk = recalling()
    desk.accept()
    (work,) = desk.work
    facts: list[Callable[[], object]] = [
        desk.stop,
        lambda: desk.settle(work, Sent("CA-0001")),
        lambda: desk.answer(Acknowledge(NOW, "CA-0001")),
        lambda: desk.answer(AnswerRecall("decided", NOW)),
        lambda: desk.answer(AnswerRecall("unknown", NOW)),
    ]
    refused = []
    for index in order:
        try:
            facts[index]()
        except TransferUnknown:  # nobody has asked yet: the agency sends it again
            refused.append(index)
    for index in refused:
        facts[index]()
    return desk


@settings(max_examples=120, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=3))
def test_any_order_and_any_repetition_ends_with_the_same_answer(order: list[int], again: list[int]) -> None:
    transfer = _live([*order, *again]).transfer
    orderly = _live([0, 1, 2, 3]).transfer
    answer = transfer.legs[0].recall.answer
    assert (transfer.state, transfer.to_recall, answer, transfer.stop) == ("handed_over", True, "decided", orderly.stop)


@given(st.lists(st.sampled_from(["stopped", "decided", "unknown"]), min_size=1), st.randoms())
def test_of_an_agencys_words_the_one_that_leaves_more_to_do_counts_in_any_order(words: list[Any], chance: Any) -> None:
    def heard(said: list[Any]) -> str | None:
        leg = Leg("lead", "lead", 1, "police")
        for word in said:
            leg = answer_recall(leg, AnswerRecall(word, NOW)) or leg
        return leg.recall.answer

    shuffled = list(words)
    chance.shuffle(shuffled)
    assert heard(words) == heard(shuffled)


def test_a_persons_word_is_the_last() -> None:
    leg = answer_recall(Leg("lead", "lead", 1, "police"), AnswerRecall("stopped", NOW, "can-bo", "a..b.c.d"))
    assert leg is not None
    assert answer_recall(leg, AnswerRecall("decided", NOW)) is None
    assert answer_recall(leg, AnswerRecall("stopped", NOW, "can-bo", "a..b.e.f")) is None, "said twice"
    assert answer_recall(leg, AnswerRecall("decided", NOW, "can-bo")) is not None


def test_an_answer_that_nobody_asked_for_does_not_spoil_the_stop_that_comes() -> None:
    desk = recalling()
    desk.accept()
    desk.settle(desk.work[0], Sent())
    with pytest.raises(TransferUnknown):
        desk.answer(AnswerRecall("stopped", NOW))
    desk.stop()
    assert desk.transfer.to_recall
    assert [call.kind for call in desk.work] == ["cancellation"]
    assert "dossier.recalled.v1" not in desk.said


# With a database, sockets, and agencies that misbehave.

stack = pytest.mark.stack


async def declare(hub: Hub, **more: Any) -> None:
    """What every agency takes from now on."""
    url = hub.sandbox_url + "/agencies/{agency_code}"
    write_endpoints(hub.folder, {"*": {"url": url, "secrets": [SECRET], **more}})
    await until(lambda: hub.service.offers(POLICE.code, "cancellations") == ("cancellations" in more.get("offers", ())))


async def kinds(hub: Hub, dossier_id: UUID) -> list[str]:
    return [effect["kind"] for effect in await hub.effects(dossier_id)]


async def handed_over(hub: Hub, dossier_id: UUID) -> None:
    await until(lambda: hub.types(dossier_id), lambda types: "dossier.handed_over.v1" in types, within=20)


async def recall(hub: Hub, dossier_id: UUID) -> dict[str, Any]:
    (leg,) = (await hub.state(dossier_id))["legs"]
    found: dict[str, Any] = leg["recall"]
    return found


async def to_recall(hub: Hub) -> list[str]:
    return [one["dossier_id"] for one in (await hub.get("/v1/transfers?to_recall=true")).json()["items"]]


@stack
async def test_a_stopped_dossier_is_taken_back_and_the_agency_says_nothing_more(hub: Hub) -> None:
    await declare(hub, **OFFERED)
    await hub.behave(callback="on_command")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await hub.read(stopped(dossier_id))

    await until(lambda: hub.types(dossier_id), lambda types: types[-1] == "dossier.recalled.v1")
    assert await kinds(hub, dossier_id) == ["handover", "cancellation"]
    assert (await recall(hub, dossier_id))["answer"] == "stopped"
    assert await to_recall(hub) == []
    released = await hub.client.post(f"{hub.sandbox_url}/agencies/{POLICE.code}/callbacks/release")
    assert released.json() == {"released": 0}, "its result is not said any more"


@stack
async def test_one_that_has_decided_can_not_stop_and_is_listed(hub: Hub) -> None:
    await declare(hub, **OFFERED)
    await hub.behave(callback="never", cancellation="decided")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await hub.read(stopped(dossier_id))
    await until(lambda: hub.types(dossier_id), lambda types: types[-1] == "dossier.recall_refused.v1")
    assert await to_recall(hub) == [str(dossier_id)]


@stack
@pytest.mark.parametrize(("behaviour", "answer"), [("later", "stopped"), ("silent", None)])
async def test_one_that_takes_the_call_without_a_word_stays_listed_until_it_calls_back(
    hub: Hub, behaviour: str, answer: str | None
) -> None:
    await declare(hub, **OFFERED)
    await hub.behave(callback="on_command", cancellation=behaviour)
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await hub.read(stopped(dossier_id))
    await until(lambda: kinds(hub, dossier_id), lambda found: "cancellation" in found)
    assert await to_recall(hub) == [str(dossier_id)]

    await hub.client.post(f"{hub.sandbox_url}/agencies/{POLICE.code}/callbacks/release?dossier_id={dossier_id}")
    if answer is None:
        await asyncio.sleep(0.5)
        assert (await recall(hub, dossier_id))["answer"] is None
    else:
        await until(lambda: recall(hub, dossier_id), lambda found: found["answer"] == answer)
        assert await to_recall(hub) == []


@stack
async def test_a_call_that_an_agency_does_not_know_is_listed_and_holds_up_no_hand_over(hub: Hub) -> None:
    await declare(hub, **OFFERED)
    await hub.behave(callback="never", cancellation="refuses")
    dossiers = [await hub.accept() for _ in range(6)]  # five equal refusals would be the lane's, elsewhere
    for dossier_id in dossiers:
        await handed_over(hub, dossier_id)
    await hub.read(*map(stopped, dossiers))

    async def listed() -> list[Any]:
        items = (await hub.get(f"/v1/lanes/{POLICE.code}/work")).json()["items"]
        return [(one["kind"], one["outcome"]) for one in items]

    await until(listed, lambda found: found == [("cancellation", "http-404")] * 6)
    await handed_over(hub, await hub.accept())
    assert sorted(await to_recall(hub)) == sorted(map(str, dossiers))


@stack
async def test_an_attempt_whose_end_was_not_known_when_the_desk_stopped_it_is_found_out_and_recalled(hub: Hub) -> None:
    """The agency took it and answered too late: it would have it for ever, and nobody would know."""
    await declare(hub, **OFFERED)
    await hub.behave(callback="never", late_answer_seconds=4)
    dossier_id = await hub.accept()
    await until(lambda: kinds(hub, dossier_id), lambda found: found == ["handover"])
    await hub.read(stopped(dossier_id))
    await hub.read(supplement(dossier_id))
    await asyncio.sleep(2.5)  # the attempt has timed out
    await hub.behave(callback="never")
    await until(lambda: hub.types(dossier_id), lambda types: types[-1] == "dossier.recalled.v1", within=20)
    assert await kinds(hub, dossier_id) == ["handover", "cancellation"]


async def past_others(kafka: Stack, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """The topic also holds what other tests said: waits until a process that has just started has done all of it."""
    last = [uuid4() for _ in range(16)]
    await say(kafka, "intake-dossier-events", *map(accepted, last))
    caught_up = """
        SELECT count(*) = 16 AND NOT EXISTS (SELECT FROM work WHERE state = 'ready' AND next_at <= now())
        FROM work WHERE dossier_id = ANY($1) AND state = 'done'
    """
    await until(lambda: connection.fetchval(caught_up, last), within=90)


@stack
async def test_a_stop_while_a_process_dies_in_the_call_is_found_out_and_recalled(
    idle_hub: Hub, database_url: str, kafka: Stack
) -> None:
    """The sender would have found out by its own call; without it nobody would ask."""
    hub, dossier_id = idle_hub, uuid4()
    url = hub.sandbox_url + "/agencies/{agency_code}"
    write_endpoints(hub.folder, {"*": {"url": url, "secrets": [SECRET], "status_query": True, **OFFERED}})
    await hub.behave(callback="never")
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    connection = await asyncpg.connect(database_url)

    async def found(statement: str) -> bool:
        return await connection.fetchval(statement, dossier_id) is not None

    async with process(hub.settings.model_copy(update={"attempt_seconds": 30}), kafka.layout.kafka_servers) as first:
        await past_others(kafka, connection)
        await hub.behave(callback="never", late_answer_seconds=60)
        await say(kafka, "intake-dossier-events", accepted(dossier_id))
        await until(lambda: kinds(hub, dossier_id), lambda taken: taken == ["handover"])
        await say(kafka, "intake-dossier-events", stopped(dossier_id))
        await until(lambda: found("SELECT 1 FROM work WHERE outcome = 'withdrawn' AND dossier_id = $1"))
        first.kill()
        await first.wait()
    await hub.behave(callback="never")
    async with process(hub.settings, kafka.layout.kafka_servers):
        recalled = "SELECT 1 FROM outbox WHERE type = 'dossier.recalled.v1' AND key = $1::uuid::text"
        await until(lambda: found(recalled))
    await connection.close()
    assert await kinds(hub, dossier_id) == ["handover", "cancellation"]


@stack
async def test_what_nobody_can_be_told_by_a_call_a_person_tells_and_enters(hub: Hub) -> None:
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    path = f"/v1/transfers/{dossier_id}/legs/lead/recall"
    found = {"answer": "stopped", "why": "gọi điện cho chị Thử, phòng tiếp nhận"}
    assert (await hub.post(path, found)).json()["slug"] == "nothing-to-settle", "it is not stopped"

    await hub.read(stopped(dossier_id))
    assert await to_recall(hub) == [str(dossier_id)]
    assert (await hub.post(path.replace("lead", "other"), found)).status_code == 409
    assert (await hub.post(path, found, scopes=["transfers:read"])).status_code == 403
    assert (await hub.post(path, found, area=[COMMITTEE.code + ".1"])).status_code == 404
    entered = await hub.post(path, found)
    assert (entered.json()["to_recall"], entered.json()["legs"][0]["recall"]["by"]) == (False, "thử")
    assert "chị Thử" not in str(await hub.fetch("SELECT legs, stop FROM transfer")) + entered.text
    assert await to_recall(hub) == []
    assert (await hub.types(dossier_id))[-1] == "dossier.recalled.v1"


@stack
async def test_what_a_person_entered_by_mistake_a_person_puts_right(hub: Hub) -> None:
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    await hub.read(stopped(dossier_id))
    path = f"/v1/transfers/{dossier_id}/legs/lead/recall"
    for answer, listed in (("stopped", []), ("decided", [str(dossier_id)]), ("stopped", [])):
        entered = await hub.post(path, {"answer": answer, "why": "gọi lại cho cơ quan"})
        assert (entered.status_code, await to_recall(hub)) == (200, listed)
    said = [name for name in await hub.types(dossier_id) if "recall" in name]
    assert said == ["dossier.recalled.v1", "dossier.recall_refused.v1", "dossier.recalled.v1"]


@stack
async def test_the_age_of_the_oldest_is_measured(hub: Hub) -> None:
    await hub.behave(callback="never")
    dossier_id = await hub.accept()
    await until(lambda: kinds(hub, dossier_id), lambda found: found == ["handover"])
    await handed_over(hub, dossier_id)
    await measure(hub.service.spine.pool, NOW)
    assert TO_RECALL_OLDEST._value.get() == 0
    fact = stopped(dossier_id)
    await hub.read(fact)
    await measure(hub.service.spine.pool, fact.data.stopped_at.replace(hour=fact.data.stopped_at.hour + 3))
    assert TO_RECALL_OLDEST._value.get() == 3 * 3600


def test_a_cancellation_holds_nothing_personal() -> None:
    desk = recalling()
    desk.accept(sealed_form="a..b.c.d")
    desk.settle(desk.work[0], Sent())
    desk.stop()
    assert desk.work[-1].dossier_id == DOSSIER
    assert set(read_cancellation(desk.work[-1].body)._fields) == {
        *("leg", "dossier_code", "agency_code", "foreign_number", "reason", "withdrawn", "stopped_at", "sent_at"),
        "cause",
    }
