"""A supplier that sends a message for every request: what may have been sent is never sent again by itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notify.bootstrap import build
from tests.hosted import retold, running
from tests.notify.conftest import Hub
from tests.notify.world import accepted
from tests.waiting import until

pytestmark = pytest.mark.stack
UNKNOWN = "/v1/suppliers/gateway/unknown"


@pytest.fixture(params=[False])
async def careless(idle_hub: Hub, request: pytest.FixtureRequest) -> AsyncIterator[Hub]:
    """Notify with a supplier that honours no key; the parameter: whether it can be asked."""
    told = {"sms_repeat_safe": False, "sms_status_query": request.param}
    settings = idle_hub.settings.model_copy(update=told)
    hub = replace(idle_hub, settings=settings, service=build(settings))
    await hub.behave(honours_key=False, cut_after_effect=True)
    async with running(hub, "lanes", "unknown_outcomes", "http"):
        yield hub


async def lose(hub: Hub) -> UUID:
    """A message that the gateway sent, and whose answer was lost."""
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))

    async def listed() -> bool:
        return len((await hub.get(UNKNOWN)).json()["items"]) == 1

    await until(listed, within=20)
    return dossier


@pytest.mark.parametrize(("sent", "effects"), [(True, 1), (False, 2)])
async def test_a_message_without_a_known_outcome_is_listed_until_a_person_settles_it(
    careless: Hub, sent: bool, effects: int
) -> None:
    hub = careless
    dossier = await lose(hub)
    (item,) = (await hub.get(UNKNOWN)).json()["items"]
    assert (item["dossier_id"], item["duty"], item["outcome"]) == (str(dossier), "accepted:1", "connection-broken")
    assert (await hub.get(UNKNOWN, area=["H99.99.99"])).json()["items"] == []
    assert (await hub.get("/v1/suppliers/nobody/unknown")).status_code == 404
    assert [one["unknown"] for one in (await hub.get("/v1/suppliers")).json()["items"]] == [1]

    settle, wish = f"/v1/notices/{dossier}/accepted/1/settle", {"sent": sent, "why": "Nhà cung cấp trả lời"}
    assert (await hub.post(settle.replace("settle", "redo"))).json()["slug"] == "nothing-to-redo"
    assert (await hub.post(settle, wish, scopes=["notices:read"])).status_code == 403
    assert (await hub.post(settle, {"sent": sent, "why": ""})).status_code == 422
    await hub.behave(honours_key=False)
    assert (await hub.post(settle, wish)).status_code == 200
    await until(lambda: hub.settled(dossier, accepted="sent"), within=20)
    assert (await hub.post(settle, wish)).json()["slug"] == "nothing-to-settle"
    assert len(await hub.effects(dossier)) == effects


@pytest.mark.parametrize("careless", [True], indirect=True)
async def test_a_supplier_that_can_be_asked_is_asked(careless: Hub) -> None:
    dossier = uuid4()
    await careless.read(retold(dossier, accepted("sms"), **careless.contact(dossier)))
    await until(lambda: careless.settled(dossier, accepted="sent"), within=20)
    (effect,) = await careless.effects(dossier)
    notices: list[dict[str, Any]] = (await careless.get(f"/v1/notices/{dossier}")).json()["notices"]
    assert notices[0]["supplier_reference"] == effect["answer"]
