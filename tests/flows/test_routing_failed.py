"""Chưa xác định được cơ quan có thẩm quyền: listed, and routed as soon as the data are mended."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hub_local.proof import TOLD
from tests.flows.hub import OFFICER, Hub
from tests.flows.stacks import competence_file
from tests.intake.procedure_texts import procedure_text
from tests.waiting import until

pytestmark = pytest.mark.stack

NEW_COMMUNE = "01279"
"""The competence table has not heard of it yet."""


PROVINCE, NEW_PARTNER = "01", {"code": "H26.99.01", "name": "Ủy ban nhân dân phường Ví Dụ"}
"""Communes have a committee each; for a matter of the whole province the table names none."""


@contextmanager
def mended(file: Path, **more: Any) -> Iterator[None]:
    """The competence table with more in it; afterwards as it was, for the tests that share this hub."""
    before = file.read_text()
    table = json.loads(before)
    more = {name: {**table[name], **new} if isinstance(new, dict) else table[name] + new for name, new in more.items()}
    file.write_text(json.dumps({**table, "version": "mended", **more}))
    try:
        yield
    finally:
        file.write_text(before)


async def test_what_nobody_is_competent_for_is_listed_and_goes_on_when_the_data_are_mended(hub: Hub) -> None:
    body = {**await hub.body(), "territory": NEW_COMMUNE, "acceptance": {"officer": OFFICER}}
    receipt = await hub.post("/v1/dossiers", body)
    here = receipt["dossier_id"]

    await hub.reached(here, "routing_failed", "clock_started", "sent accepted:1")
    failed = (await hub.door.get("routing", "/v1/transfers?state=routing_failed&limit=200"))["items"]
    assert here in [transfer["dossier_id"] for transfer in failed]
    assert await hub.effects(here) == {"sms accepted": 1}
    assert (await hub.shown(here))["national_status"]["code"] == 2

    rule = {"agency_kind": "commune-police", "procedures": ["*"], "territory": NEW_COMMUNE, "agency": "G01.14.20.01"}
    with mended(competence_file(hub.layout), communes={NEW_COMMUNE: "04"}, rules=[rule]):
        words = await hub.reached(here, "routed", "handed_over", "clock_stopped", "sent completed:1")

    assert words["routed"] == words["handed_over"] == words["routing_failed"] == 1
    assert (await hub.shown(here))["agency"]["code"] == "G01.14.20.01"
    assert await hub.effects(here) == TOLD
    still = (await hub.door.get("routing", "/v1/transfers?state=routing_failed&limit=200"))["items"]
    assert here not in [transfer["dossier_id"] for transfer in still]


async def imported(hub: Hub, code: str) -> None:
    """A published procedure that names an agency which cooperates."""
    text = procedure_text(code, level="Cấp Tỉnh", agency="Sở Xây dựng", cooperating="Ủy ban nhân dân cấp xã")
    file = {"name": f"{code}.txt", "content": base64.b64encode(text.encode()).decode()}
    told = await hub.post("/v1/catalogue/imports", {"run": str(uuid4()), "files": [file]})
    assert told["published"] + told["flagged"] == 1


async def missing_partners(hub: Hub) -> float:
    metrics = (await hub.http.get(hub.layout.url("routing-probe") + "/metrics")).text
    found = re.search(r'^hub_transfers_routing_failed\{missing="cooperating"\} (\S+)', metrics, re.MULTILINE)
    return float(found[1]) if found else 0


async def seen_by_the_citizen(hub: Hub, code: str, body: dict[str, Any]) -> str:
    """The page behind the QR code on the receipt."""
    typed = {"code": code, "digits": body["contact"]["phone"][-4:]}
    answer = await hub.http.post(hub.layout.url("intake") + "/tra-cuu", data=typed)
    assert answer.status_code == 200
    return answer.text


async def test_a_missing_partner_keeps_neither_the_result_nor_the_clock_and_joins_when_the_data_are_mended(
    hub: Hub,
) -> None:
    await imported(hub, "1.999070")
    body = {**await hub.body("1.999070"), "territory": PROVINCE, "acceptance": {"officer": OFFICER}}
    receipt = await hub.post("/v1/dossiers", body)
    here, code = receipt["dossier_id"], receipt["dossier_code"]

    words = await hub.reached(here, "routing_failed", "completed", "clock_stopped", "sent completed:1")
    shown, clock = await hub.shown(here), await hub.clock(here)
    assert (shown["national_status"]["code"], shown["agency"]["code"]) == (9, "H26.11")
    assert clock["outcome"] == "early"
    assert (words["routed"], words["handed_over"], words["routing_failed"]) == (1, 1, 1)
    assert await hub.effects(here) == TOLD
    page = await seen_by_the_citizen(hub, code, body)
    assert "Chưa xác định được cơ quan phối hợp, hồ sơ vẫn được giải quyết" in page
    assert "Chưa xác định được cơ quan giải quyết" not in page
    (leg,) = [leg for leg in (await hub.transfer(here))["legs"] if leg["unplaced"]]
    assert (leg["leg"], (await hub.transfer(here))["state"]) == ("partner-1", "routing_failed")
    assert await until(lambda: missing_partners(hub), lambda count: count == 1, "it is counted")

    rule = {
        "agency_kind": "commune-committee", "procedures": ["*"], "territory": PROVINCE, "agency": NEW_PARTNER["code"],
    }  # fmt: skip
    with mended(competence_file(hub.layout), agencies=[NEW_PARTNER], rules=[rule]):
        await hub.killed("routing")
        effects = await until(lambda: hub.effects(here), lambda seen: "handover partner-1" in seen)
        await until(lambda: missing_partners(hub), lambda count: count == 0, "nobody is missing")

    assert effects == {**TOLD, "handover partner-1": 1}
    assert (await hub.transfer(here))["state"] == "completed"
    words = await hub.reached(here, "leg_completed")
    assert (words["routed"], words["leg_completed"], words["completed"], words["clock_stopped"]) == (2, 1, 1, 1)
    shown = await hub.shown(here)
    assert (shown["national_status"]["code"], shown["agency"]["code"]) == (9, "H26.11")
    page = await seen_by_the_citizen(hub, code, body)
    assert f"chuyển thêm đến {NEW_PARTNER['name']}." in page
    assert f"{NEW_PARTNER['name']} đã làm xong phần việc của mình." in page
