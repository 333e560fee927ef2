"""A hand-over that an agency refused can be brought to an end by a person who knows better, or who deals with it."""

from typing import Any
from uuid import UUID

import pytest

from tests.routing.conftest import Hub
from tests.routing.facts import POLICE
from tests.waiting import until

pytestmark = pytest.mark.stack
WORK = f"/v1/lanes/{POLICE.code}/work"


async def refuse(hub: Hub) -> tuple[UUID, str]:
    """A dossier that the agency answers with 409, and how its hand-over is settled."""
    await hub.behave(refuse_status=409)
    dossier_id = await hub.accept()

    async def refused() -> bool:
        return bool((await hub.state(dossier_id))["state"] == "refused")

    await until(refused)
    (item,) = await listed(hub)
    return dossier_id, f"{WORK}/{item['id']}/settle"


async def listed(hub: Hub) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await hub.get(WORK)).json()["items"]
    return items


async def test_an_agency_that_has_it_after_all_has_it(hub: Hub) -> None:
    dossier_id, settle = await refuse(hub)
    wish = {"sent": True, "why": "Công an phường xác nhận đã có hồ sơ"}
    assert (await hub.post(settle, wish)).json()["set_aside"] == 0
    assert ((await hub.state(dossier_id))["state"], await listed(hub)) == ("handed_over", [])
    assert (await hub.types(dossier_id))[-1] == "dossier.handed_over.v1"
    (row,) = await hub.fetch("SELECT state, settled_by, settled_why FROM work WHERE dossier_id = $1", dossier_id)
    assert tuple(row) == ("done", "thử", wish["why"])
    assert (await hub.post(settle, wish)).json()["slug"] == "nothing-to-settle"


async def test_what_is_dealt_with_otherwise_is_ended_without_being_sent(hub: Hub) -> None:
    dossier_id, settle = await refuse(hub)
    wish = {"sent": False, "again": False, "why": "Đã chuyển hồ sơ giấy sang cơ quan khác"}
    assert (await hub.post(settle, wish)).json()["set_aside"] == 0
    assert ((await hub.state(dossier_id))["state"], await listed(hub)) == ("refused", [])
    (row,) = await hub.fetch("SELECT state, outcome, settled_why FROM work WHERE dossier_id = $1", dossier_id)
    assert tuple(row) == ("done", "ended-by-a-person", wish["why"])
    assert await hub.effects(dossier_id) == []


async def test_what_is_said_not_to_be_there_is_sent_again(hub: Hub) -> None:
    dossier_id, settle = await refuse(hub)
    await hub.behave()
    assert (await hub.post(settle, {"sent": False, "why": "Cơ quan chưa có hồ sơ"})).status_code == 200

    async def handed_over() -> bool:
        return "dossier.handed_over.v1" in await hub.types(dossier_id)

    await until(handed_over)
