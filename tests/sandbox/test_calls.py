"""Calls besides the hand-over: told to stop, told what was wrong; honest, refusing, late or silent on command."""

from typing import Any

import pytest

from tests.sandbox.conftest import AGENCY, Other


def to_stop(handed: dict[str, Any], **changes: Any) -> dict[str, Any]:
    shared = {name: handed[name] for name in ("dossier_id", "leg", "dossier_code", "agency_code", "callback_url")}
    told = {"foreign_number": None, "reason": "nguoi-nop-rut", "withdrawn": True}
    times = {"stopped_at": "2026-03-03T08:00:00+07:00", "sent_at": "2026-03-03T08:00:00+07:00"}
    return {**shared, **told, **times, **changes}


async def stop(other: Other, handed: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    answer = await other.hand_over(to_stop(handed), key, call="cancellations")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_one_that_works_on_it_stops_and_its_result_is_never_said(other: Other) -> None:
    await other.behave(callback_seconds=60)
    handed = other.handover()
    await other.hand_over(handed)
    assert await stop(other, handed) == {"outcome": "stopped"}
    assert (await other.summary())["callbacks"]["waiting"] == 0
    assert other.routing.taken == []


async def test_one_whose_result_is_said_has_decided_and_one_without_the_dossier_says_so(other: Other) -> None:
    handed = other.handover()
    assert await stop(other, other.handover()) == {"outcome": "unknown"}
    await other.hand_over(handed)
    await other.routing.heard(1)
    assert await stop(other, handed) == {"outcome": "decided"}


async def test_a_repeat_is_answered_as_the_first_time(other: Other) -> None:
    await other.behave(callback="never")
    handed, key = other.handover(), "0195c2f1-7c00-7a31-9d2e-5b1f0c9a4e11"
    await other.hand_over(handed)
    first = await stop(other, handed, key)
    await other.behave(cancellation="decided")
    assert await stop(other, handed, key) == first
    again = await other.hand_over(to_stop(handed, withdrawn=False), key, call="cancellations")
    assert again.status_code == 422
    assert (await other.summary())["effects"]["cancellation"] == 1


@pytest.mark.parametrize(("behaviour", "said"), [("later", ["cancellation_answered"]), ("silent", [])])
async def test_late_and_silent(other: Other, behaviour: str, said: list[str]) -> None:
    await other.behave(callback="on_command", cancellation=behaviour)
    handed = other.handover()
    await other.hand_over(handed)
    assert await stop(other, handed) == {}
    await other.client.post(f"{other.url}/agencies/{AGENCY}/callbacks/release")
    if behaviour == "later":
        assert await other.routing.heard(1) == said
        assert other.routing.taken[0]["outcome"] == "stopped"
    else:
        assert await other.routing.heard(1) == ["completed"], "it goes on as if nothing were"


async def test_one_that_knows_no_such_call(other: Other) -> None:
    await other.behave(cancellation="refuses")
    answer = await other.hand_over(to_stop(other.handover()), call="cancellations")
    assert answer.status_code == 404


async def test_a_correction_is_taken_once_with_all_that_stands(other: Other) -> None:
    handed, key = other.handover(), "0195c2f1-7c00-7a31-9d2e-5b1f0c9a4e12"
    told = {
        **{name: value for name, value in handed.items() if name not in ("received_at", "promised_at")},
        "kind": "correction",
        "correction": 1,
        "what": ["components"],
        "case": None,
        "corrected_at": "2026-03-03T08:00:00+07:00",
    }
    for _ in range(2):
        answer = await other.hand_over(told, key, call="corrections")
        assert (answer.status_code, answer.json()) == (200, {})
    counts = await other.summary()
    assert (counts["effects"]["correction"], counts["repeats"], counts["duplicates"]) == (1, 1, 0)
    assert (await other.hand_over({**told, "what": []}, call="corrections")).status_code == 422
    assert (await other.hand_over(told, secret="whsec_" + "C" * 43 + "=", call="corrections")).status_code == 401
