"""Tin nhắn chờ người xử lý: what was refused or set aside is listed, and a person may always bring it to an end."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging.sealing import SealingKeys
from hub_sandbox.sms import recipient_hash
from tests.hosted import SMS_TOKEN, retold, running
from tests.notify.conftest import PHONE, Hub
from tests.notify.world import accepted, corrected
from tests.waiting import until

pytestmark = pytest.mark.stack
WORK = "/v1/suppliers/gateway/work"
NEW_PHONE = "+84987654321"
BY_TELEPHONE = {"sent": False, "again": False, "why": "Một cửa đã gọi điện báo"}
AT_THE_COUNTER = {**BY_TELEPHONE, "why": "Chị Thử tự đến hỏi", "officer": "cb-02", "how": "counter"}
CALLED = ("thử", "Một cửa đã gọi điện báo")


async def refuse(hub: Hub) -> UUID:
    """A dossier whose acceptance the gateway will not tell."""
    await hub.behave(refuse_status=422)
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))
    await until(lambda: hub.settled(dossier, accepted="failed"))
    await hub.behave()
    return dossier


@pytest.fixture
async def resting(idle_hub: Hub) -> AsyncIterator[Hub]:
    """Notify's API alone: nobody sends."""
    async with running(idle_hub, "http"):
        yield idle_hub


async def set_aside(hub: Hub) -> UUID:
    """A dossier whose message failed eight times while others passed."""
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier)))
    await hub.service.spine.pool.execute(
        "UPDATE work SET state = 'set_aside', outcome = 'http-500', attempts = 8 WHERE dossier_id = $1", dossier
    )
    return dossier


async def listed(hub: Hub, **as_whom: Any) -> list[tuple[str, str, str, str]]:
    items = (await hub.get(WORK, **as_whom)).json()["items"]
    return [(item["dossier_id"], item["kind"], item["state"], item["outcome"]) for item in items]


async def rows(hub: Hub, dossier: UUID) -> list[tuple[str, ...]]:
    statement = "SELECT state, outcome, settled_by, settled_why FROM work WHERE dossier_id = $1 ORDER BY seq"
    return [tuple(row) for row in await hub.service.spine.pool.fetch(statement, dossier)]


async def kept(hub: Hub, dossier: UUID) -> list[dict[str, Any]]:
    """The dossier's duties as the table has them."""
    found: list[dict[str, Any]] = json.loads(
        await hub.service.spine.pool.fetchval("SELECT duties FROM notices WHERE dossier_id = $1", dossier)
    )
    return found


async def recipients(hub: Hub, dossier: UUID) -> list[str]:
    return [effect["recipient"] for effect in await hub.effects(dossier)]


def of(dossier: UUID, command: str) -> str:
    return f"/v1/notices/{dossier}/accepted/1/{command}"


async def test_what_was_refused_or_set_aside_is_listed_within_the_callers_desks(resting: Hub) -> None:
    hub = resting
    first, second = await set_aside(hub), await set_aside(hub)
    await hub.service.spine.pool.execute("UPDATE work SET state = 'refused' WHERE dossier_id = $1", second)
    desk = accepted().data.desk.code

    assert await listed(hub) == await listed(hub, area=[desk]) == [
        (str(first), "accepted:1", "set_aside", "http-500"),
        (str(second), "accepted:1", "refused", "http-500"),
    ]  # fmt: skip
    assert await listed(hub, area=["H99.99.99"]) == []
    page = (await hub.get(f"{WORK}?limit=1")).json()
    assert page["items"][0]["attempts"] == 8
    (last,) = (await hub.get(f"{WORK}?limit=1&cursor={page['next_cursor']}")).json()["items"]
    assert last["dossier_id"] == str(second)
    assert (await hub.get(WORK, scopes=["deadlines:read"])).status_code == 403
    assert (await hub.get("/v1/suppliers/nobody/work")).status_code == 404


