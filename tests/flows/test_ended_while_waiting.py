"""Hồ sơ kết thúc khi đang chờ bổ sung: clock, list, count, figures, citizen's page and slip say one thing of it."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

import pytest

from hub_messaging.clock import VIETNAM
from tests.flows.hub import OFFICER, Hub
from tests.intake.citizen import Page
from tests.intake.test_forms import said_by

pytestmark = pytest.mark.stack

QUIET_DESK = "H36.15.02"
"""Where other flows have few dossiers, and none that ends meanwhile."""
IN_TIME = datetime(2026, 3, 3, 9, 0, tzinfo=VIETNAM)
TOO_LATE = datetime(2026, 3, 5, 17, 1, 1, tzinfo=VIETNAM)
ENDED = datetime(2026, 3, 9, 10, 0, tzinfo=VIETNAM)


class Receipt(NamedTuple):
    """What its owner holds."""

    id: str
    code: str
    digits: str
    paper: str
    """One that can be asked for again."""


async def received(hub: Hub) -> Receipt:
    body = await hub.body(desk=QUIET_DESK)
    receipt = await hub.post("/v1/dossiers", {**body, "acceptance": {"officer": OFFICER}})
    await hub.reached(receipt["dossier_id"], "handed_over", "clock_started", "sent accepted:1")
    assert receipt["promise"]["due_at"] == "2026-03-05T17:00:00+07:00"
    digits, paper = body["contact"]["phone"][-4:], body["components"][0]["code"]
    return Receipt(receipt["dossier_id"], receipt["dossier_code"], digits, paper)


async def asked_for_more(hub: Hub, *receipts: Receipt) -> None:
    for one in receipts:
        await hub.decide(one.id, "request-supplement", reason="thiếu", components=[one.paper])
        await hub.reached(one.id, "clock_paused")


async def page_of(hub: Hub, one: Receipt) -> str:
    seen = await hub.http.post(hub.layout.url("intake") + "/tra-cuu", data={"code": one.code, "digits": one.digits})
    assert seen.status_code == 200, seen.text
    return Page(seen.text).text


async def slip_of(hub: Hub, one: Receipt) -> str:
    signer = {"name": "Lê Thị Ví Dụ", "title": "Công chức tiếp nhận"}
    form = await hub.decide(one.id, "forms/06", signer=signer)
    printed = await hub.http.get(hub.layout.url("intake") + form["pdf"], headers=hub.token())
    return said_by(printed.raise_for_status().content)


async def listed(hub: Hub, receipts: list[Receipt], late: str) -> set[Receipt]:
    page = await hub.door.get("intake", f"/v1/dossiers?desk={QUIET_DESK}&late={late}&limit=200")
    found = {one["dossier_id"] for one in page["items"]}
    return {one for one in receipts if one.id in found}


async def counted(hub: Hub) -> Counter[str]:
    """Late ones by the count, and finished ones by the figures of the period."""
    count = await hub.door.get("intake", f"/v1/dossiers/count?desk={QUIET_DESK}&late=yes")
    period = await hub.door.get("intake", f"/v1/figures/dossiers?from=2026-03-01&to=2026-03-31&desk={QUIET_DESK}")
    return Counter({"count": count["count"], **period["finished"]})


async def test_of_what_ended_while_it_waited_everybody_says_the_same(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"callback": "on_command"})
    done, done_late, stopped, stopped_late = receipts = [await received(hub) for _ in range(4)]
    await hub.moved_to(IN_TIME)
    await asked_for_more(hub, done, stopped)
    await hub.moved_to(TOO_LATE)
    await asked_for_more(hub, done_late, stopped_late)
    await hub.moved_to(ENDED)
    assert await listed(hub, receipts, "yes") == set(), "while they wait"
    before = await counted(hub)
    for one in (stopped, stopped_late):
        await hub.decide(one.id, "stop", reason_code="rut-ho-so", reason="Người nộp rút hồ sơ.")
    await hub.door.release((await hub.shown(done.id))["agency"]["code"])
    for one in receipts:
        await hub.reached(one.id, "clock_stopped")

    outcomes = {one: (await hub.clock(one.id))["outcome"] for one in receipts}
    assert outcomes == {done: "early", done_late: "late", stopped: "early", stopped_late: "late"}
    assert await listed(hub, receipts, "yes") == {done_late, stopped_late}
    assert await listed(hub, receipts, "no") == {done, stopped}
    assert await counted(hub) - before == {"count": 2, "early": 2, "late": 2}
    late_results = {one for one in receipts if "muộn hơn ngày hẹn" in await page_of(hub, one)}
    assert late_results == {done_late}
    slips = {one: await slip_of(hub, one) for one in (done, done_late)}
    assert ("Trước hạn" in slips[done], "Quá hạn" in slips[done]) == (True, False)
    assert ("Trước hạn" in slips[done_late], "Quá hạn" in slips[done_late]) == (False, True)
