import asyncio
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_messaging.clock import read_offset
from hub_sandbox import callbacks
from tests.sandbox.conftest import AGENCY, Other, Routing

Run = Any


async def test_an_honest_agency_takes_a_hand_over_and_calls_back_once(other: Other, routing: Routing) -> None:
    handed = other.handover()
    started = time.monotonic()
    answer = await other.hand_over(handed)
    assert answer.status_code == 200
    assert await routing.heard(1) == ["completed"]
    assert 0.04 < time.monotonic() - started < 1
    said = routing.taken[0]
    assert said["path"] == f"v1/callbacks/{AGENCY}"
    assert (said["dossier_id"], said["leg"], said["result"]["code"]) == (handed["dossier_id"], "lead", "approved")
    assert said["foreign_number"] == answer.json()["foreign_number"]
    await other.settled(taken=1, waiting=0, dossiers_completed=1)


async def test_the_same_key_again_is_a_repeat_with_the_same_answer(other: Other, routing: Routing) -> None:
    handed, key = other.handover(), str(uuid4())
    first = await other.hand_over(handed, key)
    again = await asyncio.gather(*[other.hand_over(handed, key) for _ in range(3)])
    assert {answer.content for answer in again} == {first.content}
    await routing.heard(1)
    counts = await other.summary()
    assert (counts["effects"]["handover"], counts["repeats"], counts["duplicates"]) == (1, 3, 0)
    assert counts["callbacks"]["planned"] == 1


async def test_the_same_key_with_another_body_is_a_conflict(other: Other) -> None:
    handed, key = other.handover(), str(uuid4())
    await other.hand_over(handed, key)
    answer = await other.hand_over({**handed, "dossier_code": "H26.15-260302-0002"}, key)
    assert (answer.status_code, answer.json()["slug"]) == (422, "idempotency-key-reused")
    assert (await other.summary())["conflicts"] == 1


async def test_a_second_key_for_the_same_leg_is_a_duplicate_and_is_counted(other: Other) -> None:
    handed = other.handover()
    await other.hand_over(handed)
    await other.hand_over(handed)
    counts = await other.summary()
    assert (counts["effects"]["handover"], counts["duplicates"]) == (2, 1)
    assert counts["by_party"][AGENCY]["duplicates"] == 1


async def test_two_supplements_of_one_leg_are_no_duplicates(other: Other) -> None:
    handed = other.handover()
    for changes in ({}, {"kind": "supplement", "request": 1}, {"kind": "supplement", "request": 2}):
        assert (await other.hand_over({**handed, **changes})).status_code == 200
    counts = await other.summary()
    assert (counts["effects"], counts["duplicates"]) == ({"handover": 1, "supplement": 2, "sms": 0}, 0)


@pytest.mark.parametrize(
    ("changes", "status", "slug"),
    [
        ({"agency_code": "H26.99"}, 422, "invalid-request"),
        ({"received_at": "2026-03-02T08:00:00"}, 422, "invalid-request"),
        ({"dossier_id": "1"}, 422, "invalid-request"),
        ({"components": [{"code": "", "name": "x", "originals": 1, "copies": 1}]}, 422, "invalid-request"),
    ],
)
async def test_a_wrong_hand_over_leaves_no_effect(
    other: Other, changes: dict[str, Any], status: int, slug: str
) -> None:
    answer = await other.hand_over(other.handover(**changes))
    assert (answer.status_code, answer.json()["slug"]) == (status, slug)
    assert (await other.summary())["effects"]["handover"] == 0


async def test_key_and_signature_are_asked_for(other: Other) -> None:
    forged = await other.hand_over(other.handover(), secret="whsec_" + "C" * 43 + "=")
    assert (forged.status_code, forged.json()["slug"]) == (401, "signature-invalid")
    keyless = await other.hand_over(other.handover(), key="not-a-uuid")
    assert (keyless.status_code, keyless.json()["slug"]) == (400, "idempotency-key-missing")