async def test_a_citizen_who_was_told_by_telephone_ends_a_refused_message(hub: Hub) -> None:
    dossier = await refuse(hub)
    assert len(await listed(hub)) == 1
    assert (await hub.post(of(dossier, "settle"), BY_TELEPHONE, scopes=["notices:read"])).status_code == 403
    assert (await hub.post(of(dossier, "settle"), BY_TELEPHONE, area=["H99.99.99"])).status_code == 404

    (notice,) = (await hub.post(of(dossier, "settle"), BY_TELEPHONE)).json()["notices"]
    assert (notice["state"], notice["reason"]) == ("unreached", "told-otherwise")
    assert await listed(hub) == []
    assert [one["set_aside"] for one in (await hub.get("/v1/suppliers")).json()["items"]] == [0]
    assert await rows(hub, dossier) == [("done", "told-otherwise", *CALLED)]
    assert await hub.types(dossier) == ["message.failed.v1", "citizen.unreached.v1"]
    for state in ("failed", "unreached"):
        assert (await hub.get(f"/v1/notices?state={state}")).json()["items"] == [], "nothing is left to do"
    assert (await hub.post(of(dossier, "settle"), BY_TELEPHONE)).json()["slug"] == "nothing-to-settle"
    assert (await hub.post(of(dossier, "redo"))).json()["slug"] == "nothing-to-redo"


async def test_who_was_found_to_have_no_phone_and_is_told_otherwise_is_said_to_be(hub: Hub) -> None:
    dossier = uuid4()
    await hub.read(retold(dossier, accepted("sms"), **hub.contact(dossier, phone="12")))
    await until(lambda: hub.settled(dossier, accepted="unreached"))
    assert (await hub.post(of(dossier, "settle"), BY_TELEPHONE)).status_code == 200
    said = [body["reason"] for _, body in await hub.events(dossier)]
    assert said == ["phone-invalid", "told-otherwise"]


async def test_who_could_never_be_written_to_and_was_told_at_the_counter_is_said_to_be(resting: Hub) -> None:
    hub, dossier = resting, uuid4()
    await hub.read(retold(dossier, accepted()))
    for wish in ({"sent": True}, {"sent": False}):
        answer = await hub.post(of(dossier, "settle"), {**wish, "why": "Không có tin nào"})
        assert answer.json()["slug"] == "nothing-to-settle"
    assert len((await hub.get("/v1/notices?state=unreached")).json()["items"]) == 1

    (notice,) = (await hub.post(of(dossier, "settle"), AT_THE_COUNTER)).json()["notices"]
    assert (notice["reason"], notice["told"]) == ("told-otherwise", {"officer": "cb-02", "how": "counter"})
    said = [(body["reason"], body.get("told_by"), body.get("told_how")) for _, body in await hub.events(dossier)]
    assert said == [("no-contact", None, None), ("told-otherwise", "cb-02", "counter")]
    assert (await hub.get("/v1/notices?state=unreached")).json()["items"] == []
    (duty,) = await kept(hub, dossier)
    told = json.loads(await hub.service.spine.pool.fetchval("SELECT told FROM notices"))["accepted:1"]
    assert ("told" in duty, told["entered_by"]) == (False, "thử"), "an older version reads it"
    keys = SealingKeys.read(hub.settings.sealing_keys_file)
    assert keys.open("contact", dossier, told["sealed_why"]) == {"why": AT_THE_COUNTER["why"]}

    await hub.read(retold(dossier, corrected("sms"), **hub.contact(dossier)))
    assert (await hub.post(of(dossier, "settle"), AT_THE_COUNTER)).json()["slug"] == "nothing-to-settle"
    assert (await hub.post(of(dossier, "redo"))).json()["slug"] == "nothing-to-redo"


async def test_what_is_on_its_way_is_not_told_otherwise(resting: Hub) -> None:
    dossier = uuid4()
    await resting.read(retold(dossier, accepted("sms"), **resting.contact(dossier)))
    for key in ("accepted/1", "completed/1"):
        path = f"/v1/notices/{dossier}/{key}/settle"
        assert (await resting.post(path, AT_THE_COUNTER)).json()["slug"] == "nothing-to-settle"
    assert await resting.types(dossier) == []


