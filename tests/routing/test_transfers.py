"""What people see of transfers, within their area; and what happens when competence data are mended."""

import json
from uuid import uuid4

import pytest

from hub_messaging.consumer import Reader
from tests.hosted import record_of
from tests.routing.conftest import COMPETENCE, Hub
from tests.routing.facts import COMMITTEE, POLICE, a_leg, accepted
from tests.waiting import until

pytestmark = pytest.mark.stack

TAX = {"legs": [a_leg(agency_kind="tax-office")]}


def mend(hub: Hub) -> None:
    rule = {"agency_kind": "tax-office", "procedures": ["*"], "territory": "*", "agency": COMMITTEE.code}
    rules = [*COMPETENCE["rules"], rule]
    (hub.folder / "competence.json").write_text(json.dumps({**COMPETENCE, "rules": rules}))


async def test_a_dossier_nobody_is_competent_for_is_listed_and_goes_on_by_itself_when_the_data_are_mended(
    hub: Hub,
) -> None:
    dossier_id = await hub.accept(**TAX)
    (failed,) = (await hub.get("/v1/transfers?state=routing_failed")).json()["items"]
    assert (failed["dossier_id"], failed["failed_leg"]) == (str(dossier_id), "lead")

    mend(hub)

    async def completed() -> bool:
        return bool((await hub.state(dossier_id))["state"] == "completed")

    await until(completed)
    assert (await hub.types(dossier_id))[:2] == ["dossier.routing_failed.v1", "dossier.routed.v1"]
    assert len(await hub.effects(dossier_id)) == 1


async def test_an_operator_may_have_it_tried_again(hub: Hub) -> None:
    dossier_id = await hub.accept(**TAX)

    answer = await hub.post(f"/v1/transfers/{dossier_id}/retry", scopes=["lanes:manage"])

    assert (answer.status_code, answer.json()["state"]) == (200, "routing_failed")
    assert await hub.types(dossier_id) == ["dossier.routing_failed.v1"]


async def test_a_list_goes_on_where_its_page_ended(hub: Hub) -> None:
    dossiers = sorted([str(await hub.accept(**TAX)) for _ in range(5)])
    pages, cursor = [], ""
    while True:
        page = (await hub.get(f"/v1/transfers?state=routing_failed&limit=2{cursor}")).json()
        pages.append([item["dossier_id"] for item in page["items"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [dossier for page in pages for dossier in page] == dossiers


@pytest.mark.parametrize(
    ("area", "sees"), [(["H26.20.01"], True), ([POLICE.code], True), (["H26.99"], False), ([], False)]
)
async def test_outside_ones_area_a_transfer_does_not_exist(hub: Hub, area: list[str], sees: bool) -> None:
    dossier_id = await hub.accept()

    answer = await hub.get(f"/v1/transfers/{dossier_id}", area=area)
    listed = (await hub.get("/v1/transfers", area=area)).json()["items"]

    assert answer.status_code == (200 if sees else 404)
    assert len(listed) == sees


@pytest.mark.parametrize(("path", "scope"), [("/v1/transfers", "lanes:manage"), ("/v1/lanes", "dossiers:read")])
async def test_reading_needs_its_scope(hub: Hub, path: str, scope: str) -> None:
    assert (await hub.get(path, scopes=[scope])).status_code == 403


async def test_managing_needs_its_scope(hub: Hub) -> None:
    dossier_id = await hub.accept()
    for path, body in ((f"/v1/transfers/{dossier_id}/retry", None), (f"/v1/lanes/{POLICE.code}/pause", {"why": "thử"})):
        assert (await hub.post(path, body, scopes=["transfers:read"])).status_code == 403


@pytest.mark.parametrize("path", ["/v1/transfers?cursor=x", "/v1/transfers?state=lost", "/v1/transfers?limit=0"])
async def test_a_question_that_cannot_be_understood_is_refused(hub: Hub, path: str) -> None:
    assert (await hub.get(path)).status_code in {400, 422}


async def test_what_is_shown_holds_nothing_personal(hub: Hub) -> None:
    dossier_id = await hub.accept(**TAX)

    shown = (await hub.get(f"/v1/transfers/{dossier_id}")).text
    rows = await hub.fetch("SELECT transfer::text AS row FROM transfer")

    assert "Nguyễn" not in shown
    assert "sealed" not in shown
    assert "Nguyễn" not in rows[0]["row"]


async def test_a_record_that_cannot_be_read_is_a_dead_letter_that_operators_see_and_decide_about(hub: Hub) -> None:
    record = record_of(accepted(uuid4()))._replace(body=b'{"dossier_code": "?"}')
    await hub.service.spine.runner.run([Reader("routing", hub.service.handlers()).job(record)])

    (letter,) = (await hub.get("/v1/routing/dead-letters")).json()["items"]
    assert (letter["reason"], letter["type"]) == ("invalid-body", "dossier.accepted.v1")
    place = f"/v1/routing/dead-letters/{letter['id']}"
    assert (await hub.get(place)).json()["body"] == '{"dossier_code": "?"}'
    assert (await hub.post(f"{place}/discard", {"why": "bản ghi thử"})).json()["state"] == "discarded"
    assert (await hub.post(f"{place}/replay", {"why": "nhầm"})).status_code == 409