async def test_callbacks_go_only_where_they_may(run: Run, routing: Routing) -> None:
    other = await run(routing_url=routing.url)
    assert (await other.hand_over(other.handover())).status_code == 200
    elsewhere = other.handover(callback_url="http://127.0.0.1:1/v1/callbacks/x")
    assert (await other.hand_over(elsewhere)).status_code == 422


async def test_steps_come_in_order_and_out_of_order_when_told(other: Other, routing: Routing) -> None:
    await other.behave(steps=True)
    await other.hand_over(other.handover())
    assert await routing.heard(3) == ["acknowledged", "step", "completed"]
    routing.taken.clear()
    await other.behave(out_of_order=True)
    await other.hand_over(other.handover())
    assert await routing.heard(2) == ["completed", "acknowledged"]


async def test_calling_back_twice_repeats_the_id_unless_told_otherwise(other: Other, routing: Routing) -> None:
    await other.behave(completed="twice")
    await other.hand_over(other.handover())
    await routing.heard(2)
    assert routing.ids[0] == routing.ids[1]
    assert routing.taken[0] == routing.taken[1]
    await other.behave(completed="twice_with_another_id")
    await other.hand_over(other.handover())
    assert await routing.heard(4) == ["completed"] * 4
    assert routing.ids[2] != routing.ids[3]
    assert (await other.settled(taken=3))["dossiers_completed"] == 2


async def test_an_agency_asks_for_a_supplement_and_completes_after_it(other: Other, routing: Routing) -> None:
    await other.behave(asks_supplement=True)
    handed = other.handover()
    await other.hand_over(handed)
    assert await routing.heard(1) == ["supplement_asked"]
    assert routing.taken[0]["items"][0]["code"] == "to-khai"
    await other.hand_over({**handed, "kind": "supplement"})
    assert await routing.heard(2) == ["supplement_asked", "completed"]


async def test_a_late_agency_speaks_on_command(other: Other, routing: Routing) -> None:
    await other.behave(callback="on_command")
    first, second = other.handover(), other.handover()
    await other.hand_over(first)
    await other.hand_over(second)
    await asyncio.sleep(0.15)
    assert routing.taken == []
    url = f"{other.url}/agencies/{AGENCY}/callbacks/release"
    released = await other.client.post(url, params={"dossier_id": first["dossier_id"]})
    assert released.json() == {"released": 1}
    await routing.heard(1)
    assert routing.taken[0]["dossier_id"] == first["dossier_id"]
    assert (await other.client.post(url)).json() == {"released": 1}
    await routing.heard(2)


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [({"down": "unavailable"}, 503), ({"refuse_status": 422}, 422), ({"fail_times": 1}, 503)],
)
async def test_a_refusing_or_failing_agency_takes_nothing(other: Other, behaviour: dict[str, Any], status: int) -> None:
    await other.behave(**behaviour)
    answer = await other.hand_over(other.handover())
    assert (answer.status_code, answer.json()["fault"]) == (status, "agency")
    assert (await other.summary())["effects"]["handover"] == 0


async def test_an_agency_fails_n_times_and_is_then_honest(other: Other) -> None:
    await other.behave(fail_times=2)
    statuses = [(await other.hand_over(other.handover())).status_code for _ in range(4)]
    assert statuses == [503, 503, 200, 200]


async def test_an_agency_is_down_for_a_while_and_others_are_not(other: Other) -> None:
    await other.behave(down="unavailable", down_seconds=0.3)
    assert (await other.hand_over(other.handover())).status_code == 503
    assert (await other.text()).status_code == 200
    await asyncio.sleep(0.35)
    assert (await other.hand_over(other.handover())).status_code == 200


async def test_a_connection_is_cut_or_held_on_command(other: Other) -> None:
    await other.behave(down="reset")
    with pytest.raises(httpx.RemoteProtocolError):
        await other.hand_over(other.handover())
    await other.behave(down="hold")
    with pytest.raises(httpx.ReadTimeout):
        await other.hand_over(other.handover())
    await other.client.delete(f"{other.url}/behaviours")
    assert (await other.hand_over(other.handover())).status_code == 200
    assert (await other.summary())["effects"]["handover"] == 1


