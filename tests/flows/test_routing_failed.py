"""Chưa xác định được cơ quan có thẩm quyền: listed, and routed as soon as the data are mended."""

import json

import pytest

from hub_local.proof import TOLD
from tests.flows.hub import OFFICER, Hub
from tests.flows.stacks import competence_file

pytestmark = pytest.mark.stack

NEW_COMMUNE = "00999"
"""The competence table has not heard of it yet."""


async def test_what_nobody_is_competent_for_is_listed_and_goes_on_when_the_data_are_mended(hub: Hub) -> None:
    body = {**await hub.body(), "territory": NEW_COMMUNE, "acceptance": {"officer": OFFICER}}
    receipt = await hub.post("/v1/dossiers", body)
    here = receipt["dossier_id"]

    await hub.reached(here, "routing_failed", "clock_started", "sent accepted:1")
    failed = (await hub.door.get("routing", "/v1/transfers?state=routing_failed&limit=200"))["items"]
    assert here in [transfer["dossier_id"] for transfer in failed]
    assert await hub.effects(here) == {"sms accepted": 1}
    assert (await hub.shown(here))["national_status"]["code"] == 2

    file = competence_file(hub.layout)
    before = file.read_text()
    mended = json.loads(before)
    rule = {"agency_kind": "commune-police", "procedures": ["*"], "territory": NEW_COMMUNE, "agency": "G01.14.20.01"}
    communes = {**mended["communes"], NEW_COMMUNE: "04"}
    file.write_text(
        json.dumps({**mended, "version": "mended", "communes": communes, "rules": [*mended["rules"], rule]})
    )
    try:
        words = await hub.reached(here, "routed", "handed_over", "clock_stopped", "sent completed:1")
    finally:
        file.write_text(before)

    assert words["routed"] == words["handed_over"] == words["routing_failed"] == 1
    assert (await hub.shown(here))["agency"]["code"] == "G01.14.20.01"
    assert await hub.effects(here) == TOLD
    still = (await hub.door.get("routing", "/v1/transfers?state=routing_failed&limit=200"))["items"]
    assert here not in [transfer["dossier_id"] for transfer in still]
