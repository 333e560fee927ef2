"""Agencies that make a new dossier of every request: what may have been handed over is never handed over again."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub_local.stack import Stack
from hub_messaging.topics import apply_topics
from tests.hosted import SECRET, process, say
from tests.routing.conftest import Hub, write_endpoints
from tests.routing.facts import POLICE, accepted
from tests.waiting import until

pytestmark = pytest.mark.stack
WORK = f"/v1/lanes/{POLICE.code}/work"


@pytest.fixture
async def careless(idle_hub: Hub) -> Hub:
    """Before routing runs: the police honours no key, and answers no questions unless a test says so."""
    declare(idle_hub)
    await idle_hub.behave(honours_key=False, callback="never", cut_after_effect=True)
    return idle_hub


def declare(hub: Hub, **more: bool) -> None:
    url = hub.sandbox_url + "/agencies/{agency_code}"
    write_endpoints(hub.folder, {"*": {"url": url, "secrets": [SECRET], "repeat_safe": False, **more}})


async def declared(hub: Hub) -> None:
    async def known() -> bool:
        endpoint = hub.service.endpoint_of(POLICE.code)
        return endpoint is not None and not endpoint.repeat_safe

    await until(known)


async def unknown(hub: Hub, dossier_id: UUID) -> dict[str, Any]:
    """The list's entry of a hand-over whose outcome nobody knows."""

    async def listed() -> bool:
        return bool([one for one in await _listed(hub) if one["dossier_id"] == str(dossier_id)])

    await until(listed, within=20)
    return next(one for one in await _listed(hub) if one["dossier_id"] == str(dossier_id))


async def _listed(hub: Hub) -> list[dict[str, Any]]:
    return [one for one in (await hub.get(WORK)).json()["items"] if one["state"] == "unknown"]


async def handed_over(hub: Hub, dossier_id: UUID) -> None:
    async def handed() -> bool:
        return "dossier.handed_over.v1" in await hub.types(dossier_id)

    await until(handed, within=20)


async def test_a_person_looks_and_settles_it_as_sent(careless: Hub, hub: Hub) -> None:
    await declared(hub)
    dossier_id = await hub.accept()
    item = await unknown(hub, dossier_id)
    assert (item["outcome"], item["started_at"] is None) == ("connection-broken", False)
    lane = next(one for one in (await hub.get("/v1/lanes")).json()["items"] if one["name"] == POLICE.code)
    assert (lane["unknown"], lane["repeat_safe"]) == (1, False)

    settle = f"{WORK}/{item['id']}/settle"
    wish = {"sent": True, "why": "Công an phường xác nhận qua điện thoại"}
    assert (await hub.post(settle, wish, scopes=["transfers:read"])).status_code == 403
    assert (await hub.post(settle, {"sent": True})).status_code == 422
    assert (await hub.post(f"{WORK}/{item['id']}/redo")).json()["slug"] == "nothing-to-redo"
    assert (await hub.post(settle, wish)).json()["unknown"] == 0
    assert (await hub.post(settle, wish)).json()["slug"] == "nothing-to-settle"
    await handed_over(hub, dossier_id)
    assert len(await hub.effects(dossier_id)) == 1


async def test_what_a_person_says_was_not_sent_goes_out_again(careless: Hub, hub: Hub) -> None:
    await declared(hub)
    dossier_id = await hub.accept()
    item = await unknown(hub, dossier_id)
    await hub.behave(honours_key=False, callback="never")
    await hub.post(f"{WORK}/{item['id']}/settle", {"sent": False, "why": "Công an phường không thấy hồ sơ"})
    await handed_over(hub, dossier_id)
    assert len(await hub.effects(dossier_id)) == 2  # the person was wrong, and it shows


async def test_an_agency_that_calls_back_has_the_dossier(careless: Hub, hub: Hub) -> None:
    await declared(hub)
    await hub.behave(honours_key=False, cut_after_effect=True, steps=True)
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    (effect,) = await hub.effects(dossier_id)
    (leg,) = (await hub.state(dossier_id))["legs"]
    assert leg["foreign_number"] in {None, effect["answer"]}
    (row,) = await hub.fetch("SELECT state, attempts FROM work WHERE dossier_id = $1", dossier_id)
    assert tuple(row) == ("done", 1)


async def test_an_agency_that_can_be_asked_is_asked(careless: Hub, hub: Hub) -> None:
    declare(careless, status_query=True)
    await declared(hub)
    dossier_id = await hub.accept()
    await handed_over(hub, dossier_id)
    (effect,) = await hub.effects(dossier_id)
    (leg,) = (await hub.state(dossier_id))["legs"]
    assert leg["foreign_number"] == effect["answer"]


async def test_killed_between_sending_and_recording_makes_one_effect_and_one_unknown_row(
    careless: Hub, database_url: str, kafka: Stack
) -> None:
    hub, dossier_id = careless, uuid4()
    await hub.behave(honours_key=False, callback="never", late_answer_seconds=1.5)
    await apply_topics(kafka.layout.kafka_servers, 2, 1)
    connection = await asyncpg.connect(database_url)

    async def taken() -> bool:
        return len(await hub.effects(dossier_id)) == 1

    async def lost() -> bool:
        state = await connection.fetchval("SELECT state FROM work WHERE dossier_id = $1", dossier_id)
        return bool(state == "unknown")

    async with process(hub.settings, kafka.layout.kafka_servers) as first:
        sealed = hub.keys.seal("form", dossier_id, {"applicant": {"full_name": "Nguyễn Văn Thử"}})
        await say(kafka, "intake-dossier-events", accepted(dossier_id, sealed_form=sealed))
        await until(taken, within=60)
        first.kill()
        await first.wait()
    async with process(hub.settings, kafka.layout.kafka_servers):
        await until(lost, within=60)
        await asyncio.sleep(1)
    await connection.close()
    assert len(await hub.effects(dossier_id)) == 1
