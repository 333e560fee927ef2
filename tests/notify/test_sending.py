"""Gửi tin nhắn: on a real database and real sockets, each duty makes one message, whatever the gateway does."""

import json
from uuid import uuid4

import pytest

from hub_messaging.sealing import SealingKeys
from tests.hosted import new_key, retold
from tests.notify.conftest import Hub
from tests.notify.world import accepted, at, completed
from tests.waiting import until

pytestmark = pytest.mark.stack
DUE = at("11/03 17:00")


async def test_an_acceptance_and_a_result_make_two_messages_in_order(hub: Hub) -> None:
    dossier = uuid4()
    taken = retold(dossier, accepted("sms", due_at=DUE), **hub.contact(dossier))
    done = retold(dossier, completed())
    await hub.read(done, taken)
    await hub.read(done, taken)

    await until(lambda: hub.settled(dossier, accepted="sent", completed="sent"))
    effects = await hub.effects(dossier)
    assert sorted(effect["duty"] for effect in effects) == ["accepted", "completed"]
    assert await hub.types(dossier) == ["message.sent.v1", "message.sent.v1"]


@pytest.mark.parametrize("behaviour", [{"fail_times": 3}, {"down": "reset", "down_seconds": 1}])
async def test_a_gateway_in_trouble_gets_the_message_once_it_is_well(hub: Hub, behaviour: dict[str, object]) -> None:
    await hub.behave(**behaviour)
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))

    await until(lambda: hub.settled(dossier, accepted="sent"), within=30)
    assert len(await hub.effects(dossier)) == 1


async def test_a_refused_message_has_failed_and_is_listed(hub: Hub) -> None:
    await hub.behave(refuse_status=422)
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))

    await until(lambda: hub.settled(dossier, accepted="failed"))
    (item,) = (await hub.get("/v1/notices?state=failed")).json()["items"]
    assert (item["dossier_id"], item["notices"][0]["reason"]) == (str(dossier), "http-422")
    assert await hub.types(dossier) == ["message.failed.v1"]

    await hub.behave()
    again = f"/v1/notices/{dossier}/accepted/1/redo"
    assert (await hub.post(again, scopes=["notices:read"])).status_code == 403
    assert (await hub.post(again, area=["H99.99.99"])).status_code == 404
    assert (await hub.post(again)).status_code == 202
    await until(lambda: hub.settled(dossier, accepted="sent"))
    assert len(await hub.effects(dossier)) == 1
    assert (await hub.post(again)).json()["slug"] == "nothing-to-redo"
    assert (await hub.post(again.replace("accepted", "late"))).json()["slug"] == "nothing-to-redo"


@pytest.mark.parametrize(("contact", "reason"), [({"email": "a@b.vn"}, "no-phone"), ({"phone": "12"}, "phone-invalid")])
async def test_a_contact_without_a_usable_phone_is_unreached_and_listed(
    hub: Hub, contact: dict[str, str], reason: str
) -> None:
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier, **contact)))

    await until(lambda: hub.settled(dossier, accepted="unreached"))
    (item,) = (await hub.get("/v1/notices?state=unreached")).json()["items"]
    assert item["notices"][0]["reason"] == reason
    assert await hub.types(dossier) == ["citizen.unreached.v1"]


async def test_a_seal_of_another_dossier_is_refused(hub: Hub) -> None:
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(uuid4())))
    await until(lambda: hub.settled(dossier, accepted="failed"))
    assert (await hub.get(f"/v1/notices/{dossier}")).json()["notices"][0]["reason"] == "seal-misplaced"


async def test_a_sealing_key_that_is_not_here_holds_the_lane_until_it_comes(hub: Hub) -> None:
    dossier, fresh = uuid4(), new_key("contact-2")
    file = hub.settings.sealing_keys_file
    known = json.loads(file.read_text())
    (file.parent / "newer.json").write_text(json.dumps({"contact": [fresh]}))
    sealed = SealingKeys.read(file.parent / "newer.json").seal("contact", dossier, {"phone": "0912345678"})
    await hub.read(retold(dossier, accepted("sms"), contact_channels=("sms",), sealed_contact=sealed))
    await until(lambda: _troubled(hub, "sealing-key-unknown"))

    file.write_text(json.dumps({"contact": [fresh, *known["contact"]]}))
    await until(lambda: hub.settled(dossier, accepted="sent"))
    supplier = (await hub.get("/v1/suppliers")).json()["items"][0]
    assert (supplier["lane"], supplier["due"], supplier["set_aside"]) == ("sms:gateway", 0, 0)


async def test_lists_go_page_by_page_and_stay_within_the_callers_area(hub: Hub) -> None:
    dossiers = sorted(uuid4() for _ in range(5))
    facts = [retold(dossier, accepted()) for dossier in dossiers]
    await hub.read(*facts)
    desk = facts[0].data.desk.code

    seen, cursor = [], ""
    while cursor is not None:
        page = (await hub.get(f"/v1/notices?state=unreached&limit=2&cursor={cursor}".removesuffix("&cursor="))).json()
        seen += [item["dossier_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [str(dossier) for dossier in dossiers]

    elsewhere = await hub.get(f"/v1/notices/{dossiers[0]}", area=["H99.99.99"])
    assert elsewhere.status_code == 404
    assert (await hub.get("/v1/notices", area=["H99.99.99"])).json()["items"] == []
    assert len((await hub.get("/v1/notices", area=[desk])).json()["items"]) == 5
    assert (await hub.get("/v1/notices", scopes=["deadlines:read"])).status_code == 403
    assert (await hub.get("/v1/notices?cursor=x")).json()["slug"] == "cursor-invalid"
    assert (await hub.get("/v1/notices?state=nonsense")).status_code == 422


async def _troubled(hub: Hub, why: str) -> bool:
    supplier = (await hub.get("/v1/suppliers")).json()["items"][0]
    return bool(supplier["trouble"] == why)
