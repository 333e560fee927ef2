"""Lệnh `hub …` against a running stack, as an operator types them."""

import asyncio
import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from hub_events.topics import INTAKE
from hub_local.layout import SERVICES
from tests.flows.hub import Hub
from tests.waiting import until

pytestmark = pytest.mark.stack


async def hub_command(hub: Hub, *words: str) -> tuple[int, str]:
    """Exit code and output of `hub <words>` for this stack."""
    environment = {
        **os.environ,
        "HUB_FOLDER": str(hub.layout.folder),
        "HUB_PORT_BASE": str(hub.layout.port_base),
    }
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "hub", *words, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, output.decode()


async def test_hub_status_shows_every_process_ready(hub: Hub) -> None:
    code, output = await hub_command(hub, "status", "--json")

    assert code == 0, output
    states = {process["name"]: process["state"] for process in json.loads(output)["processes"]}
    assert states == dict.fromkeys([*SERVICES, "sandbox", "postgres", "kafka", "nursery"], "ready")


async def test_what_is_not_followed_up_is_listed_as_stuck_until_it_is(hub: Hub) -> None:
    await hub.stack.stop_one("routing")
    try:
        receipt = await hub.accepted()
        await hub.reached(receipt["dossier_id"], "clock_started", "sent accepted:1")
        (line,) = await until(lambda: stuck(hub), bool, "the dossier is listed")
        assert (line["dossier_id"], line["missing"]) == (receipt["dossier_id"], ["route"])
        code, output = await hub_command(hub, "stuck", "--json")
        assert (code, json.loads(output)["dossier_code"]) == (1, receipt["dossier_code"])
        await until(lambda: stuck_by_metric(hub, "route"), lambda found: found == 1, "the metric counts it")
        assert await stuck_by_metric(hub, "clock") == await stuck_by_metric(hub, "notice") == 0
    finally:
        await hub.stack.start_one("routing")

    await hub.reached(receipt["dossier_id"], "clock_stopped", "sent completed:1")
    await until(lambda: stuck(hub), lambda lines: not lines, "nothing is stuck any more")
    assert await hub_command(hub, "stuck") == (0, "nothing is stuck\n")


async def stuck(hub: Hub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await hub.door.get("intake", "/v1/intake/stuck"))["items"]
    return found


async def stuck_by_metric(hub: Hub, missing: str) -> float:
    metrics = (await hub.http.get(hub.layout.url("intake-probe") + "/metrics")).text
    return float(metrics.partition(f'hub_stuck_dossiers{{missing="{missing}"}} ')[2].partition("\n")[0])


async def test_a_refused_record_is_listed_shown_replayed_and_discarded(hub: Hub) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=hub.layout.kafka_servers)
    await producer.start()
    try:
        await producer.send_and_wait(INTAKE.name, b"{", key=b"nobody", headers=[("ce_type", b"dossier.accepted.v1")])
    finally:
        await producer.stop()

    (letter,) = await until(lambda: hub.dead_letters("sla"), bool, "the record is a dead letter of sla")
    record = str(letter["id"])
    code, output = await hub_command(hub, "dead-letters", "list", "sla", "--json")
    assert (code, json.loads(output)["reason"], json.loads(output)["type"]) == (
        0,
        "unreadable-headers",
        "dossier.accepted.v1",
    )
    code, output = await hub_command(hub, "dead-letters", "show", "sla", record)
    assert (code, json.loads(output)["body"]) == (0, "{")

    code, output = await hub_command(hub, "dead-letters", "replay", "sla", record, "--why", "tried after a fix")
    assert code == 0, output
    (again,) = await until(
        lambda: hub.dead_letters("sla"), lambda letters: letters and letters[0]["attempts"], "it is refused again"
    )
    assert again["id"] == letter["id"], "a replay that fails is the same record, not a second one"

    code, output = await hub_command(hub, "dead-letters", "discard", "sla", record, "--why", "broken on purpose")
    assert code == 0, output
    assert await hub.dead_letters("sla") == []
    (discarded,) = await hub.dead_letters("sla", "discarded")
    assert (discarded["decided_by"], discarded["decided_why"]) == ("hub-cli", "broken on purpose")
    for service in ("routing", "notify"):
        for other in await until(functools.partial(hub.dead_letters, service), bool, f"{service} refused it too"):
            await hub.decide_letter(service, other, "discard")


async def test_a_command_that_cannot_reach_the_hub_says_so(hub: Hub) -> None:
    code, output = await hub_command(hub, "dead-letters", "show", "sla", "999999")

    assert code == 1
    assert output.startswith("hub: sla answered 404")
