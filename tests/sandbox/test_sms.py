from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.conftest import Other


async def test_one_message_per_key_and_the_text_can_be_read(other: Other) -> None:
    key, dossier = str(uuid4()), str(uuid4())
    first = await other.text(key, reference=f"{dossier}:accepted", text="Mã hồ sơ H26.15-260302-0001")
    again = await other.text(key, reference=f"{dossier}:accepted", text="Mã hồ sơ H26.15-260302-0001")
    assert first.json() == again.json()
    counts = await other.summary()
    assert (counts["effects"]["sms"], counts["repeats"], counts["duplicates"]) == (1, 1, 0)
    texts = (await other.client.get(f"{other.url}/ledger/texts", params={"dossier_id": dossier})).json()["texts"]
    assert texts == [
        {"dossier_id": dossier, "duty": "accepted", "to": "+84912345678", "text": "Mã hồ sơ H26.15-260302-0001"}
    ]


async def test_two_messages_for_one_duty_are_a_duplicate_and_another_duty_is_not(other: Other) -> None:
    dossier = str(uuid4())
    for duty in ("accepted", "supplement:1", "supplement:2", "completed", "completed"):
        await other.text(reference=f"{dossier}:{duty}")
    counts = await other.summary()
    assert (counts["effects"]["sms"], counts["duplicates"]) == (5, 1)
    assert counts["sms_by_duty"] == {"accepted": 1, "supplement": 2, "completed": 2}


async def test_one_duty_told_at_two_numbers_is_no_duplicate(other: Other) -> None:
    reference = f"{uuid4()}:accepted"
    for number in ("+84912345678", "+84987654321"):
        await other.text(reference=reference, to=number)
    assert (await other.summary())["duplicates"] == 0


async def test_the_same_key_with_another_text_is_a_conflict(other: Other) -> None:
    key = str(uuid4())
    await other.text(key, reference=f"{uuid4()}:accepted")
    assert (await other.text(key, reference=f"{uuid4()}:accepted")).status_code == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "0912345678"}, {"text": ""}, {"text": "x" * 671}, {"reference": "1:accepted"}, {"extra": 1},
        {"reference": f"{uuid4()}:party"}, {"sender": "x" * 12},
    ],
)  # fmt: skip
async def test_a_message_no_gateway_would_take_is_refused(other: Other, changes: dict[str, Any]) -> None:
    assert (await other.text(**changes)).status_code == 422
    assert (await other.text(token="another")).status_code == 401
    assert (await other.summary())["effects"]["sms"] == 0


async def test_the_gateway_misbehaves_on_command_too(other: Other) -> None:
    await other.behave(party="sms", fail_times=1)
    assert [(await other.text()).status_code for _ in range(2)] == [503, 200]


async def test_the_ledger_holds_no_number_and_no_text(other: Other) -> None:
    await other.text(text="Câu chữ riêng")
    await other.text()
    page = await other.client.get(f"{other.url}/ledger/effects")
    assert "912345678" not in page.text
    assert "riêng" not in page.text
    recipients = {effect["recipient"] for effect in page.json()["effects"]}
    assert len(recipients) == 1
