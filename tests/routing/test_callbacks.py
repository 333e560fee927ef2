"""What agencies say back: signed, each message once, and nothing true is changed by what comes twice, late or wrong."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging.clock import real_now, set_business_time
from services.routing.api.callbacks import CLOCKS_DIFFERED
from tests.hosted import SECRET
from tests.routing.conftest import Hub, write_endpoints
from tests.routing.facts import NOW, POLICE
from tests.waiting import until

pytestmark = pytest.mark.stack

Body = Callable[..., dict[str, Any]]
ANOTHER_SECRET = "whsec_" + "C" * 43 + "="


@pytest.fixture
async def dossier_id(hub: Hub) -> UUID:
    """A dossier that was routed, at an agency that says nothing by itself."""
    await hub.behave(callback="never")
    return await hub.accept()


@pytest.fixture
def completed(dossier_id: UUID) -> Body:
    def body(**changes: Any) -> dict[str, Any]:
        sound = {
            "type": "completed",
            "dossier_id": str(dossier_id),
            "leg": "lead",
            "at": real_now().isoformat(),
            "result": {"code": "approved", "number": "KQ-1"},
        }
        return {**sound, **changes}

    return body


async def test_a_message_sent_twice_is_taken_twice_and_counts_once(hub: Hub, completed: Body, dossier_id: UUID) -> None:
    body = completed()
    answers = await asyncio.gather(*(hub.call_back(body, message_id="m-1") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {204}
    assert (await hub.types(dossier_id)).count("dossier.completed.v1") == 1


async def test_one_message_id_for_two_bodies_is_refused(hub: Hub, completed: Body) -> None:
    await hub.call_back(completed(), message_id="m-1")

    answer = await hub.call_back(completed(result={"code": "rejected"}), message_id="m-1")

    assert (answer.status_code, answer.json()["slug"]) == (409, "webhook-id-reused")


async def test_the_same_result_under_another_id_changes_nothing(hub: Hub, completed: Body, dossier_id: UUID) -> None:
    await hub.call_back(completed())

    answer = await hub.call_back(completed(at=(real_now() + timedelta(seconds=30)).isoformat()))

    assert answer.status_code == 204
    assert (await hub.types(dossier_id)).count("dossier.completed.v1") == 1
    assert (await hub.state(dossier_id))["contradicted"] is False


async def test_a_contradicting_result_is_listed_and_the_first_stands(
    hub: Hub, completed: Body, dossier_id: UUID
) -> None:
    await hub.call_back(completed())
    assert (await hub.call_back(completed(result={"code": "rejected"}))).status_code == 204

    listed = (await hub.get("/v1/transfers?contradicted=true")).json()["items"]
    assert [item["dossier_id"] for item in listed] == [str(dossier_id)]
    (leg,) = listed[0]["legs"]
    assert (leg["outcome"]["result"], [conflict["result"] for conflict in leg["conflicts"]]) == (
        "approved",
        ["rejected"],
    )


async def test_a_wrong_signature_is_refused(hub: Hub, completed: Body, dossier_id: UUID) -> None:
    answer = await hub.call_back(completed(), secret=ANOTHER_SECRET)

    assert (answer.status_code, answer.json()["slug"]) == (401, "signature-invalid")
    assert "dossier.completed.v1" not in await hub.types(dossier_id)


async def test_while_secrets_overlap_both_are_good(hub: Hub, completed: Body) -> None:
    endpoint = {"url": hub.sandbox_url + "/agencies/{agency_code}", "secrets": [ANOTHER_SECRET, SECRET]}
    write_endpoints(hub.folder, {"*": endpoint})

    async def new_one_is_good() -> bool:
        return (await hub.call_back(completed(), secret=ANOTHER_SECRET)).status_code == 204

    await until(new_one_is_good)
    assert (await hub.call_back(completed(), secret=SECRET)).status_code == 204


async def test_an_agency_without_endpoint_has_no_voice(hub: Hub, completed: Body) -> None:
    endpoint = {"url": hub.sandbox_url + "/agencies/{agency_code}", "secrets": [SECRET]}
    write_endpoints(hub.folder, {POLICE.code: endpoint})

    async def unknown() -> bool:
        return (await hub.call_back(completed(), agency="H26.20.01")).status_code == 401

    await until(unknown)


async def test_a_dossier_that_is_not_at_this_agency_is_unknown_to_it(hub: Hub, completed: Body) -> None:
    assert (await hub.call_back(completed(), agency="H26.20.01")).status_code == 404


async def test_what_came_too_early_is_taken_when_it_is_sent_again(hub: Hub, completed: Body) -> None:
    await hub.behave(callback="never")
    early = completed(dossier_id=str(uuid4()))
    assert (await hub.call_back(early, message_id="m-1")).status_code == 404

    late = completed(dossier_id=str(await hub.accept()))

    assert (await hub.call_back(late, message_id="m-1")).status_code == 204


async def test_an_answer_before_our_record_of_the_hand_over_is_taken(hub: Hub) -> None:
    await hub.behave(callback="never", late_answer_seconds=1)
    dossier_id = await hub.accept()
    body = {"type": "acknowledged", "dossier_id": str(dossier_id), "leg": "lead", "at": real_now().isoformat()}

    assert (await hub.call_back(body)).status_code == 204
    assert (await hub.types(dossier_id)) == ["dossier.routed.v1", "dossier.acknowledged.v1"]


async def test_a_message_whose_time_is_a_little_ahead_is_taken_once_the_clock_has_come_there(
    hub: Hub, completed: Body, dossier_id: UUID
) -> None:
    """Whichever clock is wrong: an answer that is true must not be lost for it."""
    counted = CLOCKS_DIFFERED.labels(POLICE.code)._value
    early, before = completed(at=(real_now() + timedelta(minutes=6)).isoformat()), counted.get()

    answer = await hub.call_back(early, message_id="m-1")

    assert (answer.status_code, answer.json()["slug"]) == (503, "clocks-differ")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert counted.get() == before + 1
    assert "dossier.completed.v1" not in await hub.types(dossier_id)
    set_business_time(hub.folder / "clock.json", real_now() + timedelta(minutes=2))

    async def taken() -> bool:
        return (await hub.call_back(early, message_id="m-1")).status_code == 204

    await until(taken)
    assert (await hub.types(dossier_id)).count("dossier.completed.v1") == 1


@pytest.mark.parametrize("drift_seconds", [-400.0, 400.0])
async def test_a_message_signed_by_a_clock_that_differs_is_to_be_sent_again(
    hub: Hub, completed: Body, drift_seconds: float
) -> None:
    body, theirs = completed(), time.time() + drift_seconds

    answer = await hub.call_back(body, message_id="m-1", signed_at=theirs)
    forged = await hub.call_back(body, message_id="m-1", signed_at=theirs, secret=ANOTHER_SECRET)

    assert (answer.status_code, answer.json()["slug"]) == (503, "clocks-differ")
    assert forged.status_code == 401, "who has no secret learns nothing about clocks"
    assert (await hub.call_back(body, message_id="m-1")).status_code == 204


async def test_a_late_acknowledgement_leaves_the_dossier_completed(hub: Hub, completed: Body, dossier_id: UUID) -> None:
    await hub.call_back(completed())
    acknowledged = {**completed(type="acknowledged", foreign_number="CA-9"), "result": None}

    assert (await hub.call_back(acknowledged)).status_code == 204
    assert (await hub.state(dossier_id))["state"] == "completed"


async def test_what_an_agency_writes_about_a_supplement_travels_sealed(
    hub: Hub, completed: Body, dossier_id: UUID
) -> None:
    words = "Bản sao hộ khẩu của ông Trần Văn Ví Dụ bị mờ"
    asked = completed(type="supplement_asked", items=[{"code": "to-khai", "note": words}], reason=words)

    assert (await hub.call_back(asked)).status_code == 204

    name, body = (await hub.events(dossier_id))[-1]
    assert (name, body["components"]) == ("dossier.supplement_asked.v1", ["to-khai"])
    assert "Ví Dụ" not in json.dumps(body, ensure_ascii=False)
    assert hub.keys.open("form", dossier_id, body["sealed_reason"])["reason"] == words


@pytest.mark.parametrize("kind", ["completed", "acknowledged", "step", "supplement_asked", "cancellation_answered"])
async def test_what_is_dated_before_the_dossier_was_received_is_refused(
    hub: Hub, completed: Body, dossier_id: UUID, kind: str
) -> None:
    """A result of 1970 would end the clock early, and stand for ever."""
    more = {"step": {"code": "appraisal", "name": "Thẩm định"}, "outcome": "stopped"}
    for at in ("1970-01-01T00:00:00+00:00", (NOW - timedelta(days=32)).isoformat()):
        answer = await hub.call_back(completed(type=kind, at=at, **more))
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["field"], error["rule"]) == (422, "body.at", "before-the-receipt")
    assert {*await hub.types(dossier_id)} <= {"dossier.routed.v1", "dossier.handed_over.v1"}

    close = completed(type=kind, at=(NOW - timedelta(days=30)).isoformat(), **more)
    heard = 404 if kind == "cancellation_answered" else 204  # nobody has asked the agency to stop
    assert (await hub.call_back(close)).status_code == heard, "our own clock may have been ahead at the receipt"


async def test_one_that_was_planned_before_that_was_kept_is_heard_as_before(
    hub: Hub, completed: Body, dossier_id: UUID
) -> None:
    await hub.fetch("UPDATE transfer SET received_at = NULL")
    assert (await hub.call_back(completed(at="1999-01-01T00:00:00+00:00"))).status_code == 204


async def test_a_message_that_cannot_be_right_is_refused_without_repeating_it(
    hub: Hub, completed: Body, dossier_id: UUID
) -> None:
    wrong: list[dict[str, Any]] = [
        {"at": "2036-01-01T00:00:00+07:00"},
        {"at": "2026-03-02T08:00:00"},
        {"type": "finished"},
        {"type": "step"},
        {"result": {"code": "perhaps"}},
        {"result": None},
        {"dossier_id": "Trần Văn Ví Dụ"},
        {"leg": "Trần Văn Ví Dụ"},
        {"foreign_number": "x" * 101},
    ]
    for changes in wrong:
        answer = await hub.call_back(completed(**changes))

        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), changes
        assert "Ví Dụ" not in answer.text
    assert (await hub.state(dossier_id))["legs"][0]["outcome"] is None
