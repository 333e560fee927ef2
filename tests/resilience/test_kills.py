"""Any process may be killed at any moment: under load, again and again; every dossier is done once all the same."""

import asyncio
import os
import signal

import pytest

from hub_local.layout import SERVICES
from tests.flows.hub import Hub
from tests.flows.load import Load
from tests.waiting import until

pytestmark = pytest.mark.stack

DOSSIERS = 100
LATE_SECONDS = 0.4


async def answers_come_late(hub: Hub) -> None:
    """What the other side took is not yet known here for a while: that is when a kill hurts most."""
    for party in ("*", "sms"):
        await hub.door.put_behaviour(party, {"late_answer_seconds": LATE_SECONDS})


async def a_message_is_under_way(hub: Hub) -> None:
    """The other side has just taken one, and its answer is still to come."""

    async def taken() -> int:
        effects: dict[str, int] = (await hub.door.sandbox("/ledger/summary"))["effects"]
        return effects["sms"]

    before = await taken()
    await until(taken, lambda now: now > before, "a message reaches the other side", within=30, every=0.01)


@pytest.mark.parametrize("process", [*SERVICES, "sandbox", "kafka", "postgres"])
async def test_a_process_is_killed_under_load(hub: Hub, process: str) -> None:
    await answers_come_late(hub)
    repeats = (await hub.door.sandbox("/ledger/summary"))["repeats"]
    load = Load(hub, DOSSIERS)
    await load.start()
    await load.reaches(DOSSIERS // 2)
    await a_message_is_under_way(hub)

    killed = hub.stack.kill(process)

    assert killed is not None
    await load.done_once()
    await hub.stack.ready(process)
    assert hub.stack.pid(process) != killed
    if process in ("notify", "sandbox"):
        assert (await hub.door.sandbox("/ledger/summary"))["repeats"] > repeats, "messages were under way"


async def test_all_services_are_killed_at_once(hub: Hub) -> None:
    """They are forked from one process, and end with it."""
    nursery = hub.stack.processes[-1]
    killed = {process: hub.stack.pid(process) for process in SERVICES}
    load = Load(hub, DOSSIERS)
    await load.start()
    await load.reaches(DOSSIERS // 2)

    assert nursery.name == "nursery"
    assert nursery.pid is not None
    os.kill(nursery.pid, signal.SIGKILL)

    await load.done_once()
    for process in SERVICES:
        await hub.stack.ready(process)
        assert hub.stack.pid(process) != killed[process]


async def test_processes_that_are_asked_to_end_hand_over_cleanly(hub: Hub) -> None:
    """SIGTERM: what is under way is brought to its end, so that nothing has to be sent a second time."""
    await answers_come_late(hub)
    repeats = (await hub.door.sandbox("/ledger/summary"))["repeats"]
    logs = {process: hub.layout.logs / f"{process}.log" for process in SERVICES}
    drained = {process: log.read_text().count('"stopped"') for process, log in logs.items()}
    load = Load(hub, DOSSIERS)
    await load.start()
    await load.reaches(DOSSIERS // 3)

    for process in SERVICES:
        await hub.stack.restart(process)

    await load.done_once()
    assert (await hub.door.sandbox("/ledger/summary"))["repeats"] == repeats
    assert {process: log.read_text().count('"stopped"') - drained[process] for process, log in logs.items()} == (
        dict.fromkeys(SERVICES, 1)
    )


async def test_postgresql_is_restarted_under_load(hub: Hub) -> None:
    load = Load(hub, DOSSIERS)
    await load.start()
    await load.reaches(DOSSIERS // 3)

    await hub.stack.restart("postgres")

    await load.done_once()


@pytest.mark.long
async def test_everything_is_killed_in_turns_for_a_while(hub: Hub) -> None:
    load = Load(hub, 1500, pause=0.2)
    await load.start()
    for process in [*SERVICES, "sandbox", "postgres", "kafka"] * 3:
        await asyncio.sleep(2)
        hub.stack.kill(process)
    await load.done_once(within=170)
