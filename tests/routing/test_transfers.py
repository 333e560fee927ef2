"""What people see of transfers, within their area; and what happens when competence data are mended."""

import asyncio
from uuid import UUID, uuid4

import pytest

from hub_messaging.reader import Reader
from services.routing.store.rerouting import ROUTING_FAILED, measure
from tests.hosted import record_of
from tests.routing.conftest import Hub
from tests.routing.facts import COMMITTEE, COMMUNE, POLICE, a_leg, accepted
from tests.waiting import until

pytestmark = pytest.mark.stack

TAX = {"legs": [a_leg(agency_kind="tax-office")]}


async def test_a_dossier_nobody_is_competent_for_is_listed_and_goes_on_by_itself_when_the_data_are_mended(
    hub: Hub,
) -> None:
    dossier_id = await hub.accept(**TAX)
    assert await missing(hub) == {"lead": 1, "cooperating": 0}
    (failed,) = (await hub.get("/v1/transfers?state=routing_failed")).json()["items"]
    assert (failed["dossier_id"], failed["failed_leg"]) == (str(dossier_id), "lead")
    (leg,) = failed["legs"]
    assert leg["unplaced"]["reason"] == "no-competent-agency"
    assert "tax-office" in leg["unplaced"]["next_step"]

    hub.mend()

    async def completed() -> bool:
        return bool((await hub.state(dossier_id))["state"] == "completed")

    await until(completed)
    assert (await hub.types(dossier_id))[:2] == ["dossier.routing_failed.v1", "dossier.routed.v1"]
    assert len(await hub.effects(dossier_id)) == 1


WITHOUT_PARTNER = {"legs": [a_leg(), a_leg("partner-1", "tax-office", role="cooperating")]}


async def test_a_missing_partner_is_listed_with_reason_and_next_step_while_the_agency_that_leads_works(
    hub: Hub,
) -> None:
    dossier_id = await hub.accept(**WITHOUT_PARTNER)
    await until(lambda: _has_result(hub, dossier_id, "lead"))

    (listed,) = (await hub.get("/v1/transfers?state=routing_failed")).json()["items"]
    lead, partner = listed["legs"]
    assert (listed["dossier_id"], listed["failed_leg"]) == (str(dossier_id), "partner-1")
    assert (lead["unplaced"], lead["state"]) == (None, "completed")
    assert (partner["agency"], partner["state"]) == (None, "planned")
    assert (partner["unplaced"]["reason"], partner["unplaced"]["since"]) == ("no-competent-agency", listed["failed_at"])
    assert all(word in partner["unplaced"]["next_step"] for word in ("tax-office", COMMUNE, "competence.json"))
    assert (await hub.get("/v1/transfers?state=completed")).json()["items"] == []
    assert "dossier.completed.v1" in await hub.types(dossier_id), "the citizen's result waits for nobody"
    assert await missing(hub) == {"lead": 0, "cooperating": 1}


async def test_a_missing_partner_gets_the_dossier_once_when_the_data_are_mended_however_often_it_is_tried(
    hub: Hub,
) -> None:
    dossier_id = await hub.accept(**WITHOUT_PARTNER)
    retried = await hub.post(f"/v1/transfers/{dossier_id}/retry", scopes=["lanes:manage"])
    assert retried.json()["state"] == "routing_failed"

    hub.mend()
    await asyncio.gather(*(hub.post(f"/v1/transfers/{dossier_id}/retry") for _ in range(4)))
    await until(lambda: _has_result(hub, dossier_id, "partner-1"))
    again = await hub.post(f"/v1/transfers/{dossier_id}/retry")

    assert (again.status_code, again.json()["state"]) == (200, "completed")
    assert [leg["unplaced"] for leg in again.json()["legs"]] == [None, None]
    assert sorted((one["party"], one["duty"]) for one in await hub.effects(dossier_id)) == [
        (POLICE.code, "lead"),
        (COMMITTEE.code, "partner-1"),
    ]
    routed = [body for name, body in await hub.events(dossier_id) if name == "dossier.routed.v1"]
    assert [body.get("added") for body in routed] == [None, ["partner-1"]]
    assert (await hub.get("/v1/transfers?state=routing_failed")).json()["items"] == []
    assert await missing(hub) == {"lead": 0, "cooperating": 0}


async def test_the_same_fact_told_again_makes_the_same_legs_even_when_it_is_forgotten_that_it_was_read(
    hub: Hub,
) -> None:
    fact = accepted(uuid4(), **WITHOUT_PARTNER)
    await hub.read(fact, fact)
    await until(lambda: hub.types(fact.dossier_id), {"dossier.handed_over.v1", "dossier.completed.v1"}.issubset)
    before = await hub.state(fact.dossier_id), await hub.types(fact.dossier_id)
    await hub.fetch("DELETE FROM inbox")
    await hub.read(fact)
    assert (await hub.state(fact.dossier_id), await hub.types(fact.dossier_id)) == before

    await hub.fetch("DELETE FROM inbox")
    await hub.fetch("DELETE FROM transfer")  # restored from before: what it says and sends has the same ids
    await hub.read(fact)
    assert await hub.types(fact.dossier_id) == before[1]
    assert len(await hub.effects(fact.dossier_id)) == 1


async def _has_result(hub: Hub, dossier_id: UUID, name: str) -> bool:
    return any(leg["leg"] == name and leg["outcome"] for leg in (await hub.state(dossier_id))["legs"])


async def missing(hub: Hub) -> dict[str, float]:
    """The gauge, by what is missing."""
    await measure(hub.service.spine.pool, hub.service.spine.clock.now())
    (gauge,) = ROUTING_FAILED.collect()
    return {sample.labels["missing"]: sample.value for sample in gauge.samples}


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