async def test_a_set_aside_message_that_the_supplier_has_after_all_is_sent(resting: Hub) -> None:
    dossier = await set_aside(resting)
    found = {"sent": True, "why": "Nhà cung cấp có tin này"}
    assert (await resting.post(of(dossier, "settle"), found)).status_code == 200
    assert await resting.states(dossier) == {"accepted:1": "sent"}
    assert await rows(resting, dossier) == [("done", "sent", "thử", found["why"])]
    assert await resting.types(dossier) == ["message.sent.v1"]


async def test_after_a_correction_redo_writes_to_the_new_number_alone(hub: Hub) -> None:
    dossier = await refuse(hub)
    await hub.read(retold(dossier, corrected("sms"), **hub.contact(dossier, phone=NEW_PHONE)))

    assert (await hub.post(of(dossier, "redo"))).status_code == 202
    await until(lambda: hub.settled(dossier, accepted="sent"))
    assert await recipients(hub, dossier) == [recipient_hash(NEW_PHONE, SMS_TOKEN)]
    assert [row[:3] for row in await rows(hub, dossier)] == [("done", "contact-changed", "thử"), ("done", "sent", None)]
    assert await listed(hub) == []
    assert (await hub.post(of(dossier, "redo"))).json()["slug"] == "nothing-to-redo"


async def test_what_is_sent_again_and_corrected_under_way_is_told_at_the_new_number(hub: Hub) -> None:
    dossier = await refuse(hub)
    await hub.behave(late_answer_seconds=1.5)
    assert (await hub.post(of(dossier, "redo"))).status_code == 202
    await until(lambda: hub.effects(dossier))
    await hub.read(retold(dossier, corrected("sms"), **hub.contact(dossier, phone=NEW_PHONE)))
    await hub.behave()
    await until(lambda: hub.settled(dossier, accepted="sent"), within=20)
    assert await recipients(hub, dossier) == [recipient_hash(phone, SMS_TOKEN) for phone in (PHONE, NEW_PHONE)]


async def test_redo_to_the_same_number_keeps_the_key(hub: Hub) -> None:
    dossier = await refuse(hub)
    assert (await hub.post(of(dossier, "redo"))).status_code == 202
    await until(lambda: hub.settled(dossier, accepted="sent"))
    assert await recipients(hub, dossier) == [recipient_hash(PHONE, SMS_TOKEN)]
    assert len(await rows(hub, dossier)) == 1


@pytest.mark.parametrize("state", ["set_aside", "unknown"])
async def test_what_is_said_not_to_be_sent_goes_to_the_new_number_too(resting: Hub, state: str) -> None:
    hub, dossier = resting, await set_aside(resting)
    await hub.service.spine.pool.execute("UPDATE work SET state = $1", state)
    await hub.read(retold(dossier, corrected("sms"), **hub.contact(dossier, phone=NEW_PHONE)))
    assert (await hub.post(of(dossier, "settle"), {"sent": False, "why": "Không gửi được"})).status_code == 200
    assert [row[:2] for row in await rows(hub, dossier)] == [("done", "contact-changed"), ("ready", None)]


async def test_a_number_that_was_withdrawn_is_not_written_to_again(hub: Hub) -> None:
    dossier = await refuse(hub)
    await hub.read(retold(dossier, corrected(), contact_channels=(), sealed_contact=None))
    (notice,) = (await hub.post(of(dossier, "redo"))).json()["notices"]
    assert (notice["state"], notice["reason"]) == ("unreached", "no-contact")
    assert (await listed(hub), await hub.effects(dossier)) == ([], [])


async def test_who_had_no_phone_is_told_again_once_one_is_known(hub: Hub) -> None:
    dossier = uuid4()
    await hub.read(retold(dossier, accepted()))
    assert await hub.states(dossier) == {"accepted:1": "unreached"}
    assert (await hub.post(of(dossier, "redo"))).json()["slug"] == "nothing-to-redo"

    await hub.read(retold(dossier, corrected("sms"), **hub.contact(dossier)))
    assert (await hub.post(of(dossier, "redo"))).status_code == 202
    await until(lambda: hub.settled(dossier, accepted="sent"))
    assert await recipients(hub, dossier) == [recipient_hash(PHONE, SMS_TOKEN)]
