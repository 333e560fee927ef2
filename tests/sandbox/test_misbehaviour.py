"""Every way in which the other side can be difficult, each on command, each counted by the ledger."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hub_web.signatures import sign
from tests.sandbox.conftest import AGENCY, SECRET, TOKEN, Other


async def ask(other: Other, key: str, body: bytes = b"") -> httpx.Response:
    return await other.client.get(f"{other.url}/agencies/{AGENCY}/handovers/{key}", headers=sign(key, body, SECRET))


async def test_whoever_does_not_honour_the_key_makes_an_effect_of_every_request(other: Other) -> None:
    await other.behave(honours_key=False, callback="never")
    await other.behave("sms", honours_key=False)
    key, body, dossier = str(uuid4()), other.handover(), str(uuid4())
    numbers = {(await other.hand_over(body, key)).json()["foreign_number"] for _ in range(3)}
    for _ in range(2):
        await other.text(key, reference=f"{dossier}:accepted")
    counts = await other.summary()
    assert len(numbers) == 3
    assert (counts["effects"]["handover"], counts["effects"]["sms"]) == (3, 2)
    assert (counts["duplicates"], counts["repeats"]) == (3, 0)


async def test_each_dossier_made_of_one_request_is_called_back_about(other: Other) -> None:
    await other.behave(honours_key=False)
    key, body = str(uuid4()), other.handover()
    for _ in range(2):
        await other.hand_over(body, key)
    await other.routing.heard(2)
    assert len({message["foreign_number"] for message in other.routing.taken}) == len(set(other.routing.ids)) == 2


@pytest.mark.parametrize(("behaviour", "effects"), [({"cut_after_effect": True}, 1), ({"down": "reset"}, 0)])
async def test_a_connection_is_cut_before_or_after_the_effect(
    other: Other, behaviour: dict[str, Any], effects: int
) -> None:
    await other.behave(callback="never", **behaviour)
    with pytest.raises(httpx.TransportError):
        await other.hand_over(other.handover())
    assert (await other.summary())["effects"]["handover"] == effects


@pytest.mark.parametrize("behaviour", [{"down": "hold"}, {"answer_seconds": 10}])
async def test_a_silent_party_and_one_that_is_slow_take_nothing_in_time(
    other: Other, behaviour: dict[str, Any]
) -> None:
    await other.behave("sms", **behaviour)
    other.client.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await other.text()
    assert (await other.summary())["effects"]["sms"] == 0


async def test_an_answer_after_the_time_out_has_made_its_effect(other: Other) -> None:
    await other.behave("sms", late_answer_seconds=10)
    other.client.timeout = httpx.Timeout(0.5)
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        await other.text()
    assert time.monotonic() - began < 5
    assert (await other.summary())["effects"]["sms"] == 1


async def test_which_of_ten_requests_fail_follows_from_the_seed(other: Other) -> None:
    async def failed(seed: int) -> list[bool]:
        await other.behave("sms", fail_share=0.3, seed=seed)
        return [(await other.text()).status_code == 503 for _ in range(40)]

    first = await failed(7)
    assert await failed(7) == first
    assert await failed(8) != first
    assert 4 <= sum(first) <= 20


async def test_everything_is_said_ten_times_and_out_of_order(other: Other) -> None:
    await other.behave(callback_times=10, out_of_order=True)
    await other.hand_over(other.handover())
    assert await other.routing.heard(20) == ["completed"] * 10 + ["acknowledged"] * 10
    assert len(set(other.routing.ids)) == 2
    await other.settled(taken=2, waiting=0)


async def test_another_body_comes_under_the_same_id(other: Other) -> None:
    other.routing.answers = [204, 422]
    await other.behave(completed="another_body_same_id")
    await other.hand_over(other.handover())
    await other.routing.heard(2)
    assert len(set(other.routing.ids)) == 1
    first, second = (json.dumps(message["result"]) for message in other.routing.taken)
    assert first != second
    await other.settled(taken=1, refused=1)


async def test_a_party_tells_what_became_of_a_key_and_a_question_makes_nothing(other: Other) -> None:
    key = str(uuid4())
    assert (await ask(other, key)).status_code == 404
    number = (await other.hand_over(other.handover(), key)).json()
    assert (await ask(other, key)).json() == number
    assert (await ask(other, key, b"another")).status_code == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    message = (await other.text(key)).json()
    assert (await other.client.get(f"{other.url}/messages/{key}", headers=bearer)).json() == message
    assert (await other.client.get(f"{other.url}/messages/{key}")).status_code == 401
    await other.behave(status_query=False)
    assert (await ask(other, key)).status_code == 405
    counts = await other.summary()
    assert (counts["effects"]["handover"], counts["effects"]["sms"], counts["repeats"]) == (1, 1, 0)


async def test_a_restart_remembers_every_effect_of_one_key(run: Callable[..., Any], tmp_path: Any) -> None:
    other: Other = await run(ledger_file=tmp_path / "ledger")
    await other.behave("sms", honours_key=False)
    key, dossier = str(uuid4()), str(uuid4())
    for _ in range(2):
        await other.text(key, reference=f"{dossier}:accepted")
    again: Other = await run(ledger_file=tmp_path / "ledger")
    assert (await again.summary())["duplicates"] == 1
