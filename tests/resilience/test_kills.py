"""Any process may be killed at any moment: under load, again and again; every dossier is done once all the same."""

import asyncio

import pytest

from hub_local.layout import SERVICES
from tests.flows.hub import Hub
from tests.flows.load import Load

pytestmark = pytest.mark.stack

DOSSIERS = 150


@pytest.mark.parametrize("process", [*SERVICES, "sandbox", "kafka", "postgres"])
async def test_a_process_is_killed_under_load(hub: Hub, process: str) -> None:
    load = Load(hub, DOSSIERS)
    await load.start()
    await load.reaches(DOSSIERS // 3)

    killed = hub.stack.kill(process)

    assert killed is not None
    await load.done_once()
    await hub.stack.ready(process)
    assert hub.stack.pid(process) != killed


async def test_processes_that_are_asked_to_end_hand_over_cleanly(hub: Hub) -> None:
    """SIGTERM: what is under way is brought to its end, so that nothing has to be sent a second time."""
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
