"""Hẹn lại ngày trả kết quả: the date of an apology letter, and whose word a date is; through the front door."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from hub_events.sla import DeadlineClockStartedV1
from tests.intake.citizen import Visitor
from tests.intake.conftest import FrontDoor
from tests.intake.test_forms import BY, a_book, accepted, fetched, issue, issued, said_by
from tests.intake.test_old_dossiers import book, entered, line
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack

FIRST = datetime.fromisoformat("2026-03-11T17:00:00+07:00")
REASON = "Cần xác minh nơi cư trú cũ."


@pytest.fixture
def visitor(door: FrontDoor) -> Visitor:
    return Visitor(door)


async def put_off(door: FrontDoor, dossier_id: str, to: str) -> httpx.Response:
    """An apology letter with this new date."""
    return await issue(door, dossier_id, "04", reason=REASON, new_due_at=to)


async def shown(door: FrontDoor, dossier_id: str) -> dict[str, Any]:
    """The promise, as the dossier's answer has it."""
    promise: dict[str, Any] = (await door.get(f"/v1/dossiers/{dossier_id}")).json()["promise"]
    return promise


async def test_the_date_of_the_letter_is_told_wherever_the_first_one_is(door: FrontDoor, visitor: Visitor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    assert (await shown(door, dossier_id))["reappointed_to"] is None
    door.set_time("2026-03-10T09:00:00+07:00")
    assert (await put_off(door, dossier_id, "2026-03-16T17:00:00+07:00")).status_code == 201

    promise = await shown(door, dossier_id)
    assert promise["due_at"] == "2026-03-11T17:00:00+07:00", "the first date is what it is judged by"
    assert promise["reappointed_to"] == "2026-03-16T17:00:00+07:00"
    told_so = "Đã hẹn lại: 17:00 thứ Hai, 16/03/2026, theo phiếu xin lỗi và hẹn lại ngày trả kết quả."
    assert told_so in await visitor.sees()
    steps = (await door.get(f"/v1/dossiers/{dossier_id}/timeline")).json()["steps"]
    assert "hẹn lại 17:00 16/03/2026" in steps[-1]["text"]
    letter = dict(await door.outbox(dossier_id))["dossier.form_issued.v1"]
    assert (letter["new_due_at"], letter["reappointment"], letter["request"]) == ("2026-03-16T10:00:00Z", 1, 0)

    door.set_time("2026-03-12T08:00:00+07:00")
    text = await visitor.sees()
    assert "Hồ sơ đã quá ngày hẹn" in text
    assert "mà chưa có kết quả. Ngày hẹn mới: 17:00 thứ Hai, 16/03/2026." in text
    door.set_time("2026-03-17T08:00:00+07:00")
    assert "Ngày hẹn mới là 17:00 thứ Hai, 16/03/2026, cũng đã qua." in await visitor.sees()


async def test_a_date_is_put_off_once_and_a_letter_may_be_put_right_until_its_date(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    door.set_time("2026-03-10T09:00:00+07:00")
    assert (await put_off(door, dossier_id, "2026-03-26T17:00:00+07:00")).status_code == 201
    assert (await put_off(door, dossier_id, "2026-03-16T17:00:00+07:00")).status_code == 201
    assert (await shown(door, dossier_id))["reappointed_to"] == "2026-03-16T17:00:00+07:00"
    letters = [
        body.get("reappointment") for type, body in await door.outbox(dossier_id) if type == "dossier.form_issued.v1"
    ]
    assert letters == [1, 2]
    door.set_time("2026-03-16T17:01:00+07:00")
    again = await put_off(door, dossier_id, "2026-03-20T17:00:00+07:00")
    assert (again.status_code, again.json()["slug"]) == (409, "form-not-possible")
    assert "đã hẹn lại một lần" in again.text


async def test_of_an_old_book_the_date_is_put_off_and_nobody_is_told(door: FrontDoor) -> None:
    open_since = {name: value for name, value in line().items() if name not in ("finished_at", "result")}
    (item,) = (await entered(door, book(open_since)))["items"]
    response = await put_off(door, item["dossier_id"], "2026-03-16T17:00:00+07:00")
    assert response.status_code == 201, response.text
    assert (await shown(door, item["dossier_id"]))["reappointed_to"] == "2026-03-16T17:00:00+07:00"
    letter = dict(await door.outbox(item["dossier_id"]))["dossier.form_issued.v1"]
    assert (letter["new_due_at"], letter.get("reappointment")) == ("2026-03-16T10:00:00Z", None)


async def test_a_supplement_brings_a_new_promise_of_which_the_letter_says_nothing(
    door: FrontDoor, visitor: Visitor
) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    door.set_time("2026-03-10T09:00:00+07:00")
    await put_off(door, dossier_id, "2026-03-16T17:00:00+07:00")
    await door.decided(dossier_id, "request-supplement", reason="Thiếu chữ ký")
    assert (await shown(door, dossier_id))["reappointed_to"] is None, "no date counts while it waits"
    assert "16/03/2026" not in (await visitor.sees()).partition("Các bước đã qua")[0]
    await door.decided(dossier_id, "request-withdrawal")
    page = (await visitor.sees()).partition("Các bước đã qua")[0]
    assert ("Thời hạn đang dừng" in page, "16/03/2026" in page) == (True, False), "it waits all the same"
    door.set_time("2026-03-12T09:00:00+07:00")
    restarted = await door.decided(dossier_id, "supplement", components=[{"code": "to-khai", "originals": 1}])
    assert restarted["promise"]["reappointed_to"] is None
    assert "16/03/2026" not in (await visitor.sees()).partition("Các bước đã qua")[0]


async def test_no_date_is_put_off_while_papers_are_waited_for(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    await door.decided(dossier_id, "request-supplement", reason="Thiếu chữ ký")
    waiting = await put_off(door, dossier_id, "2026-03-16T17:00:00+07:00")
    assert (waiting.status_code, waiting.json()["slug"]) == (409, "form-not-possible")
    assert "chờ bổ sung" in waiting.text
    assert (await door.post(f"/v1/dossiers/{dossier_id}/forms/04/draft", BY)).status_code == 409
    door.set_time("2026-03-06T09:00:00+07:00")
    await door.decided(dossier_id, "supplement", components=[{"code": "to-khai", "originals": 1}])
    assert (await put_off(door, dossier_id, "2026-03-20T17:00:00+07:00")).status_code == 201
    letter = dict(await door.outbox(dossier_id))["dossier.form_issued.v1"]
    assert letter["request"] == 1, "it puts off the date that the supplement brought"


async def test_forms_print_the_registers_own_date_though_the_clock_has_not_heard_of_it(door: FrontDoor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    started = DeadlineClockStartedV1(due_at=FIRST, agrees=True, computed_due_at=FIRST)
    await told(door, record(started, dossier_id))
    door.set_time("2026-03-04T09:00:00+07:00")
    await door.decided(dossier_id, "request-supplement", reason="Thiếu chữ ký")
    door.set_time("2026-03-06T09:00:00+07:00")
    await door.decided(dossier_id, "supplement", components=[{"code": "to-khai", "originals": 1}])
    drafts = {
        kind: (await door.post(f"/v1/dossiers/{dossier_id}/forms/{kind}/draft", BY)).json()["fields"]["due_at"]
        for kind in ("01", "04", "06")
    }
    assert set(drafts.values()) == {"17 giờ 00 phút, ngày 17/03/2026"}
    book = (await door.post("/v1/desks/H26.15.01/register", a_book())).json()
    assert "17:00 17/03/2026" in said_by(await fetched(door, book))
    early = await put_off(door, dossier_id, "2026-03-16T17:00:00+07:00")
    assert (early.status_code, early.json()["slug"]) == (422, "new-date-not-later")
    _, text = await issued(door, dossier_id, "04", reason=REASON, new_due_at="2026-03-18T10:00:00Z")
    assert "17 giờ 00 phút, ngày 17/03/2026" in text


async def test_the_page_takes_no_clocks_older_date_for_a_new_one(door: FrontDoor, visitor: Visitor) -> None:
    dossier_id = (await accepted(door))["dossier_id"]
    later = FIRST.replace(day=20)
    await told(door, record(DeadlineClockStartedV1(due_at=later, agrees=False, computed_due_at=FIRST), dossier_id))
    door.set_time("2026-03-12T08:00:00+07:00")
    assert "Chưa có ngày hẹn mới." in await visitor.sees()
