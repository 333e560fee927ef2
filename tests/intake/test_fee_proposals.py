"""Đề xuất phí: what the catalogue says is seen and asked with one request; nothing is charged or guessed by itself."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.intake.domain.desk.fee_proposals import FeeProposal, proposals
from services.intake.domain.desk.fees import fee_flags, read_fees
from services.intake.domain.procedures.published_procedure import Offer
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence
from tests.intake.procedure_texts import channel, procedure_text
from tests.intake.test_catalogue_import import CODE, one
from tests.intake.test_life import refused, steps

PAPERS = [{"code": "to-khai-theo-mau", "originals": 1}, {"code": "giay-to-chung-minh", "copies": 1}]
FEES = (
    "Lệ phí: 20.000 đồng (cấp mới) | Phí: 5000 VNĐ/trang | 40 VNĐ () | Theo quy định của HĐND tỉnh | "
    "0 VNĐ (người có công)"
)


async def filed(door: FrontDoor, **changes: Any) -> str:
    body = residence(procedure_code=CODE, components=PAPERS, acceptance=ACCEPTANCE, **changes)
    return str((await door.submitted(body))["dossier_id"])


async def proposed(door: FrontDoor, id: str, **more: Any) -> dict[str, Any]:
    answer = await door.get(f"/v1/dossiers/{id}/proposed-fees", **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.stack
async def test_the_catalogues_lines_are_proposed_and_one_is_asked_with_one_request(door: FrontDoor) -> None:
    await one(door, procedure_text(channels=channel(fee=FEES)))
    id = await filed(door)
    found = await proposed(door, id)
    assert (found["procedure_version"], found["channel"]) == (1, "counter")
    assert [(line["line"], line["amount"], line["doubt"], line["purpose"]) for line in found["items"]] == [
        ("1-1", 20000, None, "le-phi"),
        ("1-2", None, "per-unit", "phi"),
        ("1-3", None, "suspiciously-small", "phi-le-phi"),
        ("1-4", None, "in-words", "phi-le-phi"),
        ("1-5", None, "free", "phi-le-phi"),
    ]
    assert found["items"][2]["text"] == "40 VNĐ ()"
    shown = (await door.get(f"/v1/dossiers/{id}")).json()
    assert (shown["life"], shown["national_status"]["code"]) == (None, 2), "nothing is charged by itself"

    asked = await door.decided(id, "proposed-fees/1-1")
    (fee,) = asked["life"]["fees"]
    assert (fee["amount"], fee["purpose"], fee["line"], fee["asked_by"]) == (20000, "le-phi", "1-1", "cb-01")
    assert fee["basis"] == "Lệ phí: 20.000 đồng (cấp mới)"
    assert asked["national_status"]["code"] == 6
    assert ("Yêu cầu nộp phí, lệ phí: 20.000 đồng.", "cb-01") in await steps(door, id)
    assert [line["asked"] for line in (await proposed(door, id))["items"]] == [1, None, None, None, None]
    paid = await door.decided(id, "fees/1/payment", reference="TT-1", by="cash")
    assert (paid["life"]["fees"][0]["open"], paid["life"]["fees"][0]["basis"]) == (False, fee["basis"])


@pytest.mark.stack
async def test_what_the_text_leaves_unclear_is_refused_as_a_number(door: FrontDoor) -> None:
    await one(door, procedure_text(channels=channel(fee=FEES)))
    id = await filed(door)
    for line in ("1-2", "1-3", "1-4", "1-5"):
        assert await refused(door, id, f"proposed-fees/{line}") == (422, "fee-not-proposed")
    assert await refused(door, id, "proposed-fees/1-6") == (404, "fee-proposal-unknown")
    assert await refused(door, id, "proposed-fees/2-1") == (404, "fee-proposal-unknown")
    for wrong in ("0-1", "1", "1-1-1", "x", "1-99999"):
        answer = await door.post(f"/v1/dossiers/{id}/proposed-fees/{wrong}", ACCEPTANCE)
        assert answer.status_code == 422, wrong
    assert (await door.get(f"/v1/dossiers/{id}")).json()["life"] is None
    by_hand = await door.decided(id, "fees", purpose="phi", amount=15000)
    assert by_hand["life"]["fees"][0]["line"] is None


@pytest.mark.stack
async def test_of_two_officers_one_asks_a_line_and_a_repeated_request_is_one(
    door: FrontDoor, second_door: FrontDoor
) -> None:
    await one(door, procedure_text(channels=channel(fee="50.000 đồng/hồ sơ")))
    id = await filed(door)
    path = f"/v1/dossiers/{id}/proposed-fees/1-1"
    answers = await asyncio.gather(*(each.post(path, ACCEPTANCE) for each in (door, second_door)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    late = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (late["slug"], late["fee"]) == ("fee-asked-already", 1)
    await door.decided(id, "fees/1/waiver", reason_code="poor-household")
    assert await refused(door, id, "proposed-fees/1-1") == (409, "fee-asked-already"), "a waived one stays waived"

    other = await filed(door)
    path = f"/v1/dossiers/{other}/proposed-fees/1-1"
    first, again = [await door.post(path, ACCEPTANCE, key="k-1") for _ in range(2)]
    assert first.json() == again.json()
    assert len(first.json()["life"]["fees"]) == 1


@pytest.mark.stack
async def test_channel_case_and_pinned_version_choose_the_lines(door: FrontDoor) -> None:
    rows = (
        channel(fee="10000 VNĐ", description="Cấp mới")
        + channel(fee="6000 VNĐ", description="Cấp lại")
        + channel(form="ONLINE", fee="4000 VNĐ")
        + channel(form="Qua đường dây nóng", fee="9000 VNĐ")
    )
    await one(door, procedure_text(channels=rows))
    everywhere, again, online = (
        await filed(door), await filed(door, case="counter-2"), await filed(door, channel="online"),
    )  # fmt: skip
    await one(door, procedure_text(channels=channel(fee="99000 VNĐ")))

    def lines(found: dict[str, Any]) -> list[tuple[str, int | None, str | None]]:
        return [(line["line"], line["amount"], line["doubt"]) for line in found["items"]]

    odd = ("4-1", None, "channel-unknown")
    assert lines(await proposed(door, everywhere)) == [("1-1", 10000, None), ("2-1", 6000, None), odd]
    assert lines(await proposed(door, again)) == [("2-1", 6000, None), odd]
    assert lines(await proposed(door, online)) == [("3-1", 4000, None), odd]
    assert lines(await proposed(door, await filed(door))) == [("1-1", 99000, None)]
    await door.decided(again, "corrections", case=None, reason="Ghi nhầm")
    assert (await door.decided(again, "proposed-fees/1-1"))["life"]["fees"][0]["amount"] == 10000


@pytest.mark.stack
async def test_a_packaged_version_names_none_and_the_clerk_is_told_what_to_do(door: FrontDoor) -> None:
    id = str((await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"])
    found = await proposed(door, id)
    assert found["items"] == []
    assert "POST /v1/dossiers/{id}/fees" in found["next_step"]


@pytest.mark.stack
async def test_outside_the_area_and_after_the_end_nothing_is_asked(door: FrontDoor) -> None:
    await one(door, procedure_text(channels=channel(fee="10000 VNĐ")))
    id = await filed(door)
    stranger = door.token(area=["H99.99.99"])
    assert (await door.get(f"/v1/dossiers/{id}/proposed-fees", bearer=stranger)).status_code == 404
    assert (await door.post(f"/v1/dossiers/{id}/proposed-fees/1-1", ACCEPTANCE, bearer=stranger)).status_code == 404
    await door.decided(id, "stop", reason_code="x", reason="Không còn nhu cầu")
    assert await refused(door, id, "proposed-fees/1-1") == (409, "wrong-state")


def test_a_case_that_the_rows_do_not_know_hides_none_of_them() -> None:
    rows = [Offer("counter", "Trực tiếp", f"counter-{n}", "", read_fees(f"{n}0000 VNĐ"), "") for n in (1, 2)]
    rows.append(Offer(None, "Khác", None, "", read_fees("9000 VNĐ"), ""))
    found = proposals(rows, "counter", "nguoi-nuoc-ngoai")
    assert [(line.line, line.amount) for line in found] == [("1-1", 10000), ("2-1", 20000), ("3-1", None)]


def lines_of(text: str) -> tuple[FeeProposal, ...]:
    return proposals((Offer("counter", "Trực tiếp", None, "", read_fees(text), ""),), "counter", None)


@pytest.mark.parametrize(
    ("text", "amount", "doubt"),
    [
        ("Lệ phí : 8.000 Đồng", 8000, None),
        ("20.000 đồng/hồ sơ", 20000, None),
        ("20.000 đồng/bản", None, "per-unit"),
        ("2.000 đồng (mỗi trang)", None, "per-unit"),
        ("30.000 đồng (cấp mới)", 30000, None),
        ("từ 10.000 đồng đến 20.000 đồng", None, "in-words"),
        ("99.999.999.999 đồng", None, "not-believable"),
        ("Theo quy định", None, "in-words"),
        ("0 VNĐ", None, "free"),
    ],
)
def test_only_what_is_beyond_doubt_is_a_number(text: str, amount: int | None, doubt: str | None) -> None:
    (line,) = lines_of(text)
    assert (line.amount, line.doubt, line.text) == (amount, doubt, text)


_WORDS = some.sampled_from(
    ["Phí", "lệ phí", "20.000", "5000", "40", "đồng", "VNĐ", "/trang", "/hồ sơ", "mỗi", "|", "(", ")", "\n", "0", "-"]
)


@given(some.one_of(some.text(max_size=80), some.lists(_WORDS, max_size=14).map(" ".join)))
def test_no_number_is_proposed_that_the_text_does_not_hold(text: str) -> None:
    for line in lines_of(text):
        assert (line.amount is None) == (line.doubt is not None)
        if line.amount is not None:
            numbers = {int(re.sub(r"[.,]", "", found)) for found in re.findall(r"[0-9][0-9.,]*", line.text)}
            assert line.amount in numbers or any(number // 100 == line.amount for number in numbers)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("0 VNĐ (Theo quy định của Bộ Tài chính)", "in-words"),
        ("0 VNĐ (Phí thẩm định: hộ gia đình 300.000 đồng/hồ sơ)", "in-words"),
        ("0 VNĐ (Mức lệ phí do HĐND tỉnh quyết định. Miễn lệ phí cho hộ nghèo)", "in-words"),
        ("0 VNĐ (mỗi loại hình 8.000.000/lần)", "in-words"),
        ("20000000 VNĐ (áp dụng mức phí 10.000.000 đồng/hồ sơ đến hết ngày 31/12/2026)", "in-words"),
        ("145000 VNĐ (145 USD)", "in-words"),
        ("0 đồng, thu theo Nghị quyết số 12/2021/NQ-HĐND", "in-words"),
        ("Lệ phí: 0 đồng", "free"),
        ("0 VNĐ (người có công)", "free"),
        ("0 VNĐ (Không quy định.)", "free"),
        ("0 VNĐ (Miễn lệ phí theo Thông tư số 47/2019/TT-BTC)", "free"),
        ("0 VNĐ (hộ nghèo được miễn lệ phí)", "free"),
        ("50000 VNĐ (50.000 đồng/lần; nộp lại 20.000 đồng)", None),
        ("20.000 đồng (cấp mới)", None),
    ],
)
def test_an_amount_that_its_own_words_contradict_is_flagged_and_not_proposed(text: str, doubt: str | None) -> None:
    """Of 16,500 published rows three thousand say 0 đồng and behind it what is to be paid: that isn't free."""
    offer = Offer("counter", "DIRECT", None, "5 ngày", read_fees(text), "")
    assert [line.doubt for line in proposals((offer,), "counter", None)] == [doubt]
    flags = {slug for slug, _ in fee_flags(text)}
    assert flags == ({"fee-contradicts-words"} if doubt == "in-words" else set())