async def test_an_answer_after_the_time_out_has_taken_effect(other: Other, routing: Routing) -> None:
    await other.behave(late_answer_seconds=3)
    handed, key = other.handover(), str(uuid4())
    with pytest.raises(httpx.ReadTimeout):
        await other.hand_over(handed, key)
    assert await routing.heard(1) == ["completed"]
    await other.behave()
    assert (await other.hand_over(handed, key)).status_code == 200
    counts = await other.summary()
    assert (counts["effects"]["handover"], counts["repeats"], counts["duplicates"]) == (1, 1, 0)


async def test_every_agency_can_be_told_at_once(other: Other) -> None:
    await other.behave(party="*", refuse_status=409)
    assert (await other.hand_over(other.handover())).status_code == 409
    await other.behave(party=AGENCY)
    assert (await other.hand_over(other.handover())).status_code == 200
    assert set((await other.client.get(f"{other.url}/behaviours")).json()) == {"*", AGENCY}


async def test_a_callback_is_repeated_unchanged_until_it_is_taken(other: Other, routing: Routing) -> None:
    routing.answers = [503, 500, 429, 204]
    await other.hand_over(other.handover())
    await routing.heard(4)
    assert len(set(routing.ids)) == 1
    assert len({(message["at"], message["type"]) for message in routing.taken}) == 1
    assert (await other.settled(taken=1))["attempts"] == 4


async def test_a_callback_about_a_dossier_that_routing_does_not_know_yet_is_repeated(
    other: Other, routing: Routing
) -> None:
    routing.answers = [404, 404, 204]
    await other.hand_over(other.handover())
    await routing.heard(3)
    assert (await other.settled(taken=1))["attempts"] == 3


async def test_a_dossier_that_stays_unknown_is_refused_in_the_end(
    other: Other, routing: Routing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "UNKNOWN_SECONDS", 0.3)
    routing.answers = [404] * 100
    await other.hand_over(other.handover())
    assert (await other.settled(refused=1, waiting=0))["attempts"] > 1


@pytest.mark.parametrize("status", [401, 409, 422])
async def test_a_refused_callback_is_recorded_and_not_repeated(other: Other, routing: Routing, status: int) -> None:
    routing.answers = [status]
    await other.hand_over(other.handover())
    await routing.heard(1)
    await other.settled(refused=1, waiting=0, attempts=1)
    told = (await other.client.get(f"{other.url}/ledger/callbacks")).json()["callbacks"]
    assert [callback["status"] for callback in told] == [status]


async def test_callbacks_are_read_page_by_page(other: Other, routing: Routing) -> None:
    for _ in range(3):
        await other.hand_over(other.handover())
    await routing.heard(3)

    async def page(after: int) -> list[str]:
        answer = await other.client.get(f"{other.url}/ledger/callbacks?after={after}&limit=2")
        return [callback["id"] for callback in answer.json()["callbacks"]]

    read = [*await page(0), *await page(2)]
    assert len(set(read)) == len(read) == 3
    assert await page(3) == []


async def test_callbacks_carry_business_time(run: Run, routing: Routing, tmp_path: Path) -> None:
    clock = tmp_path / "clock.json"
    clock.write_text(json.dumps({"offset_seconds": -86_400.0}))
    other = await run(clock_file=clock)
    await other.hand_over(other.handover())
    await routing.heard(1)
    assert read_offset(clock).days == -1
    told = httpx.Response(200, json=routing.taken[0]).json()["at"]
    assert told[:10] == time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))


@given(st.binary(max_size=300) | st.dictionaries(st.text(), st.text()).map(lambda d: json.dumps(d).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
async def test_any_body_is_refused_without_effect(other: Other, raw: bytes) -> None:
    for path in (f"agencies/{AGENCY}/handovers", "messages", "agencies/%FF/handovers", "behaviours/x", "ledger/none"):
        method = "PUT" if path.startswith("behaviours") else "POST"
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        answer = await other.client.request(method, f"{other.url}/{path}", content=raw, headers=headers)
        assert 400 <= answer.status_code < 500 or answer.status_code == 204
    assert sum((await other.summary())["effects"].values()) == 0
