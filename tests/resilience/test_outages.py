"""Parties that are away for a while: Kafka, an agency, the SMS gateway, a sealing key. Others notice nothing."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.flows.hub import MORNING, THREE_DAYS, Hub
from tests.flows.load import Handed, Load, effects_after, percentile
from tests.flows.records import reference_told
from tests.waiting import until

pytestmark = pytest.mark.stack

KAFKA_AWAY_SECONDS = 15
QUICK_SECONDS = 5.0
"""What a desk may wait for its receipt on a busy machine."""


async def test_intake_accepts_while_kafka_is_away(hub: Hub) -> None:
    await reference_told(hub)
    await hub.stack.stop_one("kafka")
    load = Load(hub, 300, pause=KAFKA_AWAY_SECONDS * 8 / 300)
    await load.start()
    away_until = asyncio.get_running_loop().time() + KAFKA_AWAY_SECONDS

    handed = await load.answered()

    assert percentile([one.seconds for one in handed], 0.99) < QUICK_SECONDS
    assert await effects_after(hub, load.effects_before) == {}, "nothing could be told yet"
    assert await waiting_events(hub, "intake") == 300, "and nothing is forgotten: all of it waits in the outbox"
    ready = await hub.http.get(hub.layout.url("intake-probe") + "/ready")
    assert ready.status_code == 200, "intake needs its database alone"
    await asyncio.sleep(max(0.0, away_until - asyncio.get_running_loop().time()))
    await hub.stack.start_one("kafka")
    await load.done_once()


async def waiting_events(hub: Hub, service: str) -> int:
    """What /metrics says of the outbox, once it has been measured anew."""

    async def look() -> float:
        metrics = (await hub.http.get(hub.layout.url(f"{service}-probe") + "/metrics")).text
        return next(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("hub_outbox_rows "))

    rows: float = await until(look, lambda found: found >= 300, "the metric shows what waits")
    return int(rows)


async def test_one_dead_agency_harms_no_other(hub: Hub) -> None:
    desks = [desk["code"] for desk in (await hub.door.get("intake", "/v1/desks"))["items"]][:8]
    before = await handed_over_by(hub, desks, set())
    dead = await agency_of(hub, desks[0])
    await hub.door.put_behaviour(dead, {"down": "hold"})

    during = await handed_over_by(hub, desks, {desks[0]})

    alive = [delay for desk, delays in during.delays.items() if desk != desks[0] for delay in delays]
    calm = [delay for delays in before.delays.values() for delay in delays]
    assert len(alive) == 7 * 10
    assert during.delays[desks[0]] == []
    assert percentile(alive, 0.99) < max(3 * percentile(calm, 0.99), 1.5), (percentile(calm, 0.99), sorted(alive)[-3:])

    async def lanes() -> dict[str, tuple[int, int]]:
        listed = (await hub.door.get("routing", "/v1/lanes"))["items"]
        return {lane["name"]: (lane["due"], lane["set_aside"]) for lane in listed if lane["due"] or lane["set_aside"]}

    await until(lanes, lambda seen: seen == {dead: (10, 0)}, "work is left in the dead agency's lane alone")

    await hub.door.put_behaviour(dead, {})
    await during.load.done_once()


class HandedOver:
    """A finished load (but for the dead): seconds from the receipt to the hand-over, by desk."""

    def __init__(self, load: Load, delays: dict[str, list[float]]) -> None:
        self.load = load
        self.delays = delays


async def handed_over_by(hub: Hub, desks: list[str], dead: set[str]) -> HandedOver:
    """Ten dossiers by each desk, all of one procedure, so that each desk has one agency."""
    load = Load(hub, 10 * len(desks), clerks=4, choices=[(THREE_DAYS, desk) for desk in desks])
    await load.start()
    handed = {one.dossier_id: one for one in await load.answered()}
    waited_for = {id for id, one in handed.items() if one.desk not in dead}

    async def look() -> dict[str, float]:
        found = (await hub.door.sandbox(f"/ledger/effects?kind=handover&after={load.effects_before}&limit=10000"))[
            "effects"
        ]
        return {effect["dossier_id"]: effect["first_at"] for effect in found}

    first_at = await until(
        look, lambda seen: waited_for <= seen.keys(), "all living agencies have their dossiers", within=60
    )
    delays: dict[str, list[float]] = {desk: [] for desk in desks}
    for id, at in first_at.items():
        one: Handed = handed[id]
        delays[one.desk].append(at - one.at)
    return HandedOver(load, delays)


async def agency_of(hub: Hub, desk: str) -> str:
    receipt = await hub.accepted(desk=desk)
    await hub.reached(receipt["dossier_id"], "clock_stopped", "sent completed:1")
    return str((await hub.shown(receipt["dossier_id"]))["agency"]["code"])


async def test_a_gateway_that_is_down_holds_up_messages_alone(hub: Hub) -> None:
    await hub.door.put_behaviour("sms", {"down": "unavailable"})
    load = Load(hub, 40)
    await load.start()
    ids = {one.dossier_id for one in await load.answered()}

    async def look() -> dict[str, Any]:
        return await effects_after(hub, load.effects_before)

    await until(
        look,
        lambda seen: all(seen.get(one) == {"handover lead": 1} for one in ids),
        "every dossier is handed over, and nobody could be told",
        within=60,
    )

    async def due() -> int:
        return int((await hub.door.get("notify", "/v1/suppliers"))["items"][0]["due"])

    await until(due, lambda seen: seen >= 40, "what could not be told waits, and is counted")

    await hub.door.put_behaviour("sms", {})
    await load.done_once()


async def test_an_answer_comes_an_hour_later_after_both_sides_were_killed(hub: Hub) -> None:
    await hub.door.put_behaviour("*", {"callback": "on_command"})
    load = Load(hub, 30)
    await load.start()
    handed = await load.answered()
    for one in handed:
        await hub.reached(one.dossier_id, "handed_over", "sent accepted:1", "clock_started", within=60)
    for process in ("sandbox", "routing"):
        await hub.killed(process)
    await hub.moved_to(MORNING + timedelta(hours=1))

    agencies = {(await hub.shown(one.dossier_id))["agency"]["code"] for one in handed}
    for agency in agencies:
        await hub.door.release(agency)

    await load.done_once()
    shown = await hub.shown(handed[0].dossier_id)
    assert shown["completed_at"] > "2026-03-02T09:00:00+07:00"


async def test_messages_and_hand_overs_wait_for_a_key_that_is_missing(hub: Hub) -> None:
    """The keys' files came without the newest key: nothing is sent, nothing is refused; with the key all goes out."""
    files = {service: hub.stack.keys.sealing[service] for service in ("routing", "notify")}
    whole = {service: file.read_text() for service, file in files.items()}
    for service, file in files.items():
        strange = {
            purpose: [{**key, "kid": f"{key['kid']}-other"} for key in keys]
            for purpose, keys in json.loads(whole[service]).items()
        }
        file.write_text(json.dumps(strange))
        await hub.stack.restart(service)
    load = Load(hub, 20)
    try:
        await load.start()
        ids = [one.dossier_id for one in await load.answered()]
        for one in ids:
            await hub.reached(one, "routed", "clock_started")
        assert await effects_after(hub, load.effects_before) == {}
    finally:
        for service, file in files.items():
            file.write_text(whole[service])
    for service in files:
        await hub.stack.restart(service)
    await load.done_once()
