"""One story in full: a birth is registered on the eve of Tết, and everything goes wrong that can.

Saturday to Sunday week are Tết 2026 (14/02 to 22/02). "Same day; after 15:00 the next working day", received at 15:20
on Friday 13/02: due on Monday 23/02 at 17:00. Kafka is down, and intake is killed after its commit, before its answer.
"""

import asyncio
import json
from datetime import datetime
from uuid import uuid4

import httpx
import pytest

from hub_local.proof import TOLD
from hub_messaging.clock import VIETNAM
from tests.flows.hub import BIRTH, OFFICER, Hub
from tests.flows.load import count_dossiers, nothing_is_left_over
from tests.flows.swallowing import wire_to
from tests.flows.test_a_dossiers_way import WHOLE_WAY, minute
from tests.waiting import until

pytestmark = pytest.mark.stack

RECEIVED = datetime(2026, 2, 13, 15, 20, tzinfo=VIETNAM)
DUE = "17:00 23/02/2026"


async def test_one_birth_is_registered_once_and_every_place_shows_the_same_minute(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"steps": True})
    await hub.moved_to(RECEIVED)
    body = {**await hub.body(BIRTH), "received_at": RECEIVED.isoformat(), "acceptance": {"officer": OFFICER}}
    desk = Desk(hub, json.dumps(body).encode())
    before = await count_dossiers(hub)
    await hub.stack.stop_one("kafka")

    await answer_is_lost(hub, desk, before)
    assert await count_dossiers(hub) == before + 1, "what was committed has survived the kill"
    first, second = await desk.sends(hub.layout.port("intake")), await desk.sends(hub.layout.port("intake"))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    receipt = first.json()
    assert await count_dossiers(hub) == before + 1, "one dossier, however often it was sent"
    here = receipt["dossier_id"]
    assert set(await hub.reached(here, "accepted")) == {"accepted"}, "Kafka is down: nobody else knows yet"

    await hub.stack.start_one("kafka")
    words = await hub.reached(here, *WHOLE_WAY, within=60)

    assert dict(words) == WHOLE_WAY
    assert await hub.effects(here) == TOLD
    shown, clock = await hub.shown(here), await hub.clock(here)
    assert minute(receipt["promise"]["due_at"]) == DUE
    assert minute(shown["promise"]["due_at"]) == DUE
    assert DUE in (await hub.texts(here))["accepted"]
    assert (minute(clock["due_at"]), minute(clock["computed_due_at"]), clock["agrees"]) == (DUE, DUE, True)
    assert minute(shown["received_at"]) == "15:20 13/02/2026"
    await nothing_is_left_over(hub)


class Desk:
    """A desk's system with one thing to say, always the same way."""

    def __init__(self, hub: Hub, body: bytes) -> None:
        self._http = hub.http
        self._body = body
        self._headers = {**hub.token(), "idempotency-key": str(uuid4()), "content-type": "application/json"}

    async def sends(self, port: int) -> httpx.Response:
        address = f"http://127.0.0.1:{port}/v1/dossiers"
        return await self._http.post(address, content=self._body, headers=self._headers, timeout=30)


async def answer_is_lost(hub: Hub, desk: Desk, before: int) -> None:
    """Sends over a wire that swallows the answer, and kills intake as soon as the dossier lies in its database."""
    async with wire_to(hub.layout.port("intake")) as wire:
        wire.swallows = True
        asking = asyncio.create_task(desk.sends(wire.port))
        await until(lambda: count_dossiers(hub), lambda found: found > before, "intake has committed", every=0.01)
        assert not asking.done(), "the client has no answer"
        await hub.killed("intake")
        with pytest.raises(httpx.TransportError):
            await asking
